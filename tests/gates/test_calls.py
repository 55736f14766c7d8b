"""The place `call`: what a service asks others for is held before it leaves, from threads and from the event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, DaebusError, Requester, request
from tests.support.framework_services import Tap, serving
from tests.support.gates import Debugger, Shop
from tests.support.waiting import eventually

HOLD = {"place": "call", "hold": True}


class Gateway:
    """A service that asks a shop, in a plain handler and in an async one; what comes of it is its answer."""

    def __init__(self, name: str, shop: str, url: str) -> None:
        self.app = Daebus(name, debugger=True)
        self.app.action("plain")(self.plain)
        self.app.action("async")(self.asynchronous)
        self._caller = DaebusCaller(shop, redis_url=url)
        self._async_caller = AsyncDaebusCaller(shop, redis_url=url)

    def plain(self) -> dict[str, Any]:
        try:
            return {"said": self._caller.send_request("echo", request.payload, timeout=request.payload["wait"])}
        except DaebusError as error:
            return {"error": type(error).__name__, "code": getattr(error, "code", None)}

    async def asynchronous(self) -> dict[str, Any]:
        asked = self._async_caller.send_request("echo", request.payload, timeout=request.payload["wait"])
        try:
            return {"said": await asked}
        except DaebusError as error:
            return {"error": type(error).__name__, "code": getattr(error, "code", None)}

    def close(self) -> None:
        self._caller.close()


@pytest.fixture
def gateway(redis_url: str, name: str, shop: Shop) -> Iterator[str]:
    """The name of a service that asks the shop."""
    gateway = Gateway(f"{name}.gateway", name, redis_url)
    with serving(gateway.app, redis_url, f"{name}.gateway"):
        yield f"{name}.gateway"
    gateway.close()


@pytest.fixture
def debugger(requester: Requester, gateway: str) -> Debugger:
    return Debugger(requester, gateway)


@pytest.mark.parametrize("action", ["plain", "async"])
def test_it_is_held_before_it_leaves_and_goes_on_edited(
    shop: Shop, debugger: Debugger, requester: Requester, gateway: str, name: str, redis_url: str, action: str
) -> None:
    debugger.rules({**HOLD, "service": name, "action": "ec*", "from": gateway})
    with Tap(redis_url, name) as tap:
        call = requester.start(gateway, action, {"n": 1, "wait": 5}, request_id="r1")
        held = debugger.one()
        assert shop.handled == []
        assert held.items() >= {"place": "call", "action": "echo", "service": name, "parent": "r1"}.items()
        assert held["payload"] == {"n": 1, "wait": 5}
        waits_for = {"service": name, "action": "echo", "id": held["id"]}
        control = f"daebus.control.{gateway}"
        eventually(lambda: requester.call(control, "running")["running"][0].get("waits_for") == waits_for)
        debugger.release(payload={"n": 2})
        assert call.result() == {"said": {"got": {"n": 2}}}
        sent = json.loads(tap.next()[1])
    assert sent["debug"]["did"] == ["held", "edited"]
    assert (sent["request_id"], sent["parent_id"]) == (held["id"], "r1")


@pytest.mark.parametrize("action", ["plain", "async"])
def test_what_is_held_is_answered_failed_or_dropped_instead(
    shop: Shop, debugger: Debugger, requester: Requester, gateway: str, action: str
) -> None:
    debugger.rules(HOLD)
    for wait, release, expected in (
        (5, {"verdict": "answer", "payload": {"by": "me"}}, {"said": {"by": "me"}}),
        (5, {"verdict": "fail", "fail": {"code": "no", "error": "x"}}, {"error": "RequestFailed", "code": "no"}),
        (0.3, {"verdict": "drop"}, {"error": "RequestTimeout", "code": None}),
    ):
        call = requester.start(gateway, action, {"wait": wait})
        debugger.release(**release)
        assert call.result() == expected
    assert shop.handled == []


@pytest.mark.parametrize("action", ["plain", "async"])
@pytest.mark.parametrize(
    ("deed", "handled", "expected"),
    [
        ({"fail": {"code": "busy"}}, 0, {"error": "RequestFailed", "code": "busy"}),
        ({"answer": {"x": 1}}, 0, {"said": {"x": 1}}),
        ({"drop": True}, 0, {"error": "RequestTimeout", "code": None}),
        ({"drop_answer": True}, 1, {"error": "RequestTimeout", "code": None}),
        ({"duplicate": True}, 2, {"said": {"got": {"wait": 5}}}),
        ({"delay": 0.05}, 1, {"said": {"got": {"wait": 5}}}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_a_rule_does_to_it(
    shop: Shop,
    debugger: Debugger,
    requester: Requester,
    gateway: str,
    action: str,
    deed: dict[str, Any],
    handled: int,
    expected: dict[str, Any],
) -> None:
    debugger.rules({"place": "call", **deed})
    wait = 0.3 if expected.get("error") == "RequestTimeout" else 5
    assert requester.call(gateway, action, {"wait": wait}) == expected
    eventually(lambda: len(shop.handled) == handled)


@pytest.mark.parametrize("action", ["plain", "async"])
def test_the_time_that_it_is_held_is_not_that_of_the_call(
    debugger: Debugger, requester: Requester, gateway: str, action: str
) -> None:
    debugger.rules(HOLD)
    call = requester.start(gateway, action, {"wait": 0.5}, timeout=0.5)
    eventually(lambda: debugger.one()["held"] > 3)
    debugger.release()
    assert call.result() == {"said": {"got": {"wait": 0.5}}}


def test_what_no_service_asks_for_is_not_held(shop: Shop, requester: Requester, name: str, redis_url: str) -> None:
    debugger = Debugger(requester, name)
    debugger.rules(HOLD)
    with Requester(redis_url, name="a program") as program:
        assert program.call(name, "echo", {"a": 1}) == {"got": {"a": 1}}


def test_a_task_that_is_cancelled_while_its_call_is_held_takes_it_along(
    redis_url: str, requester: Requester, name: str, shop: Shop
) -> None:
    app = Daebus("impatient", debugger=True)

    @app.action("ask")
    async def ask() -> dict[str, Any]:
        caller = AsyncDaebusCaller(name, redis_url=redis_url)
        try:
            await asyncio.wait_for(caller.send_request("echo"), 0.2)
        except TimeoutError:
            return {"gave": "up"}
        return {}

    with serving(app, redis_url, f"{name}.impatient"):
        debugger = Debugger(requester, f"{name}.impatient")
        debugger.rules(HOLD)
        assert requester.call(f"{name}.impatient", "ask") == {"gave": "up"}
        eventually(debugger.nothing)
        assert shop.handled == []
