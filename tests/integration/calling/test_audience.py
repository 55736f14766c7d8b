"""Who subscribes is asked with the first of many messages: what is told of the others is as true."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from math import inf

import pytest
import redis

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, ServiceUnavailable
from daebus.transport import commands
from daebus.transport.address import RedisAddress
from daebus.transport.publisher import Publisher
from tests.support.redis_server import RedisServer


@pytest.fixture
def long_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "KNOWN_FOR", 3600.0)


@pytest.fixture
def publisher(own_redis: RedisServer) -> Iterator[Publisher]:
    publisher = Publisher(RedisAddress(own_redis.url), "test")
    yield publisher
    publisher.close()


class Subscriber:
    """Somebody who subscribes to a channel, or to a pattern."""

    def __init__(self, server: RedisServer, channel: str) -> None:
        self._client = server.client()
        self._pubsub = self._client.pubsub()
        (self._pubsub.psubscribe if "*" in channel else self._pubsub.subscribe)(channel)
        assert self._pubsub.get_message(timeout=10) is not None

    def leave(self) -> None:
        (self._pubsub.punsubscribe if self._pubsub.patterns else self._pubsub.unsubscribe)()
        while self._pubsub.subscribed:
            assert self._pubsub.get_message(timeout=10) is not None
        self._pubsub.close()
        self._client.close()


def counts(publisher: Publisher, channel: str = "news") -> tuple[int, int | None]:
    found = publisher.deliver(channel, b"x")
    return found.receivers, found.subscribers


def asked(client: redis.Redis) -> int:
    stats = client.info("commandstats")
    return sum(value["calls"] for key, value in stats.items() if key.startswith("cmdstat_pubsub"))


def test_it_is_asked_once_while_nothing_changes(publisher: Publisher, own_redis: RedisServer, long_known: None) -> None:
    one = Subscriber(own_redis, "news")
    with own_redis.client() as client:
        assert [counts(publisher) for _ in range(5)] == [(1, 1)] * 5
        assert asked(client) == 1
        assert [counts(publisher, "nothing") for _ in range(3)] == [(0, 0)] * 3
        assert asked(client) == 4, "what nobody subscribes to is asked for each time"
    one.leave()


def test_that_it_was_known_is_forgotten(publisher: Publisher, own_redis: RedisServer) -> None:
    one = Subscriber(own_redis, "news")
    assert commands.KNOWN_FOR < 1
    with own_redis.client() as client:
        counts(publisher)
        for _ in range(3):
            publisher.close()
            assert counts(publisher) == (1, 1)
        assert asked(client) == 4
    one.leave()


def test_who_has_left_is_missed_at_once(publisher: Publisher, own_redis: RedisServer, long_known: None) -> None:
    one = Subscriber(own_redis, "news")
    assert counts(publisher) == (1, 1)
    one.leave()
    assert counts(publisher) == (0, 0)


def test_who_has_come_is_counted(publisher: Publisher, own_redis: RedisServer, long_known: None) -> None:
    one = Subscriber(own_redis, "news")
    assert counts(publisher) == (1, 1)
    two = Subscriber(own_redis, "news")
    assert counts(publisher) == (2, 2)
    one.leave()
    assert counts(publisher) == (1, 1)
    two.leave()


def test_whoever_listens_to_all_is_no_subscriber(
    publisher: Publisher, own_redis: RedisServer, long_known: None
) -> None:
    tap = Subscriber(own_redis, "*")
    assert [counts(publisher) for _ in range(2)] == [(1, 0), (1, 0)]
    one = Subscriber(own_redis, "news")
    assert [counts(publisher) for _ in range(2)] == [(2, 1), (2, 1)]
    one.leave()
    assert counts(publisher) == (1, 0)
    tap.leave()


def test_what_is_not_certain_is_not_said(publisher: Publisher, own_redis: RedisServer, long_known: None) -> None:
    """The subscriber may have got it and left."""
    one = Subscriber(own_redis, "news")
    assert counts(publisher) == (1, 1)
    taps = [Subscriber(own_redis, "*"), Subscriber(own_redis, "n*")]
    one.leave()
    assert counts(publisher) == (2, None)
    assert counts(publisher) == (2, 0)
    for tap in taps:
        tap.leave()


async def _ask_twice(url: str, app: Daebus) -> None:
    async with AsyncDaebusCaller(app.name, redis_url=url) as caller:
        app.start(redis_url=url)
        assert await caller.send_request("echo", {"n": 1}) == {"n": 1}
        assert await caller.send_request("echo", {"n": 2}) == {"n": 2}
        app.stop()
        with pytest.raises(ServiceUnavailable):
            await caller.send_request("echo", {"n": 3})


def test_a_service_that_has_ended_is_missed_at_once_by_both_callers(
    own_redis: RedisServer, name: str, long_known: None
) -> None:
    app = Daebus(name)

    @app.action("echo")
    def echo() -> dict[str, object]:
        return dict(app.request.payload)

    asyncio.run(_ask_twice(own_redis.url, app))
    with DaebusCaller(name, redis_url=own_redis.url) as caller:
        with app.start(redis_url=own_redis.url), own_redis.client() as client:
            before = asked(client)
            assert [caller.send_request("echo", {"n": n}) for n in range(50)] == [{"n": n} for n in range(50)]
            # Where the answer came first, what Redis said is looked at after the next request.
            assert asked(client) < before + 25
        with pytest.raises(ServiceUnavailable):
            caller.send_request("echo", {"n": 6})


def test_of_many_who_send_when_it_is_forgotten_one_asks() -> None:
    audience = commands.Audience()
    said = audience.publishing("news", b"x", inf, 0.0)
    said.replies = [[b"news", 1], 1]
    assert audience.delivery(said, "news", "Redis") == commands.Delivery(1, 1, 0.0)
    now = time.monotonic()
    later = [now, now + 1.5 * commands.KNOWN_FOR, now + 1.5 * commands.KNOWN_FOR, now + 3 * commands.KNOWN_FOR]
    asks = [audience.publishing("news", b"x", inf, at).expected is None for at in later]
    # Where its reply does not come, all ask again.
    assert asks == [False, True, False, True]
    assert audience.publishing("news", b"x", inf, later[-1]).expected is None
