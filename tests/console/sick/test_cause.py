"""Why the server cut the console off: what is known of it stands in the gap."""

from __future__ import annotations

import pytest

from daebus_console.engine.live.cause import Facts, Witness
from daebus_console.engine.session import Session
from tests.console.sick.conftest import Bus, looking
from tests.console.sick.test_tap_life import gaps
from tests.support.proxy import Proxy
from tests.support.redis_server import RedisServer, publish_at_once
from tests.support.waiting import eventually

LIMIT = "33554432 8388608 60"


def cut_off(server: RedisServer, session: Session) -> str:
    """Publish 5 MB at once, which cuts the console off; returns the reason that the gap tells."""
    assert session.wait_up(5)
    with server.client() as client:
        publish_at_once(client, "news", b"x" * 10_000, 500)
    assert session.wait_for(lambda: bool(gaps(session)) and gaps(session)[0].end is not None, 20)
    return gaps(session)[0].reason


def test_more_than_the_limit_names_it_and_what_to_do(own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.config_set("client-output-buffer-limit", "pubsub 2mb 1mb 60")
    with looking(own_redis.url) as session:
        reason = cut_off(own_redis, session)
    assert "closed the connection" in reason
    assert "client-output-buffer-limit pubsub (2 MB, or 1 MB for 60 s)" in reason
    assert "CONFIG SET client-output-buffer-limit" in reason


def test_where_the_limit_may_not_be_read_what_is_probable_is_told(bus: Bus) -> None:
    with bus.server.client() as client:
        client.config_set("client-output-buffer-limit", "pubsub 2mb 1mb 60")
    url = bus.user("looker", "+@all", "~*", "&*", "-info", "-config")
    with looking(url) as session:
        reason = cut_off(bus.server, session)
    assert "client-output-buffer-limit pubsub (by default 32 MB, or 8 MB for 60 s)" in reason


def test_a_server_that_was_started_anew_is_told_as_that(own_redis: RedisServer) -> None:
    with looking(own_redis.url) as session:
        assert session.wait_up(5)
        own_redis.kill()
        assert session.wait_for(lambda: not session.status.up, 10)
        own_redis.start()
        assert session.wait_for(lambda: bool(gaps(session)) and gaps(session)[0].end is not None, 20)
        assert gaps(session)[0].reason.endswith("the server was started anew")


BEFORE = Facts("a", 3, 0, LIMIT, place="a:1", up=50)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (Facts("a", 4, 0, LIMIT), "more was waiting for this console than client-output-buffer-limit pubsub (32 MB"),
        (Facts("a", 3, 1, LIMIT), "maxmemory-clients"),
        (Facts("a", 3, 0, LIMIT), "not for falling behind; perhaps by CLIENT KILL"),
        (Facts("b", 0, 0, LIMIT), "started anew"),
        (Facts("b", 9, 9, LIMIT, place="b:2"), "not known; another server now: b:2"),
        (Facts(disconnected=9, place="b:2"), "not known; another server now: b:2"),
        (Facts("a", 4, 0, LIMIT, place="b:2"), "more was waiting for this console"),
        (Facts("b", 9, 9, LIMIT, up=60, at=10.0), "not known; another server answers at this address now"),
        (Facts("b", 9, 9, LIMIT, up=10, at=10.0), "started anew"),
        (Facts(), "perhaps by CLIENT KILL, or a proxy in between; or a message was too large"),
    ],
)
def test_what_the_server_counts_tells_why(now: Facts, told: str) -> None:
    witness = Witness()
    witness.before, witness.now = BEFORE, now
    assert told in (witness.cause(closed=True, cut=False, refused=False) or "")


def test_what_was_connected_to_but_not_read_from_is_not_what_was_before() -> None:
    witness = Witness()
    witness.before = BEFORE
    witness.questions("b:2", 1.0)
    witness.questions("a:1", 2.0)
    witness.now.run_id = "a"
    assert witness.cause(closed=False, cut=False, refused=False) is None


def test_another_server_at_the_same_address_was_not_started_anew(own_redis: RedisServer) -> None:
    other = RedisServer()
    try:
        other.start()
        with other.client() as client:
            # It is to have run for longer than we look.
            eventually(lambda: client.info("server")["uptime_in_seconds"] >= 2)
        with Proxy(own_redis.port) as proxy, looking(proxy.url) as session:
            assert session.wait_up(5)
            proxy.target = other.port
            own_redis.kill()
            assert session.wait_for(lambda: bool(gaps(session)) and gaps(session)[0].end is not None, 20)
            reason = gaps(session)[0].reason
    finally:
        other.close()
    assert "another server answers at this address now" in reason


def test_a_loss_of_another_kind_is_not_explained() -> None:
    witness = Witness()
    witness.before = witness.now = BEFORE
    assert witness.cause(closed=False, cut=False, refused=False) is None
