"""Listeners on the channel of the service itself: who gets what comes there, and what is told of it."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from daebus import Daebus, DaebusCaller
from tests.support.framework_services import serving
from tests.support.recorded import Asked
from tests.support.waiting import eventually


@pytest.mark.parametrize("sort", ["plain", "async"])
def test_what_names_no_action_is_for_those_who_listen_there(
    redis_url: str, name: str, sort: str, caplog: pytest.LogCaptureFixture
) -> None:
    app, heard = Daebus(name), []

    def plain(payload: dict[str, Any]) -> None:
        heard.append(payload)

    async def waiting(payload: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        heard.append(payload)

    app.listen(name)(plain if sort == "plain" else waiting)
    app.action("note")(lambda: None)
    with (
        serving(app, redis_url, name),
        Asked(redis_url, name) as asked,
        DaebusCaller(name, redis_url=redis_url) as caller,
        caplog.at_level(logging.WARNING, "daebus"),
    ):
        caller.send_to_service({"seen": 17})
        caller.send_to_service({"status": "idle"})
        asked.records(2, kinds=["heard"])
        assert heard == [{"seen": 17}, {"status": "idle"}]
        assert asked.control("info")["counts"]["unreadable"] == 0
        assert caplog.messages == []

        # One that wants an answer is a request, and so is one that names an action in a way that is none.
        asked.requester.publish(name, b'{"action": 5}')
        asked.requester.publish(name, b'{"seen": 18, "reply_to": "somebody"}')
        asked.records(2, kinds=["refused"])
        assert [line.rpartition("; ")[2] for line in caplog.messages] == ["dropped", "refused"]


def test_nobody_else_takes_what_names_no_action(redis_url: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    app = Daebus(name)
    app.action("note")(lambda: None)
    with (
        serving(app, redis_url, name),
        Asked(redis_url, name) as asked,
        caplog.at_level(logging.WARNING, "daebus"),
    ):
        asked.requester.publish(name, b'{"seen": 17}')
        asked.records(1, kinds=["refused"])
        assert caplog.messages == [f"{name}: on '{name}' the message has no `action`; dropped"]


def test_listeners_that_did_not_hear_it_for_want_of_room_are_told_of(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app, go_on, begun = Daebus(name, max_workers=1, max_queue=1), threading.Event(), threading.Event()

    @app.listen(name)
    def own(payload: dict[str, Any]) -> None:
        begun.set()
        go_on.wait()

    with (
        serving(app, redis_url, name),
        Asked(redis_url, name) as asked,
        DaebusCaller(name, redis_url=redis_url) as caller,
        caplog.at_level(logging.WARNING, "daebus"),
    ):
        caller.send_to_service({"n": 1})
        assert begun.wait(10)
        caller.send_to_service({"n": 2})
        eventually(lambda: asked.control("info")["queue"]["size"] == 1)
        caller.send_to_service({"n": 3})
        (refused,) = asked.records(1, kinds=["refused"])
        go_on.set()
        assert (refused["channel"], refused["code"]) == (name, "busy")
        assert asked.control("info")["counts"]["dropped"] == 1
        assert not any("`action`" in line for line in caplog.messages)


def test_what_is_heard_on_the_loop_is_not_said_to_be_dropped_where_workers_have_no_room(
    redis_url: str, name: str
) -> None:
    app, go_on, begun = Daebus(name, max_workers=1, max_queue=1), threading.Event(), threading.Event()
    heard = []

    @app.listen(name)
    async def own(payload: dict[str, Any]) -> None:
        heard.append(payload)

    @app.action("wait")
    def wait() -> None:
        begun.set()
        go_on.wait()

    with (
        serving(app, redis_url, name),
        Asked(redis_url, name) as asked,
        DaebusCaller(name, redis_url=redis_url) as caller,
    ):
        caller.send_message("wait")
        assert begun.wait(10)
        caller.send_message("wait")
        eventually(lambda: asked.control("info")["queue"]["size"] == 1)
        caller.send_to_service({"n": 1})
        caller.send_to_service({"status": "idle"})
        eventually(lambda: {"n": 1} in heard and {"status": "idle"} in heard)
        counts = asked.control("info")["counts"]
        asked.records(0, kinds=["refused"])
        go_on.set()
    assert (counts["dropped"], counts["busy"]) == (0, 0)
