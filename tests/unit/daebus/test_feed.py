"""A subscribed connection: what it takes for a sign of life, and whether more has arrived."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from daebus.feed import Feed

from daebus import feed as feed_module
from daebus.errors import ConnectionLost
from daebus.transport.address import RedisAddress
from tests.support.redis_server import RedisServer

PING_AFTER = 0.2


@pytest.fixture
def short_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "PING_AFTER", PING_AFTER)


@pytest.fixture
def feed(own_redis: RedisServer, short_silence: None) -> Iterator[Feed]:
    feed = Feed(RedisAddress(own_redis.url), "test", ["news"])
    feed.connect()
    yield feed
    feed.disconnect()


def test_a_process_that_was_stopped_keeps_its_link(feed: Feed, own_redis: RedisServer) -> None:
    # As if stopped by a signal: for longer than a dead link is given, nobody reads.
    time.sleep(3 * PING_AFTER)
    assert feed.next(time.monotonic() + 3 * PING_AFTER) is None
    with own_redis.client() as client:
        client.publish("news", "still here")
    assert feed.next(time.monotonic() + 5) == ("news", b"still here")


def test_a_link_that_answers_no_ping_is_given_up(feed: Feed, own_redis: RedisServer) -> None:
    own_redis.freeze()
    with pytest.raises(ConnectionLost, match="no sign of life"):
        feed.next(time.monotonic() + 20)
    own_redis.thaw()


def test_it_tells_whether_more_has_arrived(feed: Feed, own_redis: RedisServer) -> None:
    assert not feed.has_more
    with own_redis.client() as client, client.pipeline() as together:
        together.publish("news", "one").publish("news", "two").execute()
    assert feed.next(time.monotonic() + 5) == ("news", b"one")
    assert feed.has_more
    assert feed.next(time.monotonic() + 5) == ("news", b"two")
    assert not feed.has_more
    feed.disconnect()
    assert not feed.has_more
