"""The place `answer` with answers in parts: each part is held for itself, and their order never changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from daebus import Requester, RequestFailed, request, response
from daebus.client.call import Call
from daebus.gates import gates as the_gates
from tests.support.framework_services import serving
from tests.support.gates import Debugger, Shop
from tests.support.waiting import eventually

PARTS = {"place": "answer", "hold": True}
WAYS = ["count", "count_async", "progress", "handle"]


@pytest.fixture
def shop(redis_url: str, name: str) -> Iterator[Shop]:
    """A shop that counts to `to`, in each way in which parts can be sent."""
    shop = Shop(name)

    @shop.app.action("count")
    def count() -> Iterator[dict[str, Any]]:
        for n in range(1, request.payload["to"] + 1):
            yield {"n": n}
        shop.handled.append(request.payload)

    @shop.app.action("count_async")
    async def count_async() -> AsyncIterator[dict[str, Any]]:
        for n in range(1, request.payload["to"] + 1):
            yield {"n": n}
            await asyncio.sleep(0)
        shop.handled.append(request.payload)

    @shop.app.action("progress")
    def progress() -> None:
        to = request.payload["to"]
        for n in range(1, to):
            response.progress({"n": n})
        response.send({"n": to})
        shop.handled.append(request.payload)

    @shop.app.action("handle")
    def handle() -> None:
        to, handle = request.payload["to"], response.defer()
        for n in range(1, to):
            handle.progress({"n": n})
        handle.send({"n": to})
        shop.handled.append(request.payload)

    with serving(shop.app, redis_url, name):
        yield shop


def said(call: Call) -> list[tuple[Any, bool, list[str]]]:
    """The payloads, whether each is the final one, and what was done to it."""
    replies = list(call.replies())
    return [(each.payload, each.final, json.loads(each.raw).get("debug", {}).get("did", [])) for each in replies]


@pytest.mark.parametrize("way", WAYS)
def test_a_part_is_held_and_what_follows_waits_behind_it_while_the_handler_goes_on(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, way: str
) -> None:
    debugger.rules({**PARTS, "where": [["n", "=", 2]]})
    call = requester.start(name, way, {"to": 5}, request_id="r1")
    held = debugger.one()
    assert held.items() >= {"place": "answer", "final": False, "part": 2, "ok": True, "id": "r1"}.items()
    assert held["payload"] == {"n": 2}
    eventually(lambda: shop.handled)
    assert eventually(lambda: debugger.one()["behind"] == 3)
    debugger.release(payload={"n": "two"})
    numbers: list[Any] = [1, "two", 3, 4, 5]
    dids = [["held", "edited"] if n == "two" else [] for n in numbers]
    assert said(call) == [({"n": n}, n == 5, did) for n, did in zip(numbers, dids, strict=True)]
    assert debugger.nothing()


@pytest.mark.parametrize("way", ["count", "count_async"])
def test_each_part_is_held_in_turn_and_counted_and_once_means_one_of_them(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, way: str
) -> None:
    debugger.rules({**PARTS, "id": "all"})
    call = requester.start(name, way, {"to": 3})
    for expected in (1, 2, 3):
        held = debugger.one()
        assert (held["payload"], held.get("part")) == ({"n": expected}, expected if expected < 3 else None)
        debugger.release(held["hold"])
    assert [payload["n"] for payload, _final, _did in said(call)] == [1, 2, 3]
    assert debugger.ask("rules", owner="ann", lease=30)["rules"][0]["hits"] == 3
    debugger.rules({**PARTS, "id": "one", "once": True})
    call = requester.start(name, way, {"to": 3})
    debugger.release()
    assert [did for _payload, _final, did in said(call)] == [["held"], [], []]


@pytest.mark.parametrize(
    ("final", "dids"), [(True, [[], [], ["delayed"]]), (False, [["delayed"], ["delayed"], []])], ids=["final", "parts"]
)
def test_a_rule_may_be_for_final_answers_or_for_parts_alone(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, final: bool, dids: list[list[str]]
) -> None:
    debugger.rules({"place": "answer", "delay": 0.01, "final": final})
    replies = said(requester.start(name, "count", {"to": 3}))
    assert [(payload["n"], did) for payload, _final, did in replies] == list(zip([1, 2, 3], dids, strict=True))


def test_what_is_no_answer_is_neither(debugger: Debugger, shop: Shop) -> None:
    assert "`final`" in str(
        debugger.refused("rules", owner="ann", lease=5, rules=[{"place": "request", "hold": True, "final": True}])
    )
    assert "`final`" in str(debugger.refused("rules", owner="ann", lease=5, rules=[{**PARTS, "final": "yes"}]))


@pytest.mark.parametrize("ends", ["lease", "all"])
def test_when_all_goes_on_the_parts_go_in_their_order(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, ends: str
) -> None:
    debugger.rules(PARTS)
    call = requester.start(name, "count", {"to": 20})
    eventually(lambda: debugger.one().get("behind") == 19)
    debugger.ask("rules", owner="ann", lease=0) if ends == "lease" else debugger.ask("release", all=True)
    assert [payload["n"] for payload, _final, _did in said(call)] == list(range(1, 21))


def test_what_a_rule_does_to_a_part(shop: Shop, debugger: Debugger, requester: Requester, name: str) -> None:
    second = {"place": "answer", "where": [["n", "=", 2]]}
    for deed, expected in (
        ({"drop": True}, [1, 3]),
        ({"answer": {"n": "two"}}, [1, "two", 3]),
        ({"answer_twice": True}, [1, 2, 2, 3]),
        ({"delay": 0.01}, [1, 2, 3]),
    ):
        debugger.rules({**second, **deed})
        replies = said(requester.start(name, "count", {"to": 3}))
        assert [payload["n"] for payload, _final, _did in replies] == expected
        assert [final for _payload, final, _did in replies] == [*[False] * (len(expected) - 1), True]
        # A part that is gone cannot say so itself.
        assert replies[-1][2] == (["dropped"] if "drop" in deed else [])


@pytest.mark.parametrize("how", ["rule", "release"])
def test_a_part_that_is_failed_ends_the_answer(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, how: str
) -> None:
    fail: dict[str, Any] = {"fail": {"code": "broke", "error": "halfway"}}
    debugger.rules({"place": "answer", "where": [["n", "=", 2]], **(fail if how == "rule" else {"hold": True})})
    call = requester.start(name, "count", {"to": 9})
    if how == "release":
        debugger.release(verdict="fail", **fail)
    heard: list[Any] = []
    with pytest.raises(RequestFailed, match="halfway") as caught:
        call.result(heard.append)
    assert (heard, caught.value.code) == ([{"n": 1}], "broke")
    eventually(lambda: shop.handled)


def test_who_asked_waits_for_as_long_as_a_part_is_held(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules({**PARTS, "where": [["n", "=", 1]]})
    call = requester.start(name, "count", {"to": 3}, timeout=0.5)
    eventually(lambda: debugger.one()["held"] > 2.2)
    debugger.release()
    assert [payload["n"] for payload, _final, _did in said(call)] == [1, 2, 3]


def test_an_answer_in_parts_that_is_to_be_lost_is_lost_wholly(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules({"place": "request", "drop_answer": True, "once": True})
    lost = requester.start(name, "count", {"to": 3}, timeout=0.3)
    eventually(lambda: shop.handled)
    assert [payload["n"] for payload, _final, _did in said(requester.start(name, "count", {"to": 2}))] == [1, 2]
    assert not lost.ready()


def test_where_too_much_waits_behind_a_part_all_goes_on_in_order(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules({**PARTS, "once": True})
    call = requester.start(name, "count", {"to": 300})
    assert [payload["n"] for payload, _final, _did in said(call)] == list(range(1, 301))
    told = debugger.ask("held")
    assert (told["count"], told["bytes"]) == (0, 0)
    assert told["passed"] >= 1
    assert the_gates.MOST_HELD < 300


@pytest.mark.parametrize("step", ["into", "over"])
def test_from_a_part_one_steps_to_the_final_answer(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, step: str
) -> None:
    debugger.rules({**PARTS, "once": True})
    call = requester.start(name, "count", {"to": 4})
    debugger.release(then=step)
    held = debugger.one()
    assert (held["final"], held["payload"]) == (True, {"n": 4})
    debugger.release()
    assert len(said(call)) == 4


@pytest.mark.parametrize("action", ["echo", "async", "steps"])
@pytest.mark.parametrize("how", ["rule", "answer", "released"])
def test_that_an_answer_was_dropped_is_noted(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, action: str, how: str
) -> None:
    """Beside that it was handled: nothing that is sent could say so."""
    rules = {
        "rule": {"place": "request", "drop_answer": True},
        "answer": {"place": "answer", "final": True, "drop": True},
        "released": {"place": "answer", "final": True, "hold": True},
    }
    debugger.rules(rules[how])
    requester.start(name, action, {"n": 1}, request_id="r1", timeout=5)
    if how == "released":
        debugger.release(verdict="drop")

    def told() -> list[tuple[str, str, str]]:
        records = requester.call(f"daebus.control.{name}", "recent", {"id": "r1"})["records"]
        return sorted((each["kind"], each["action"], each.get("code", "")) for each in records)

    eventually(lambda: told() == [("handled", action, ""), ("refused", action, "answer_dropped")])
