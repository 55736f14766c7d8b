"""A connection that says nothing any more: what it did not bring is not taken for something that never was."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from tests.console.live.conftest import Publish
from tests.support.proxy import Proxy
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

ASKED = {"action": "get", "payload": {}, "reply_to": "caller:a", "request_id": "r1", "timeout": 0.3}
ANSWERED = {"status": "success", "payload": {}, "request_id": "r1", "final": True}


@pytest.fixture
def on_the_way(own_redis: RedisServer) -> Iterator[Proxy]:
    """What stands between the console and its Redis."""
    with Proxy(own_redis.port) as proxy:
        yield proxy


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus_console.engine.live.tap.PING_AFTER", 0.5)
    monkeypatch.setattr("daebus_console.engine.live.tap.DEAD_AFTER", 2.0)


def kinds(session: Session) -> list[tuple[Kind, State]]:
    """What was seen but for control messages."""
    with session.lock:
        return [(one.kind, one.state) for one in session.journal.exchanges if not one.flags & Flag.CONTROL]


def gap_of(session: Session) -> Exchange:
    """The one gap of the flow."""
    with session.lock:
        (found,) = [one for one in session.journal.exchanges if one.kind is Kind.GAP]
    return found


@pytest.mark.usefixtures("_impatient")
def test_what_was_lost_on_the_way_is_a_gap_since_the_last_sign_of_life(
    on_the_way: Proxy, publish: Publish, tmp_path: Path
) -> None:
    path = tmp_path / "kept.jsonl"
    with Session(on_the_way.url, Settings()) as session:
        assert session.wait_up(10)
        with Recorder(session, path):
            publish("users", ASKED)
            assert session.wait_for(lambda: session.correlator.find("r1") is not None, 10)
            on_the_way.stall(tell_server=False)
            stalled = session.clock()
            publish("caller:a", ANSWERED)
            assert session.wait_for(lambda: session.status.gaps == 1 and session.status.up, 30)
            publish("after", {"n": 1})
            assert session.wait_for(lambda: "after" in session.directory.channels, 10)
        seen = [(Kind.REQUEST, State.UNKNOWN), (Kind.GAP, State.GAP), (Kind.BROADCAST, State.SENT)]
        assert kinds(session) == seen
        assert session.directory.services["users"].timeouts == 0
        gap = gap_of(session).aside.gap
        assert gap is not None
        assert gap.start <= stalled
    with OfflineSession(path) as offline:
        assert offline.wait_up(10)
        assert kinds(offline) == seen


def test_a_recording_that_ends_in_the_silence_takes_nothing_for_timed_out(
    on_the_way: Proxy, publish: Publish, tmp_path: Path
) -> None:
    path = tmp_path / "kept.jsonl"
    with Session(on_the_way.url, Settings()) as session:
        assert session.wait_up(10)
        with Recorder(session, path):
            publish("users", ASKED)
            assert session.wait_for(lambda: session.correlator.find("r1") is not None, 10)
            on_the_way.stall(tell_server=False)
            stalled = session.clock()
            eventually(lambda: session.clock() > stalled + 0.5, what="its time is over by the clock")
    with OfflineSession(path) as offline:
        assert offline.wait_up(10)
        assert kinds(offline) == [(Kind.REQUEST, State.PENDING)]


def test_what_nobody_answers_times_out_where_nothing_else_passes(own_redis: RedisServer, publish: Publish) -> None:
    with Session(own_redis.url, Settings(passive=True)) as session:
        assert session.wait_up(10)
        publish("users", ASKED)
        assert session.wait_for(lambda: kinds(session) == [(Kind.REQUEST, State.TIMEOUT)], 30)


@pytest.mark.usefixtures("_impatient")
def test_whoever_stood_still_himself_asks_before_he_gives_the_connection_up(
    own_redis: RedisServer, publish: Publish
) -> None:
    with Session(own_redis.url, Settings(passive=True)) as session:
        assert session.wait_up(10)
        with session.lock:
            # Longer than a server may be silent; the tap waits for the lock meanwhile.
            time.sleep(2.5)

        def seen() -> bool:
            publish("after", {"n": 1})
            return session.wait_for(lambda: "after" in session.directory.channels, 0.3)

        eventually(seen)
        assert session.status.gaps == 0
