"""Background tasks on threads and on the event loop: run again whatever a run comes to, and ended with the service."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from daebus import Daebus
from tests.support.framework_services import serving
from tests.support.waiting import eventually


def test_under_a_decorator_they_run_as_what_they_come_to(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    ran: dict[str, int] = dict.fromkeys(("awaits", "passes"), 0)

    def awaits(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def inner() -> Any:
            await asyncio.sleep(0)
            return function()

        return inner

    def passes(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inner() -> Any:
            return function()

        return inner

    @app.background("awaits", 0.01)
    @awaits
    def plain() -> None:
        asyncio.get_running_loop()
        ran["awaits"] += 1

    @app.background("passes", 0.01)
    @passes
    async def is_async() -> None:
        await asyncio.sleep(0)
        ran["passes"] += 1

    with serving(app, redis_url, name):
        eventually(lambda: min(ran.values()) > 1)
    assert "raised" not in caplog.text


def test_a_plain_one_that_returns_what_nothing_awaits_is_told(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)

    async def work() -> None:
        """Never runs."""

    app.background("bare", 0.01)(lambda: work())
    app.thread("own")(lambda running: work())
    with serving(app, redis_url, name):
        for what in ("background task 'bare'", "thread 'own'"):
            eventually(lambda what=what: f"{name}: {what} raised" in caplog.text)  # type: ignore[misc]
    assert caplog.text.count("a plain function returned a coroutine") >= 2
    assert "only an async def can await it" in caplog.text


def test_hooks_and_listeners_with_an_async_decorator(redis_url: str, name: str) -> None:
    app = Daebus(name)
    done: list[str] = []

    def awaits(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def inner(*arguments: Any) -> Any:
            await asyncio.sleep(0)
            return function(*arguments)

        return inner

    app.on_start(awaits(lambda: done.append("start")))
    app.before_request(awaits(lambda: done.append("before")))
    app.after_request(awaits(lambda answer: done.append("after")))
    app.listen("news")(awaits(lambda payload: done.append("heard")))
    app.action("do")(awaits(lambda: done.append("handled") or {"done": True}))
    with app.test_client() as client:
        assert client.request("do") == {"done": True}
        client.broadcast("news", {})
        assert done == ["start", "before", "handled", "after", "heard"]


def test_an_async_one_that_overruns_its_interval_ends_with_the_service(redis_url: str, name: str) -> None:
    app = Daebus(name)
    runs = threading.Semaphore(0)
    goes_on = threading.Event()
    begun: list[float] = []

    @app.background("slow", 0.001)
    async def slow() -> None:
        begun.append(time.monotonic())
        runs.release()
        while not goes_on.is_set():
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.002)

    app.start(service=name, redis_url=redis_url)
    assert runs.acquire(timeout=30)
    stopping = threading.Thread(target=app.stop, kwargs={"grace": 20})
    stopping.start()
    service = app._service
    assert service is not None
    eventually(lambda: service._tasks._stops.is_set())
    at_stop = len(begun)
    goes_on.set()
    # By its own end: no grace that runs out ends it.
    (repeated,) = service._tasks._repeated.values()
    stopping.join(60)
    assert not stopping.is_alive()
    assert not repeated.cancelled()
    assert len(begun) == at_stop


@pytest.mark.parametrize("waits", [False, True])
def test_an_async_one_that_cancels_itself_is_run_again(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture, waits: bool
) -> None:
    app = Daebus(name)
    runs: list[int] = []

    @app.background("odd", 0.01)
    async def odd() -> None:
        runs.append(1)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        if waits:
            await asyncio.sleep(0)

    with serving(app, redis_url, name):
        eventually(lambda: len(runs) >= 3)
    assert f"{name}: background task 'odd' {'raised' if waits else 'was cancelled'}" in caplog.text
