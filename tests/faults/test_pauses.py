"""CLIENT PAUSE WRITE, as each failover makes one: Redis lives and holds back what is published. That is no loss."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from daebus import (
    AsyncDaebusCaller,
    ConnectionLost,
    Daebus,
    DaebusCaller,
    RequestTimeout,
    ServiceUnavailable,
    broadcast,
    request,
)
from tests.support.faulty import Echo, patient
from tests.support.framework_services import Tap, serving, subscribers
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault

WITHIN = 1.0
"""Seconds that a reply may take, in the tests that do not wait for the real ones."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus.transport.sockets.connection.REPLY_WITHIN", WITHIN)
    monkeypatch.setattr("daebus.transport.sockets.writing.TAKES_WITHIN", WITHIN)
    monkeypatch.setattr("daebus.transport.aio.connection.HEARTBEAT_AFTER", WITHIN)


@contextmanager
def paused(server: RedisServer) -> Iterator[None]:
    """A Redis that holds back what is published, until the end of the block."""
    with server.client() as client:
        client.execute_command("CLIENT", "PAUSE", "100000", "WRITE")
        try:
            yield
        finally:
            client.execute_command("CLIENT", "UNPAUSE")


def connects(server: RedisServer) -> int:
    """How often somebody has connected to it."""
    with server.client() as client:
        return int(client.info("stats")["total_connections_received"])


def held(server: RedisServer) -> int:
    """How many clients Redis makes wait."""
    with server.client() as client:
        return int(client.info("clients")["blocked_clients"])


def found_out(server: RedisServer, times: int) -> None:
    """Wait until it has been found out so many times that the server lives: each makes a connection."""
    # Ours, to look, count as well.
    before, looks = connects(server), 1

    def probe() -> bool:
        nonlocal looks
        looks += 1
        return connects(server) - before - looks >= times

    eventually(probe, within=60, every=0.2)


