"""Calls whose own time is over while Redis is well: a RequestTimeout, which says whether the request was sent."""

from __future__ import annotations

import asyncio
import math
import random
import threading
from collections.abc import Iterator

import pytest

from daebus import AsyncDaebusCaller, DaebusCaller, DaebusError, RequestTimeout
from daebus.transport.publisher import Publisher
from daebus.transport.sockets.waiter import Waiter
from tests.support.faulty import Echo
from tests.support.framework_services import Tap, serving
from tests.support.transport import another_writes, connection_of


@pytest.fixture
def echo(redis_url: str, name: str) -> Iterator[Echo]:
    echo = Echo(name)
    with serving(echo.app, redis_url, name):
        yield echo
        echo.gate.set()


def test_calls_of_a_few_milliseconds_are_answered_or_run_out_of_time(redis_url: str, name: str, echo: Echo) -> None:
    outcomes: list[str] = []

    def note(error: DaebusError | None) -> None:
        if error is not None:
            assert type(error) is RequestTimeout, repr(error)
            told = ("may still be handled", "nothing was sent", "it was not handled: no worker was free")
            assert any(fate in str(error) for fate in told), error
        outcomes.append("answered" if error is None else "timed out")

    def ask(caller: DaebusCaller) -> None:
        for _ in range(60):
            try:
                caller.send_request("echo", timeout=random.uniform(0.0001, 0.005))
                note(None)
            except DaebusError as error:
                note(error)

    async def ask_too() -> None:
        async with AsyncDaebusCaller(name, redis_url=redis_url) as caller:

            async def one() -> None:
                for _ in range(30):
                    try:
                        await caller.send_request("echo", timeout=random.uniform(0.0001, 0.005))
                        note(None)
                    except DaebusError as error:
                        note(error)

            await asyncio.gather(*(one() for _ in range(32)))

    with DaebusCaller(name, redis_url=redis_url) as shared:
        threads = [threading.Thread(target=ask, args=(shared,)) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        asyncio.run(ask_too())
        assert len(outcomes) == 32 * 90
        assert shared.send_request("echo", timeout=30) == {"a": 1}


def publisher_of(caller: DaebusCaller) -> Publisher:
    publisher = caller._requester._publisher
    assert isinstance(publisher, Publisher)
    return publisher


def test_a_request_that_could_not_be_written_in_its_time_is_said_not_to_have_been_sent(
    redis_url: str, name: str, echo: Echo
) -> None:
    with DaebusCaller(name, redis_url=redis_url) as caller, Tap(redis_url, name) as tap:
        caller.send_request("echo")
        tap.next()
        with another_writes(connection_of(publisher_of(caller))):
            for size in (10, 100_000):
                with pytest.raises(RequestTimeout, match="nothing was sent") as caught:
                    caller.send_request("echo", {"text": "x" * size}, timeout=0.2)
                assert "may still be handled" not in str(caught.value)
                with pytest.raises(RequestTimeout, match="nothing was sent"):
                    list(caller.stream_request("echo", {"text": "x" * size}, timeout=0.2))
        caller.send_request("echo", {"last": True})
        assert b"last" in tap.next()[1]


def test_a_request_that_waits_for_another_thread_to_connect_is_said_not_to_have_been_sent(
    redis_url: str, name: str, echo: Echo
) -> None:
    with DaebusCaller(name, redis_url=redis_url) as caller:
        caller.send_request("echo")
        publisher = publisher_of(caller)
        other = Waiter()
        assert publisher._connecting.join(other, lambda: False, math.inf)
        # Not before: the heartbeat connects again, too.
        publisher.close()
        with pytest.raises(RequestTimeout, match="nothing was sent"):
            caller.send_request("echo", timeout=0.2)
        publisher._connecting.leave(other)
        assert caller.send_request("echo", timeout=30) == {"a": 1}


def test_a_request_that_was_sent_is_said_to_be_handled_perhaps(redis_url: str, name: str, echo: Echo) -> None:
    with (
        DaebusCaller(name, redis_url=redis_url) as caller,
        pytest.raises(RequestTimeout, match="it may still be handled"),
    ):
        caller.send_request("block", timeout=0.5)
