"""The console at a replica: what is published there reaches nobody, and each verb says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daebus import DaebusCaller
from daebus_console.commands.context import Exit
from daebus_console.tui.titles.hints import no_services
from tests.console.sick.conftest import Bus, carry_out, looking
from tests.support.redis_server import RedisServer
from tests.support.several import order


@pytest.fixture
def replica(own_redis: RedisServer) -> Iterator[RedisServer]:
    """One of `own_redis`."""
    server = RedisServer("--repl-diskless-sync-delay", "0")
    try:
        server.start()
        order(server, "REPLICAOF", "127.0.0.1", own_redis.port)
        yield server
    finally:
        server.close()


SENDING = (
    "send one echo n:=1",
    "send one echo n:=1 --json",
    "send one echo n:=1 --times 2",
    "broadcast news n:=1",
    "request one echo n:=1",
    "ping one",
    "break one echo",
)
ASKING = ("services", "services one", "describe one", "held", "breaks", "running", "logs", "why one echo --for 0.2")


@pytest.mark.parametrize("line", [*SENDING, *ASKING])
def test_what_reaches_nobody_there_is_told(replica: RedisServer, line: str) -> None:
    said = carry_out(replica.url, line)
    assert "is a replica, where no" in said.words
    # A cause is not known there.
    assert said.status == (Exit.ERROR if line.startswith("why") else Exit.NO_REDIS)
    assert "nobody serves" not in said.words + said.shown
    assert "0 receivers" not in said.shown


def test_who_is_subscribed_at_a_replica_is_reached(replica: RedisServer) -> None:
    bus = Bus(replica)
    app = bus.serve(name="one")
    try:
        for line in ("send one echo n:=1", "ping one --times 1", "services", "held"):
            said = carry_out(replica.url, line)
            assert (said.status, said.heard.errors) == (Exit.DONE, []), line
        with replica.client() as client, client.pubsub() as pubsub:
            pubsub.psubscribe("ne*")
            assert pubsub.get_message(timeout=5)
            said = carry_out(replica.url, "broadcast news n:=1")
            assert said.status == Exit.DONE
            assert "1 receiver" in said.shown
    finally:
        app.stop(grace=1)


def test_our_own_tap_is_nobody(replica: RedisServer) -> None:
    said = carry_out(replica.url, "send one echo n:=1", meanwhile=lambda _session: None)
    assert said.status == Exit.NO_REDIS
    assert "is a replica, where nobody subscribes" in said.words


def test_the_screen_says_why_nobody_is_there(replica: RedisServer) -> None:
    with looking(replica.url) as session:
        assert session.wait_for(lambda: session.status.discovery_problem is not None, 10)
        shown = " ".join(text for line in no_services(session, 400) for text, _role in line)
    assert "is a replica, where no service subscribes" in shown


def test_a_caller_is_told_how_many_received_it(replica: RedisServer) -> None:
    with DaebusCaller("one", redis_url=replica.url) as caller:
        assert caller.send_message("echo", {"n": 1}) == 0
