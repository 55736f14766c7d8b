"""A service that is told to stop from within: by its hooks, handlers and tasks, of which none waits for itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from daebus import Daebus, Requester, ServiceUnavailable
from tests.support.waiting import eventually

Sort = Callable[[Callable[..., Any]], Callable[..., Any]]
GRACE = 300.0
"""Longer than any test waits: nothing here ends because it is over."""


def waiting(function: Callable[..., Any]) -> Callable[..., Any]:
    async def inner() -> Any:
        await asyncio.sleep(0)
        return function()

    return inner


sorts = pytest.mark.parametrize("sort", [lambda function: function, waiting], ids=["plain", "async"])


def in_time(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


@sorts
def test_a_stop_hook_may_stop_it(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    done: list[str] = []
    app.on_stop(sort(lambda: (app.stop(), done.append("first"))))
    app.on_stop(sort(lambda: done.append("second")))
    app.start(service=name, redis_url=redis_url)
    in_time(app.stop)
    assert done == ["first", "second"]
    assert not app.running


@sorts
def test_it_stops_when_it_has_started_where_a_start_hook_says_so(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    done: list[str] = []
    app.on_start(sort(lambda: (app.stop(), done.append("first"))))
    app.on_start(sort(lambda: done.append("second")))
    app.on_stop(lambda: done.append("stopped"))
    for _ in range(2):
        in_time(lambda: app.start(service=name, redis_url=redis_url))
        assert done == ["first", "second", "stopped"]
        assert not app.running
        done.clear()
    with Requester(redis_url) as caller, pytest.raises(ServiceUnavailable):
        caller.call(name, "any")


@sorts
def test_a_handler_that_stops_it_is_answered_and_so_are_the_others(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    stopped, begun, goes_on = threading.Event(), threading.Event(), asyncio.Event()

    @app.action("other")
    async def other() -> dict[str, Any]:
        begun.set()
        await goes_on.wait()
        return {"other": True}

    app.action("stop")(sort(lambda: app.stop() or {"stops": True}))
    app.on_stop(waiting(stopped.set))
    app.start(service=name, redis_url=redis_url)
    service = app._service
    assert service is not None
    loop = service._loop
    assert loop is not None
    with Requester(redis_url, timeout=60) as caller:
        others = caller.start(name, "other")
        assert begun.wait(60)
        stops = caller.start(name, "stop")
        eventually(lambda: service._stopping)
        loop.soon(goes_on.set)
        assert others.result() == {"other": True}
        assert stops.result() == {"stops": True}
    eventually(lambda: not app.running)
    assert stopped.is_set()


@sorts
def test_several_may_stop_it_at_once(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    together = threading.Barrier(3)

    def stop() -> dict[str, Any]:
        app.stop()
        return {"stops": True}

    @app.action("stop")
    def handler() -> dict[str, Any]:
        together.wait(60)
        return stop()

    app.action("other")(sort(stop))
    app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=60) as caller:
        calls = [caller.start(name, "stop") for _ in range(3)]
        assert [call.result() for call in calls] == [{"stops": True}] * 3
        eventually(lambda: not app.running)
        app.start(service=name, redis_url=redis_url)
        assert caller.call(name, "other") == {"stops": True}
    eventually(lambda: not app.running)


@sorts
def test_a_background_task_may_stop_it(redis_url: str, name: str, sort: Sort) -> None:
    app = Daebus(name, grace=GRACE)
    app.background("stop", 0.01)(sort(app.stop))
    app.start(service=name, redis_url=redis_url)
    eventually(lambda: not app.running)
