"""The place `call` with one-way messages: they are held before they leave, and nobody waits for an answer to them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, Requester, request
from tests.support.framework_services import serving
from tests.support.gates import Debugger, Shop
from tests.support.waiting import eventually

HOLD = {"place": "call", "hold": True}


@pytest.fixture
def notifier(redis_url: str, name: str, shop: Shop) -> Iterator[str]:
    """The name of a service that sends the shop one-way messages, from a plain handler and from an async one."""
    app = Daebus("notifier", debugger=True)
    caller, async_caller = DaebusCaller(name, redis_url=redis_url), AsyncDaebusCaller(name, redis_url=redis_url)

    @app.action("plain")
    def plain() -> dict[str, Any]:
        return {"received": caller.send_message("echo", request.payload)}

    @app.action("async")
    async def asynchronous() -> dict[str, Any]:
        return {"received": await async_caller.send_to_service(request.payload, "echo")}

    with serving(app, redis_url, f"{name}.notifier", debug=True):
        yield f"{name}.notifier"
    caller.close()


@pytest.fixture
def debugger(requester: Requester, notifier: str) -> Debugger:
    return Debugger(requester, notifier)


@pytest.mark.parametrize("action", ["plain", "async"])
def test_it_is_held_before_it_leaves_and_goes_on_edited(
    shop: Shop, debugger: Debugger, requester: Requester, notifier: str, name: str, action: str
) -> None:
    debugger.rules({**HOLD, "service": name, "from": notifier, "where": [["n", "=", 1]]})
    call = requester.start(notifier, action, {"n": 1}, request_id="r1", timeout=0.5)
    held = debugger.one()
    assert held.items() >= {"place": "call", "action": "echo", "service": name, "parent": "r1", "one_way": True}.items()
    assert shop.handled == []
    eventually(lambda: debugger.one()["held"] > 1.2)
    debugger.release(payload={"n": 2})
    assert call.result() == {"received": 1}
    eventually(lambda: shop.handled == [{"n": 2}])

    def handled() -> list[Any]:
        told = requester.call(f"daebus.control.{name}", "recent", {"id": held["id"]})["records"]
        return [each["id"] for each in told if each["kind"] == "handled"]

    # It is noted when its handler is over.
    eventually(lambda: handled() == [held["id"]])


@pytest.mark.parametrize("action", ["plain", "async"])
@pytest.mark.parametrize(
    ("deed", "received", "handled"),
    [
        ({"drop": True}, 0, 0),
        ({"duplicate": True}, 1, 2),
        ({"delay": 0.01}, 1, 1),
        # What is done to an answer passes by what has none.
        ({"fail": {"code": "no"}}, 1, 1),
        ({"answer": {"x": 1}}, 1, 1),
        ({"drop_answer": True}, 1, 1),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_a_rule_does_to_it(
    shop: Shop,
    debugger: Debugger,
    requester: Requester,
    notifier: str,
    action: str,
    deed: dict[str, Any],
    received: int,
    handled: int,
) -> None:
    debugger.rules({"place": "call", **deed})
    assert requester.call(notifier, action, {"n": 1}) == {"received": received}
    eventually(lambda: len(shop.handled) == handled)


@pytest.mark.parametrize("action", ["plain", "async"])
def test_the_log_of_who_sends_it_has_one_line_of_it(
    shop: Shop,
    debugger: Debugger,
    requester: Requester,
    notifier: str,
    name: str,
    action: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "daebus")
    debugger.rules({"place": "call", "delay": 0.01})
    requester.call(notifier, action, {"n": 1})
    eventually(lambda: len(shop.handled) == 1)
    (line,) = [line for line in caplog.messages if line.startswith(f"=> {notifier} ")]
    assert line.startswith(f"=> {notifier} tells {name} 'echo' id=")


def test_a_rule_that_passes_it_by_leaves_it_to_the_next_and_is_not_hit(
    debugger: Debugger, requester: Requester, notifier: str
) -> None:
    debugger.rules({"id": "f", "place": "call", "fail": True}, {"id": "d", "place": "call", "drop": True})
    assert requester.call(notifier, "plain", {}) == {"received": 0}
    rules = debugger.ask("rules", owner="ann", lease=30)["rules"]
    assert [(each["id"], each["hits"]) for each in rules] == [("f", 0), ("d", 1)]


@pytest.mark.parametrize("verdict", ["answer", "fail"])
def test_it_cannot_be_answered_and_says_why_and_stays_held(
    debugger: Debugger, requester: Requester, notifier: str, shop: Shop, verdict: str
) -> None:
    debugger.rules(HOLD)
    call = requester.start(notifier, "plain", {"n": 1})
    hold = debugger.one()["hold"]
    refused = debugger.refused("release", hold=hold, verdict=verdict, payload={"x": 1})
    assert refused.code == "bad_request"
    assert "one-way message, for the answer of which nobody waits" in str(refused)
    debugger.release(hold)
    assert call.result() == {"received": 1}
    eventually(lambda: shop.handled == [{"n": 1}])


def test_one_goes_into_it_where_it_arrives(
    shop: Shop, debugger: Debugger, requester: Requester, notifier: str, name: str
) -> None:
    debugger.rules(HOLD)
    call = requester.start(notifier, "plain", {"n": 1})
    id = debugger.one()["id"]
    at_the_shop = Debugger(requester, name)
    at_the_shop.rules({"place": "request", "message": id, "hold": True, "once": True})
    debugger.release(then="into")
    assert at_the_shop.one()["id"] == id
    assert call.result() == {"received": 1}
    at_the_shop.release()
    eventually(lambda: shop.handled == [{"n": 1}])


def test_what_no_service_sends_is_not_held(shop: Shop, requester: Requester, name: str, redis_url: str) -> None:
    Debugger(requester, name).rules(HOLD)
    with Requester(redis_url, name="a program") as program:
        assert program.send(name, "echo", {"a": 1}) == 1
    eventually(lambda: shop.handled == [{"a": 1}])
