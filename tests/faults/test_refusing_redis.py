"""A Redis that lives and refuses: PING in many of its states, PUBLISH and SUBSCRIBE in some."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from daebus import (
    AsyncDaebusCaller,
    DaebusCaller,
    RedisRefused,
    broadcast,
)
from daebus.wire.protocol import Protocol
from tests.support.faulty import Echo
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.refusals import redis_that_may, refuses, refusing
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault

NO_PING = ("MISCONF", "LOADING", "MASTERDOWN", "NOPERM", "BUSY")
"""Where Redis refuses PING."""


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = redis_that_may("MISCONF")
    yield server
    server.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life are asked for often."""
    monkeypatch.setattr("daebus.transport.listener.HEARTBEAT_AFTER", 0.7)
    monkeypatch.setattr("daebus.transport.aio.connection.HEARTBEAT_AFTER", 0.7)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture
def heartbeats(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each listening connection has asked for a sign of life."""
    asked: Counter[int] = Counter()
    heartbeat = Protocol.heartbeat

    def counted(protocol: Protocol, channel: bytes) -> bytes:
        asked[id(protocol)] += 1
        return heartbeat(protocol, channel)

    monkeypatch.setattr(Protocol, "heartbeat", counted)
    return asked


@pytest.mark.parametrize("code", NO_PING)
def test_a_refused_ping_is_a_sign_of_life(
    server: RedisServer,
    name: str,
    code: str,
    impatient: None,
    heartbeats: Counter[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    echo = Echo(name, max_workers=4)

    async def main() -> None:
        async with AsyncDaebusCaller(name, redis_url=server.url, timeout=60) as caller:
            asking = asyncio.create_task(caller.send_request("block"))
            threads = asyncio.create_task(asyncio.to_thread(thread.send_request, "block"))
            await asyncio.to_thread(eventually, lambda: echo.calls == 2)
            with refusing(server, code, ["ping"]):
                if refuses(server, "PING") is None:
                    echo.gate.set()
                    pytest.skip(f"this server answers PING in that state: {code}")
                # A second SUBSCRIBE is confirmed where PING is refused.
                before = heartbeats.copy()
                await asyncio.to_thread(
                    eventually, lambda: sum(count >= 3 for count in (heartbeats - before).values()) >= 3, within=60
                )
            echo.gate.set()
            assert await asking == {}
            assert await threads == {}

    with serving(echo.app, server.url, name), DaebusCaller(name, redis_url=server.url, timeout=60) as thread:
        service = echo.app._service
        assert service is not None
        with caplog.at_level(logging.DEBUG, "daebus"):
            asyncio.run(main())
        assert service._listener.connections == 1
        assert thread._requester._replies is not None
        assert thread._requester._replies.listener.connections == 1
    assert said(caplog) == []
    assert "lost the connection" not in caplog.text


def test_a_server_that_is_the_master_again_when_it_is_looked_for_is_not_left(
    server: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It was a replica for a moment, as a probe has said; what is under way there is not to be lost."""
    echo = Echo(name)

    async def ask() -> None:
        async with AsyncDaebusCaller(name, redis_url=server.url, timeout=60) as caller:
            asking = asyncio.create_task(caller.send_request("block"))
            await asyncio.to_thread(eventually, lambda: echo.calls == 1)
            await caller._session()._move()
            echo.gate.set()
            assert await asking == {}

    with (
        serving(echo.app, server.url, name),
        DaebusCaller(name, redis_url=server.url) as caller,
        caplog.at_level(logging.DEBUG, "daebus"),
    ):
        asyncio.run(ask())
        caller.send_request("block")
        service, replies = echo.app._service, caller._requester._replies
        assert service is not None
        assert replies is not None
        for listener in (service._listener, replies.listener):
            assert listener.heart is not None
            listener.heart._move()
            assert listener.connected
            assert listener.connections == 1
        assert caller.send_request("block") == {}
    assert "a master is to be had" not in caplog.text


def test_what_is_refused_is_told_to_whoever_asks_at_once(server: RedisServer, name: str) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(name, redis_url=server.url, timeout=60) as known:
            assert await known.send_request("echo") == {"a": 1}
            async with AsyncDaebusCaller(name, redis_url=server.url, timeout=60) as new:
                with refusing(server, "BUSY"):
                    for caller in (known, new):
                        with pytest.raises(RedisRefused, match=r"BUSY (Redis|Valkey) is busy") as caught:
                            await caller.send_request("echo")
                        assert caught.value.code == "BUSY"

    with serving(Echo(name).app, server.url, name), DaebusCaller(name, redis_url=server.url, timeout=60) as known:
        assert known.send_request("echo") == {"a": 1}
        with DaebusCaller(name, redis_url=server.url, timeout=60) as new, refusing(server, "BUSY"):
            asks: list[Callable[[], object]] = [
                lambda: known.send_request("echo"),
                lambda: new.send_request("echo"),
                lambda: known.send_message("echo"),
                lambda: list(known.stream_request("echo")),
                lambda: broadcast.send("news", {}),
            ]
            for ask in asks:
                with pytest.raises(RedisRefused, match=r"BUSY (Redis|Valkey) is busy") as caught:
                    ask()
                assert caught.value.code == "BUSY"
        asyncio.run(main())
        assert known.send_request("echo") == {"a": 1}
    assert refuses(server, "PING") is None


def test_who_is_closed_while_a_master_is_looked_for_stays_closed(server: RedisServer, name: str) -> None:
    with serving(Echo(name).app, server.url, name), DaebusCaller(name, redis_url=server.url) as caller:
        assert caller.send_message("block") == 1
        publisher, replies = caller._requester._publisher, caller._requester._replies
        assert publisher is not None
        if replies is None:
            pytest.fail("it listens for no answers")
        heart = replies.listener.heart
        assert heart is not None
        caller.close()
        heart._move()
        assert publisher._connection is None
