"""The console at a replica: what is published there reaches nobody, and each verb says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from daebus import DaebusCaller
from daebus_console.commands.context import Exit
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.tui.titles.hints import no_services
from tests.console.sick.conftest import Bus, carry_out, looking
from tests.support.redis_server import RedisServer
from tests.support.several import order
from tests.support.waiting import eventually


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


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Two requests and a broadcast."""
    path = tmp_path / "asked.jsonl"
    with CaptureWriter(path, "", 0.0) as writer:
        for number in (1, 2):
            asked = b'{"action":"echo","payload":{"n":1},"request_id":"r%d","reply_to":"caller:x"}' % number
            writer.write(float(number), "one", asked)
        writer.write(3.0, "news", b'{"n":1}')
    return path


@pytest.mark.parametrize("taps", [False, True])
@pytest.mark.parametrize(
    "words",
    [
        "",
        "--skip-missing",
        "#1",
        "#3 --include broadcast",
        "kind:broadcast --include broadcast",
        "--include broadcast --skip-missing --asap",
    ],
)
def test_what_is_replayed_there_reaches_nobody(replica: RedisServer, capture: Path, words: str, taps: bool) -> None:
    meanwhile = (lambda _session: None) if taps else None
    said = carry_out(replica.url, f"replay {capture} --yes --redis {replica.url} {words}", meanwhile=meanwhile)
    assert "is a replica, where nobody subscribes" in said.words
    assert said.status == Exit.NO_REDIS
    assert "nobody serves" not in said.words + said.shown
    assert re.search("[1-9] (sent again|same)", said.words + said.shown) is None


def test_what_is_replayed_to_who_is_subscribed_at_a_replica_arrives(replica: RedisServer, capture: Path) -> None:
    app = Bus(replica).serve(name="one")
    try:
        with replica.client() as client, client.pubsub() as pubsub:
            pubsub.psubscribe("ne*")
            assert pubsub.get_message(timeout=5)
            for words in ("", "#3 --include broadcast"):
                said = carry_out(replica.url, f"replay {capture} --yes {words}", meanwhile=lambda _session: None)
                assert "replica" not in said.words, said.words
            assert [one["data"] for one in _heard(pubsub, 1)] == [b'{"n":1}']
    finally:
        app.stop(grace=1)


def _heard(pubsub: Any, count: int) -> list[dict[str, Any]]:
    """The next messages of a subscription."""
    found: list[dict[str, Any]] = []

    def read() -> bool:
        one = pubsub.get_message(ignore_subscribe_messages=True)
        found.extend([one] if one else [])
        return len(found) >= count

    eventually(read)
    return found


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


def test_a_stand_in_there_says_whom_it_cannot_answer(replica: RedisServer) -> None:
    with ThreadPoolExecutor(1) as aside:
        standing = aside.submit(carry_out, replica.url, "mock one echo n:=1 --times 1")
        with replica.client() as client:
            eventually(lambda: client.pubsub_numsub("one")[0][1])
        with DaebusCaller("one", redis_url=replica.url) as caller:
            assert caller.send_request("echo", {}, timeout=5) == {"n": 1}
        said = standing.result(timeout=30)
    assert said.status == Exit.DONE
    assert "is a replica: what is asked at its master is heard there, and never gets the answers" in said.words


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
