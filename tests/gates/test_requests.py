"""The place `request`: held before the handler, whatever kind of handler it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus import DaebusCaller, Requester, RequestFailed, RequestTimeout, request
from tests.support.framework_services import Tap, serving
from tests.support.gates import HOLD, Debugger, Shop, did, final
from tests.support.waiting import eventually


@pytest.mark.parametrize("action", ["echo", "async", "steps", "later"])
def test_it_is_held_before_its_handler_and_goes_on_as_it_was(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, action: str
) -> None:
    debugger.rules({**HOLD, "id": "b1", "action": action})
    call = requester.start(name, action, {"a": 1}, request_id="r1", parent_id="p1")
    held = debugger.one()
    assert shop.handled == []
    told = {"place": "request", "owner": "ann", "rule": "b1", "action": action, "id": "r1", "parent": "p1"}
    assert held.items() >= {**told, "from": "web", "payload": {"a": 1}}.items()
    assert held["asker"]["notified"]
    assert 0 < held["left"] <= 30
    assert 30 < held["ends"] <= 300
    released = debugger.release()
    assert released.items() >= {"released": 1, "verdict": "go", "hold": held["hold"], "id": "r1"}.items()
    reply = final(call)
    assert reply.payload == {"got": {"a": 1}}
    debug = json.loads(reply.raw)["debug"]
    assert (debug["by"], debug["did"]) == ("ann", ["held"])
    assert debug["held"] > 0
    assert shop.handled == [{"a": 1}]


@pytest.mark.parametrize("action", ["echo", "async", "steps", "later"])
def test_it_goes_on_edited(shop: Shop, debugger: Debugger, requester: Requester, name: str, action: str) -> None:
    debugger.rules(HOLD)
    call = requester.start(name, action, {"a": 1})
    debugger.release(payload={"a": [2]}, owner="bob")
    reply = final(call)
    assert reply.payload == {"got": {"a": [2]}}
    assert did(reply) == ["held", "edited"]
    assert json.loads(reply.raw)["debug"]["by"] == "ann, bob"


def test_what_is_held_is_answered_failed_or_dropped_instead(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules(HOLD)
    actions = ["echo", "async", "echo"]
    calls = [requester.start(name, actions[n], {"n": n}, timeout=20 if n < 2 else 0.5) for n in range(3)]
    holds = sorted(debugger.held(3), key=lambda held: held["payload"]["n"])
    answered, failed, dropped = (held["hold"] for held in holds)
    debugger.release(answered, verdict="answer", payload={"by": "me"})
    debugger.release(failed, verdict="fail", fail={"code": "declined", "error": "no money"})
    assert debugger.release(dropped, verdict="drop")["verdict"] == "drop"
    reply = final(calls[0])
    assert (reply.payload, did(reply)) == ({"by": "me"}, ["held", "answered"])
    assert reply.elapsed is None
    with pytest.raises(RequestFailed, match="no money") as caught:
        calls[1].result()
    assert caught.value.code == "declined"
    with pytest.raises(RequestTimeout):
        calls[2].result()
    assert shop.handled == []


@pytest.mark.parametrize("action", ["echo", "async"])
@pytest.mark.parametrize(
    ("deed", "handled", "answers", "done"),
    [
        ({"fail": {"code": "busy", "error": "no"}}, 0, 1, ["failed"]),
        ({"answer": {"x": 1}}, 0, 1, ["answered"]),
        ({"drop": True}, 0, 0, None),
        ({"drop_answer": True}, 1, 0, None),
        ({"duplicate": True}, 2, 2, ["duplicated"]),
        ({"answer_twice": True}, 1, 2, ["answered twice"]),
        ({"delay": 0.05}, 1, 1, ["delayed"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_a_rule_does_to_it(
    shop: Shop,
    debugger: Debugger,
    redis_url: str,
    name: str,
    action: str,
    deed: dict[str, Any],
    handled: int,
    answers: int,
    done: list[str] | None,
) -> None:
    debugger.rules({"place": "request", **deed})
    with Requester(redis_url) as asker, Tap(redis_url, asker.reply_channel) as tap:
        asker.start(name, action, {"a": 1})
        eventually(lambda: debugger.ask("rules", owner="ann", lease=30)["rules"][0]["hits"] == 1)
        eventually(lambda: len(shop.handled) == handled)
        finals = [each for each in eventually(lambda: answered(tap, answers)) if each["final"]]
        assert done is None or finals[0]["debug"]["did"] == done
        assert all(("elapsed" in each) == (handled > 0) for each in finals if each)
        # What is sent after it comes after it.
        debugger.rules()
        asker.call(name, action, {"a": 2})
        eventually(lambda: answered(tap, answers + 1))
    assert len(shop.handled) == handled + 1


def answered(tap: Tap, count: int) -> list[dict[str, Any]]:
    """What answered so far, with a mark for none, when there are so many final answers."""
    said = [json.loads(data) for _channel, data in tap.collect()]
    return [*said, {"final": False}] if sum(each["final"] for each in said) == count else []


def test_a_one_way_message_is_held_and_dropped(shop: Shop, debugger: Debugger, redis_url: str, name: str) -> None:
    debugger.rules(HOLD)
    with DaebusCaller(name, redis_url=redis_url) as caller:
        caller.send_message("echo", {"n": 1})
        caller.send_message("echo", {"n": 2})
        first, second = debugger.held(2)
        assert "asker" not in first
        assert len(first["id"]) == 32
        debugger.release(second["hold"], verdict="drop")
        debugger.release(first["hold"], payload={"n": 3})
        eventually(lambda: shop.handled == [{"n": 3}])
        # One that would be answered is not handled either.
        caller.send_message("echo", {"n": 4})
        debugger.release(verdict="answer", payload={})
        debugger.rules()
        caller.send_message("echo", {"n": 5})
        eventually(lambda: shop.handled == [{"n": 3}, {"n": 5}])


def test_they_go_on_in_the_order_in_which_they_are_released(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules(HOLD)
    calls = []
    for number in range(3):
        # One after the other: each is handled by a worker of its own, and which is first is up to them.
        calls.append(requester.start(name, "echo", {"n": number}))
        holds = debugger.held(number + 1)
    assert [held["payload"]["n"] for held in holds] == [0, 1, 2]
    for number in (2, 0, 1):
        debugger.release(holds[number]["hold"])
        calls[number].result()
    assert [payload["n"] for payload in shop.handled] == [2, 0, 1]


def test_held_ones_take_no_worker_and_no_place_in_the_queue(redis_url: str, requester: Requester, name: str) -> None:
    shop = Shop(name, max_workers=1, max_queue=1, max_async=1)
    with serving(shop.app, redis_url, name):
        debugger = Debugger(requester, name)
        debugger.rules({**HOLD, "where": [["hold", "=", True]]})
        for action in ("echo", "async"):
            shop.handled.clear()
            calls = []
            for number in range(1, 21):
                calls.append(requester.start(name, action, {"hold": True}))
                debugger.held(number)
            info = requester.call(f"daebus.control.{name}", "info")
            assert (info["workers"]["busy"], info["queue"]["size"]) == (0, 0)
            assert requester.call(name, action, {"n": 1}) == {"got": {"n": 1}}
            assert debugger.ask("release", all=True, owner="ann") == {"released": 20}
            assert [call.result() for call in calls] == [{"got": {"hold": True}}] * 20
            assert len(shop.handled) == 21


def test_hooks_see_what_a_handler_answers_and_no_answer_of_a_debugger(
    redis_url: str, requester: Requester, name: str
) -> None:
    shop = Shop(name)
    seen: list[Any] = []
    shop.app.after_request(seen.append)
    shop.app.before_request(lambda: seen.append(request.payload))
    with serving(shop.app, redis_url, name):
        debugger = Debugger(requester, name)
        debugger.rules(HOLD)
        calls = [requester.start(name, "echo", {"n": n}) for n in range(2)]
        # Two workers met them, in any order.
        first, second = sorted(debugger.held(2), key=lambda held: held["payload"]["n"])
        debugger.release(first["hold"], verdict="answer", payload={"by": "me"})
        assert calls[0].result() == {"by": "me"}
        debugger.release(second["hold"], payload={"n": 5})
        assert calls[1].result() == {"got": {"n": 5}}
        assert seen == [{"n": 5}, {"got": {"n": 5}}]
