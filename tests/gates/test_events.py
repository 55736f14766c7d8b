"""The place `event`: a broadcast is held before its listeners hear it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from daebus import Daebus, Requester
from tests.support.framework_services import serving
from tests.support.gates import Debugger, Shop
from tests.support.waiting import eventually

HOLD = {"place": "event", "hold": True}


@pytest.mark.parametrize(("channel", "listeners"), [("event", 1), ("both", 2)])
def test_it_is_held_once_and_goes_on_as_it_was_or_edited(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, channel: str, listeners: int
) -> None:
    debugger.rules({**HOLD, "channel": f"{name}.*"})
    requester.publish(f"{name}.{channel}", b'{"n":1}')
    requester.publish(f"{name}.{channel}", b'{"n":2}')
    first, second = debugger.held(2)
    assert first.items() >= {"place": "event", "channel": f"{name}.{channel}", "payload": {"n": 1}}.items()
    assert "asker" not in first
    debugger.release(second["hold"])
    eventually(lambda: shop.heard == [{"n": 2}] * listeners)
    debugger.release(first["hold"], payload={"n": 3})
    eventually(lambda: shop.heard == [{"n": 2}] * listeners + [{"n": 3}] * listeners)


def test_what_rules_do_to_it(shop: Shop, debugger: Debugger, requester: Requester, name: str) -> None:
    where = [[["n"], "=", 1]]
    for deed, heard in (({"drop": True}, 0), ({"duplicate": True}, 2), ({"delay": 0.05}, 1)):
        shop.heard.clear()
        debugger.rules({"place": "event", "where": where, **deed})
        requester.publish(f"{name}.event", b'{"n":1}')
        requester.publish(f"{name}.event", b'{"n":2}')
        eventually(lambda: {"n": 2} in shop.heard)
        eventually(lambda heard=heard: shop.heard.count({"n": 1}) == heard)
    debugger.rules(HOLD)
    requester.publish(f"{name}.event", b'{"n":7}')
    debugger.release(verdict="drop")
    debugger.rules()
    requester.publish(f"{name}.event", b'{"n":8}')
    eventually(lambda: {"n": 8} in shop.heard)
    assert {"n": 7} not in shop.heard


def test_what_cannot_be_read_goes_through_to_be_told_of(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules(HOLD, {**HOLD, "where": [["a", "exists"]]})
    requester.publish(f"{name}.event", b"no json")
    held = debugger.one()
    assert held["payload"] is None
    debugger.release()
    eventually(lambda: requester.call(f"daebus.control.{name}", "info")["counts"].get("unreadable") == 1)
    assert shop.heard == []


def test_on_a_channel_that_is_also_the_services_own_the_request_goes_on(
    redis_url: str, requester: Requester, name: str
) -> None:
    shop = Shop(name)
    shop.app.listen(name)(shop.hear_async)
    with serving(shop.app, redis_url, name):
        debugger = Debugger(requester, name)
        debugger.rules(HOLD)
        assert requester.call(name, "echo", {"a": 1}) == {"got": {"a": 1}}
        assert shop.heard == []
        debugger.release()
        eventually(lambda: len(shop.heard) == 1)
        assert shop.heard[0]["action"] == "echo"
        assert shop.handled == [{"a": 1}]


def test_what_is_held_is_not_said_to_be_dropped_where_there_is_no_room_for_it(
    redis_url: str, requester: Requester, name: str
) -> None:
    app, go_on, begun = Daebus(name, debugger=True, max_workers=1, max_queue=1), threading.Event(), threading.Event()
    heard: list[Any] = []
    app.listen(name)(lambda payload: heard.append(payload))

    @app.action("wait")
    def wait() -> None:
        begun.set()
        go_on.wait()

    with serving(app, redis_url, name):
        debugger = Debugger(requester, name)
        debugger.rules({**HOLD, "where": [["n", "exists"]]})
        requester.send(name, "wait")
        assert begun.wait(10)
        requester.send(name, "wait")
        eventually(lambda: debugger.ask("info")["queue"]["size"] == 1)
        requester.publish(name, b'{"n":1}')
        held = debugger.one()
        counts = debugger.ask("info")["counts"]
        go_on.set()
        debugger.release(held["hold"])
        eventually(lambda: {"n": 1} in heard)
    assert (counts["dropped"], counts["busy"]) == (0, 0)
