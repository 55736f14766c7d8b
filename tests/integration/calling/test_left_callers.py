"""What becomes of a caller that nobody holds any more, or that is closed before its answers were taken."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, Requester
from daebus.client.replies import Replies
from daebus.transport.publisher import Publisher
from tests.support.framework_services import serving
from tests.support.waiting import eventually


@pytest.fixture
def gate() -> threading.Event:
    return threading.Event()


@pytest.fixture
def served(redis_url: str, name: str, gate: threading.Event) -> Iterator[str]:
    """The name of a service whose answers wait for the gate where they are asked to."""
    app = Daebus(name)

    @app.action("count")
    def count() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        yield {"n": 2}

    @app.action("wait")
    def wait() -> dict[str, Any]:
        gate.wait(20)
        return {}

    app.action("echo")(dict)
    with serving(app, redis_url, name):
        yield name
        gate.set()


def connected(redis_url: str, asker: str) -> int:
    """How many connections there are of who asks under that name."""
    with redis.Redis.from_url(redis_url) as client:
        return sum(one["name"].endswith(asker) for one in client.client_list())


def threads_of(asker: str) -> int:
    return sum(asker in thread.name for thread in threading.enumerate())


LEFT: dict[str, Callable[[DaebusCaller], Iterator[Any]]] = {
    "stream": lambda caller: caller.stream_request("count"),
    "map": lambda caller: (one.answer for one in caller.map("echo", [{}] * 3, in_flight=2)),
}


@pytest.mark.parametrize("how", LEFT)
def test_what_is_gone_through_holds_its_caller_and_nothing_is_left(
    redis_url: str, name: str, served: str, how: str
) -> None:
    asker = f"{name}-asker"
    for _ in range(3):
        found = LEFT[how](DaebusCaller(served, redis_url=redis_url, name=asker))
        gc.collect()
        assert list(found) == ([{"n": 1}, {"n": 2}] if how == "stream" else [{}] * 3)
        del found
    gc.collect()
    eventually(lambda: connected(redis_url, asker) == threads_of(asker) == 0)


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "too late"])
def test_a_closed_caller_goes_when_what_nobody_took_has_come_or_is_too_late(
    redis_url: str, name: str, served: str, gate: threading.Event, monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    # So often the keeper of a channel on which nothing comes looks up.
    monkeypatch.setattr("daebus.transport.listener.HEARTBEAT_AFTER", 0.2)
    asker = f"{name}-asker"
    with DaebusCaller(served, redis_url=redis_url, name=asker, timeout=20 if answered else 0.5) as caller:
        stream = caller.stream_request("wait")
    assert connected(redis_url, asker) == 2
    if answered:
        gate.set()
    eventually(lambda: connected(redis_url, asker) == threads_of(asker) == 0)
    if answered:
        assert list(stream) == [{}]
    assert caller._requester.pending == 0
    gate.set()
    assert caller.send_request("echo") == {}
    caller.close()


def test_who_publishes_while_another_thread_closes_leaves_no_connection(redis_url: str, name: str) -> None:
    opened: list[Publisher] = []

    class ClosedMeanwhile(Requester):
        def _open(self) -> tuple[Publisher, Replies]:
            found = super()._open()
            opened.append(found[0])
            self.close()
            return found

    asks = ClosedMeanwhile(redis_url, name)
    assert asks.publish(f"{name}.nobody", b"x") == 0
    assert opened
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        eventually(lambda: all(each["name"] != f"daebus:{name}" for each in client.client_list()))


def test_an_asyncio_caller_that_was_closed_is_freed(redis_url: str, served: str) -> None:
    async def ask() -> weakref.ref[AsyncDaebusCaller]:
        async with AsyncDaebusCaller(served, redis_url=redis_url) as caller:
            assert await caller.send_request("echo") == {}
            return weakref.ref(caller)

    left = asyncio.run(ask())
    gc.collect()
    assert left() is None


@pytest.mark.parametrize("begun", [True, False], ids=["connecting", "not begun"])
def test_a_loop_that_ends_while_a_caller_connects_leaves_nothing_open(
    redis_url: str, name: str, served: str, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    async def never(*_arguments: Any) -> None:
        await asyncio.Event().wait()

    if begun:
        # It listens, and is about to connect what it publishes on.
        monkeypatch.setattr("daebus.client.aio.session.AsyncSession._linked", never)
    asker = f"{name}-asker"
    caller = AsyncDaebusCaller(served, redis_url=redis_url, name=asker)

    async def main() -> asyncio.Task[Any]:
        call = asyncio.create_task(caller.send_request("echo"))
        if begun:
            while not connected(redis_url, asker):
                await asyncio.sleep(0.01)
        else:
            await asyncio.sleep(0)
        return call

    call = asyncio.run(main())
    assert call.cancelled()
    eventually(lambda: connected(redis_url, asker) == 0)
