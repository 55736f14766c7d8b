"""The place `answer`: the final answer is held when its handler has ended, whichever way it is given."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus import Requester, RequestFailed, RequestTimeout, request
from tests.support.framework_services import Tap, serving
from tests.support.gates import Debugger, Shop, did, final
from tests.support.waiting import eventually

HOLD = {"place": "answer", "hold": True, "final": True}


@pytest.mark.parametrize("action", ["echo", "async", "steps", "later"])
def test_it_is_held_and_goes_on_as_it_was_or_edited(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, action: str
) -> None:
    debugger.rules(HOLD)
    calls = [requester.start(name, action, {"n": n}, request_id=f"r{n}") for n in range(2)]
    first, second = sorted(debugger.held(2), key=lambda held: held["id"])
    assert len(shop.handled) == 2
    assert first.items() >= {"place": "answer", "ok": True, "id": "r0", "action": action, "from": "web"}.items()
    assert first["payload"] == {"got": {"n": 0}}
    debugger.release(first["hold"])
    debugger.release(second["hold"], payload={"mine": 1})
    replies = [final(call) for call in calls]
    assert [reply.payload for reply in replies] == [{"got": {"n": 0}}, {"mine": 1}]
    assert [did(reply) for reply in replies] == [["held"], ["held", "edited"]]
    assert all(reply.elapsed is not None for reply in replies)


def test_its_worker_is_free_meanwhile(redis_url: str, requester: Requester, name: str) -> None:
    shop = Shop(name, max_workers=1)
    with serving(shop.app, redis_url, name):
        debugger = Debugger(requester, name)
        debugger.rules({**HOLD, "where": [["got.hold", "=", True]]})
        call = requester.start(name, "echo", {"hold": True})
        debugger.one()
        assert requester.call(name, "echo", {}) == {"got": {}}
        debugger.release()
        assert call.result() == {"got": {"hold": True}}


def test_what_is_held_is_replaced_or_lost(debugger: Debugger, requester: Requester, name: str) -> None:
    debugger.rules(HOLD)
    calls = [requester.start(name, "echo", {}, timeout=20 if n < 2 else 0.5, request_id=f"r{n}") for n in range(3)]
    holds = sorted(debugger.held(3), key=lambda held: held["id"])
    debugger.release(holds[0]["hold"], verdict="answer", payload={"by": "me"})
    debugger.release(holds[1]["hold"], verdict="fail", fail={"code": "late", "error": "too late"})
    debugger.release(holds[2]["hold"], verdict="drop")
    assert calls[0].result() == {"by": "me"}
    with pytest.raises(RequestFailed, match="too late") as caught:
        calls[1].result()
    assert caught.value.code == "late"
    with pytest.raises(RequestTimeout):
        calls[2].result()


@pytest.mark.parametrize(
    ("deed", "answers", "ok", "done"),
    [
        ({"fail": {"code": "busy", "error": "no"}}, 1, False, ["failed"]),
        ({"answer": {"x": 1}}, 1, True, ["answered"]),
        ({"drop": True}, 0, None, None),
        ({"answer_twice": True}, 2, True, ["answered twice"]),
        ({"delay": 0.05}, 1, True, ["delayed"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_a_rule_does_to_it(
    shop: Shop,
    debugger: Debugger,
    redis_url: str,
    name: str,
    deed: dict[str, Any],
    answers: int,
    ok: bool | None,
    done: list[str] | None,
) -> None:
    debugger.rules({"place": "answer", "once": True, **deed})
    with Requester(redis_url) as asker, Tap(redis_url, asker.reply_channel) as tap:
        asker.start(name, "echo", {"a": 1})
        eventually(lambda: debugger.ask("rules", owner="ann", lease=30)["rules"][0]["hits"] == 1)
        eventually(lambda: debugger.nothing())
        asker.call(name, "echo", {"a": 2})
        said = [json.loads(data) for _channel, data in eventually(lambda: finals(tap, answers + 1))]
    touched = [each for each in said if "debug" in each]
    assert [(each["status"] == "success", each["debug"]["did"]) for each in touched] == [(ok, done)] * answers
    assert len(shop.handled) == 2


def finals(tap: Tap, count: int) -> list[tuple[str, bytes]]:
    """What answered for good so far, when there is so much."""
    found = [each for each in tap.collect() if json.loads(each[1])["final"]]
    return found if len(found) == count else []


def test_what_was_done_to_the_request_is_told_as_well(debugger: Debugger, requester: Requester, name: str) -> None:
    debugger.rules({"place": "request", "hold": True}, HOLD)
    call = requester.start(name, "echo", {"a": 1})
    debugger.release(payload={"a": 2})
    debugger.release()
    reply = final(call)
    assert (reply.payload, did(reply)) == ({"got": {"a": 2}}, ["held", "edited", "held"])


def test_an_error_is_held_as_well_and_may_be_told_by_its_payload(
    redis_url: str, requester: Requester, name: str
) -> None:
    shop = Shop(name)

    @shop.app.action("fail")
    def fail() -> None:
        raise KeyError(request.payload["key"])

    with serving(shop.app, redis_url, name):
        debugger = Debugger(requester, name)
        debugger.rules({**HOLD, "where": [["type", "=", "KeyError"]]})
        call = requester.start(name, "fail", {"key": "x"})
        assert debugger.one()["ok"] is False
        debugger.release()
        with pytest.raises(RequestFailed) as caught:
            call.result()
        assert caught.value.type == "KeyError"
