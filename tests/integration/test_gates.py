"""Debug gates: messages that are held, edited, harmed and let go, at each place, as a user of both sides sees it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import Daebus, Requester, request, response
from tests.support.framework_services import serving
from tests.support.gates import Debugger

HOLD = {"place": "request", "hold": True}


class Shop:
    """A service with a handler of each kind, and what they were asked."""

    def __init__(self, **options: Any) -> None:
        self.handled: list[Any] = []
        self.heard: list[Any] = []
        self.app = Daebus("shop", debugger=True, **options)
        self.app.action("echo")(self.echo)
        self.app.action("async")(self.echo_async)
        self.app.action("steps")(self.steps)
        self.app.action("later")(self.later)
        self.app.listen("shop.event")(self.heard.append)

    def echo(self) -> dict[str, Any]:
        self.handled.append(request.payload)
        return {"got": request.payload}

    async def echo_async(self) -> dict[str, Any]:
        return self.echo()

    def steps(self) -> Iterator[dict[str, Any]]:
        self.handled.append(request.payload)
        yield {"step": 1}
        yield {"step": 2}

    def later(self) -> None:
        self.handled.append(request.payload)
        handle = response.defer()
        threading.Thread(target=lambda: handle.send({"later": True})).start()


@pytest.fixture
def requester(redis_url: str) -> Iterator[Requester]:
    with Requester(redis_url, timeout=20, name="web") as requester:
        yield requester


@pytest.fixture
def shop(redis_url: str, name: str) -> Iterator[Shop]:
    shop = Shop()
    with serving(shop.app, redis_url, name):
        yield shop


@pytest.fixture
def debugger(requester: Requester, name: str, shop: Shop) -> Debugger:
    return Debugger(requester, name)


@pytest.mark.parametrize("action", ["echo", "async", "later"])
def test_a_request_is_held_before_its_handler_and_goes_on_as_it_was(
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
    debugger.release()
    reply = list(call.replies())[-1]
    assert reply.payload == ({"later": True} if action == "later" else {"got": {"a": 1}})
    debug = json.loads(reply.raw)["debug"]
    assert (debug["by"], debug["did"]) == ("ann", ["held"])
    assert debug["held"] > 0
    assert shop.handled == [{"a": 1}]


def test_a_request_goes_on_edited(shop: Shop, debugger: Debugger, requester: Requester, name: str) -> None:
    debugger.rules(HOLD)
    call = requester.start(name, "echo", {"a": 1})
    debugger.release(payload={"a": 2})
    reply = list(call.replies())[-1]
    assert reply.payload == {"got": {"a": 2}}
    assert json.loads(reply.raw)["debug"]["did"] == ["held", "edited"]