def test_a_call_and_the_answers_of_running_handlers_outlast_a_pause_of_12_seconds(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with patient() as one, caplog.at_level(logging.INFO, "daebus"):
        one.begin("block", timeout=60)
        eventually(lambda: one.echo.calls == 1)

        async def ask() -> Any:
            async with AsyncDaebusCaller(one.name, redis_url=one.server.url, timeout=60) as caller:
                asking = asyncio.create_task(caller.send_request("echo"))
                await asyncio.sleep(12)
                assert not asking.done()
                await asyncio.to_thread(release.set)
                return await asking

        release = threading.Event()
        with paused(one.server):
            one.echo.gate.set()
            answers: list[Any] = []
            threads = [
                threading.Thread(target=lambda: answers.append(one.caller.send_request("echo", timeout=60))),
                threading.Thread(target=lambda: answers.append(asyncio.run(ask()))),
            ]
            for thread in threads:
                thread.start()
            assert release.wait(60)
            assert (one.outcome, answers) == (None, [])
        assert one.end(within=20)[0] == {}
        for thread in threads:
            thread.join(20)
        assert answers == [{"a": 1}, {"a": 1}]
        assert one.lines(caplog.records) == []
        assert max(one.echo.runs.values()) == 1


def test_whoever_sends_while_it_lasts_is_served_after_it(own_redis: RedisServer, name: str, impatient: None) -> None:
    echo = Echo(name)
    with serving(echo.app, own_redis.url, name), DaebusCaller(name, redis_url=own_redis.url, timeout=60) as caller:
        assert caller.send_request("echo") == {"a": 1}
        answers: list[Any] = []

        def ask() -> None:
            answers.append(caller.send_request("echo"))

        threads = []
        with paused(own_redis):
            for _ in range(3):
                threads.append(threading.Thread(target=ask))
                threads[-1].start()
                found_out(own_redis, 2)
            assert answers == []
        for thread in threads:
            thread.join(20)
        assert answers == [{"a": 1}] * 3
        assert max(echo.runs.values()) == 1


def test_a_call_ends_at_its_own_time_and_says_what_is_known(own_redis: RedisServer, name: str, impatient: None) -> None:
    echo = Echo(name)
    with serving(echo.app, own_redis.url, name), DaebusCaller(name, redis_url=own_redis.url) as caller:
        assert caller.send_request("echo") == {"a": 1}
        with paused(own_redis):
            with pytest.raises(RequestTimeout, match="may still be handled"):
                caller.send_request("echo", timeout=2)
            with pytest.raises(ConnectionLost, match="did not confirm in time; the message may or may not arrive"):
                broadcast.send("news", {})


def test_a_redis_that_dies_in_a_pause_is_noticed(own_redis: RedisServer, name: str, impatient: None) -> None:
    with serving(Echo(name).app, own_redis.url, name), DaebusCaller(name, redis_url=own_redis.url) as caller:
        assert caller.send_request("echo") == {"a": 1}
        problems: list[Exception] = []

        def ask() -> None:
            try:
                caller.send_request("echo", timeout=300)
            except ConnectionLost as problem:
                problems.append(problem)

        with paused(own_redis):
            thread = threading.Thread(target=ask)
            thread.start()
            found_out(own_redis, 1)
            own_redis.freeze()
            thread.join(30)
            own_redis.thaw()
        assert "no reply for" in str(problems[0])


def test_nothing_is_published_in_order_to_find_out(own_redis: RedisServer, name: str, impatient: None) -> None:
    with Tap(own_redis.url, "news") as tap, own_redis.client() as client, client.pubsub() as everything:
        everything.psubscribe("*")
        done = threading.Thread(target=lambda: broadcast_once(own_redis))
        with paused(own_redis):
            done.start()
            found_out(own_redis, 2)
        done.join(20)
        assert tap.next() == ("news", b"{}")
        eventually(lambda: everything.get_message(timeout=0.1) is not None)
        heard = [everything.get_message(timeout=0.1) for _ in range(5)]
        assert [one["channel"] for one in heard if one is not None and one["type"] == "pmessage"] == [b"news"]


def broadcast_once(server: RedisServer) -> None:
    from daebus.transport.address import RedisAddress
    from daebus.transport.publisher import Publisher

    publisher = Publisher(RedisAddress(server.url), "test")
    publisher.publish("news", b"{}", time.monotonic() + 60)
    publisher.close()


def test_more_answers_than_the_sockets_hold_are_kept_and_sent_after_it(
    own_redis: RedisServer, name: str, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    count = 20
    app, gate, under_way, answers = Daebus(name, max_workers=count), threading.Event(), list[int](), list[int]()

    @app.action("large")
    def large() -> dict[str, Any]:
        under_way.append(request.payload["number"])
        gate.wait(60)
        return {"text": "x" * 1_000_000, "number": request.payload["number"]}

    def ask(number: int) -> None:
        answers.append(caller.send_request("large", {"number": number})["number"])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(count)]
    with (
        serving(app, own_redis.url, name),
        DaebusCaller(name, redis_url=own_redis.url, timeout=100) as caller,
        caplog.at_level(logging.WARNING, "daebus"),
    ):
        with own_redis.client() as client:
            # All of them come at once in the end.
            client.config_set("client-output-buffer-limit", "pubsub 0 0 0")
        for thread in threads:
            thread.start()
        eventually(lambda: len(under_way) == count)
        with paused(own_redis):
            gate.set()
            found_out(own_redis, 3)
            assert answers == []
        for thread in threads:
            thread.join(60)
        assert sorted(answers) == list(range(count))
        assert app._service is not None
        assert app._service._dispatcher.counts["undelivered"] == 0
    assert caplog.messages == []


@pytest.mark.parametrize("tapped", [False, True], ids=["nobody else listens", "a tap listens"])
def test_a_service_that_comes_while_the_request_is_held_is_not_said_to_be_missing(
    own_redis: RedisServer, name: str, tapped: bool
) -> None:
    async def asked() -> Any:
        async with AsyncDaebusCaller(name, redis_url=own_redis.url, timeout=60) as caller:
            return await caller.send_request("echo")

    answers: list[Any] = []
    with own_redis.client() as client, client.pubsub() as tap, DaebusCaller(name, redis_url=own_redis.url) as caller:
        if tapped:
            tap.psubscribe("*")
        for missing in (lambda: caller.send_request("echo"), lambda: asyncio.run(asked())):
            with pytest.raises(ServiceUnavailable):
                missing()
        asks: list[Callable[[], Any]] = [
            lambda: caller.send_request("echo", timeout=60),
            lambda: next(iter(caller.stream_request("echo", timeout=60))),
            lambda: asyncio.run(asked()),
        ]
        threads = [threading.Thread(target=lambda ask=ask: answers.append(ask())) for ask in asks]
        with paused(own_redis):
            for thread in threads:
                thread.start()
            # Two of them share a connection.
            eventually(lambda: held(own_redis) == 2)
            with serving(Echo(name).app, own_redis.url, name):
                eventually(lambda: subscribers(own_redis.url, name) == 1)
                with own_redis.client() as other:
                    other.execute_command("CLIENT", "UNPAUSE")
                for thread in threads:
                    thread.join(20)
    assert answers == [{"a": 1}] * 3
