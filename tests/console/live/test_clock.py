"""The wall clock steps under a running session: times are right at once, and a gap says what happened."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from daebus_console.commands.terms.entries import Entry, Liner
from daebus_console.engine.filter import language as filters
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, State
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.pairing.clock import Clock
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.session import Session
from daebus_console.render import to_text
from tests.console.live.conftest import Publish
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

AHEAD = 2 * 3600.0


class Wall:
    """The wall clock of this machine, and how far somebody has set it."""

    def __init__(self) -> None:
        self.set_by = 0.0

    def __call__(self) -> float:
        return time.time() + self.set_by


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def session(own_redis: RedisServer, wall: Wall) -> Iterator[Session]:
    with Session(own_redis.url, clock=Clock(wall)) as session:
        assert session.wait_up(10)
        yield session


class Still:
    """The clocks of this machine, after a process stood still for so long."""

    def __init__(self) -> None:
        self.stood = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: time.time() + self.stood, lambda: time.monotonic() + self.stood)


def gaps(session: Session) -> list[str]:
    with session.lock:
        found = [one.aside.gap for one in session.journal.exchanges if one.kind is Kind.GAP]
    return [gap.reason for gap in found if gap is not None]


@pytest.mark.parametrize("far", [AHEAD, -AHEAD], ids=["forward", "back"])
def test_a_quiet_session_sees_it(session: Session, wall: Wall, publish: Publish, far: float) -> None:
    wall.set_by = far
    assert session.wait_for(lambda: bool(gaps(session)), 10)
    assert gaps(session) == [f"the clock of this machine was set {'forward' if far > 0 else 'back'} by 2 h 0 min"]
    assert abs(session.clock() - wall()) < 1
    assert session.status.gaps == 1
    publish("news", {"n": 1})
    assert session.wait_for(lambda: session.status.messages == 1, 10)
    with session.lock:
        newest = session.journal.messages.get(session.journal.messages.last)
    assert newest is not None
    assert newest.channel == "news"
    assert abs(newest.at - wall()) < 60


def test_one_that_stood_still_accuses_nobody_of_being_late(own_redis: RedisServer, publish: Publish) -> None:
    still = Still()
    with Session(own_redis.url, clock=still.clock()) as session:
        assert session.wait_up(10)
        assert not gaps(session)
        asked = {"action": "a", "payload": {}, "reply_to": "caller:me", "request_id": "r1", "timeout": 5.0}
        publish("svc", asked)
        assert session.wait_for(lambda: session.status.messages == 1, 10)
        still.stood = 60.0
        publish("caller:me", {"status": "success", "payload": {}, "request_id": "r1", "final": True})
        assert session.wait_for(lambda: session.status.messages == 2, 10)
        with session.lock:
            exchange = session.correlator.find("r1")
        assert gaps(session) == ["this console stood still"]
        assert exchange is not None
        assert (exchange.state, exchange.latency) == (State.OK, None)
        assert not exchange.has(Flag.LATE)


def test_one_that_sees_a_part_sees_it_too(own_redis: RedisServer, wall: Wall, publish: Publish) -> None:
    rights = ["+@all", "~*", "resetchannels", "&svc", "&caller:*"]
    with own_redis.client() as admin, own_redis.client() as subscriber, closing(subscriber.pubsub()) as listening:
        admin.execute_command("ACL", "SETUSER", "looker", "on", ">pw", *rights)
        listening.subscribe("svc", "caller:me")
        url = own_redis.url.replace("redis://", "redis://looker:pw@")
        with Session(url, clock=Clock(wall)) as session:
            assert session.wait_for(lambda: session.status.blind is not None, 10)
            for channel in ("svc", "caller:me"):
                eventually(lambda channel=channel: session.tap.seen_since(channel) is not None)  # type: ignore[misc]
            asked = {"action": "a", "payload": {}, "reply_to": "caller:me", "request_id": "r1", "timeout": 5.0}
            publish("svc", asked)
            assert session.wait_for(lambda: session.correlator.find("r1") is not None, 10)
            (before,) = gaps(session)
            wall.set_by = AHEAD
            assert session.wait_for(lambda: len(gaps(session)) == 3, 10)
            publish("caller:me", {"status": "success", "payload": {}, "request_id": "r1", "final": True})
            with session.lock:
                exchange = session.correlator.find("r1")
            assert exchange is not None
            assert session.wait_for(lambda: exchange.answer is not None, 10)
            assert gaps(session) == [before, "the clock of this machine was set forward by 2 h 0 min", before]
            assert (exchange.state, exchange.latency) == (State.OK, None)
            assert not exchange.has(Flag.LATE)
            open_gap = session.correlator.open_gap
            assert open_gap is not None
            assert open_gap.partly
            assert abs(open_gap.start - wall()) < 60


def test_one_that_waited_for_its_redis_did_not_stand_still(own_redis: RedisServer) -> None:
    still = Still()
    with Session(own_redis.url, clock=still.clock()) as session:
        assert session.wait_up(10)
        own_redis.stop()
        assert session.wait_for(lambda: not session.status.up, 10)
        session.tap.stop()
        still.stood = 60.0
        session.on_up(session.clock())
        session.on_idle(session.clock())
        assert not any("stood still" in reason for reason in gaps(session))


def test_a_busy_session_sees_it(session: Session, wall: Wall, publish: Publish) -> None:
    # Never a tenth of a second without a message.
    publish("news", {"n": 0})
    wall.set_by = -AHEAD
    until = time.monotonic() + 20
    while not gaps(session) and time.monotonic() < until:
        publish("news", {"n": 1})
    assert gaps(session) == ["the clock of this machine was set back by 2 h 0 min"]


def test_a_recording_and_a_listing_tell_it(session: Session, wall: Wall, publish: Publish, tmp_path: Path) -> None:
    entries: list[Entry] = []

    def note(message: Message, exchange: Exchange) -> None:
        entries.append(Entry.of(message, exchange))

    unwatch = session.watch(note)
    path = tmp_path / "kept.jsonl"
    with Recorder(session, path):
        publish("news", {"n": 1})
        eventually(lambda: len(entries) == 1)
        wall.set_by = AHEAD
        eventually(lambda: len(entries) == 2)
        publish("news", {"n": 2})
        eventually(lambda: len(entries) == 3)
    unwatch()
    lines = [json.loads(line) for line in path.read_text().splitlines()][1:]
    assert [line.get("data") is None for line in lines] == [False, True, False, True]
    assert lines[2]["at"] - lines[0]["at"] > AHEAD - 60
    shown = to_text(Liner(200, Redactor(())).line(entries[1]))
    assert "set forward by 2 h 0 min" in shown
    assert "connection" not in shown


@pytest.mark.parametrize("far", [AHEAD, -AHEAD], ids=["forward", "back"])
def test_a_recording_by_filter_over_a_step_knows_who_was_asked_before_it(
    session: Session, wall: Wall, publish: Publish, tmp_path: Path, far: float
) -> None:
    """What was asked is written when its answer matches, by the clock that goes on then."""
    path = tmp_path / "bad.jsonl"

    def asked(name: str) -> None:
        publish("svc", {"action": "a", "payload": {}, "reply_to": "caller:me", "request_id": name, "timeout": 60})

    def failed(name: str) -> None:
        publish("caller:me", {"status": "error", "payload": {"error": "no"}, "request_id": name, "final": True})

    with Recorder(session, path, matching=filters.parse("action:a status:error")):
        asked("before")
        assert session.wait_for(lambda: session.status.messages == 1, 10)
        wall.set_by = far
        assert session.wait_for(lambda: bool(gaps(session)), 10)
        asked("after")
        failed("before")
        failed("after")
        asked("never")
        assert session.wait_for(lambda: session.status.messages == 5, 10)
    with session.lock:
        live = {one.request_id: one.state for one in session.journal.exchanges if one.kind is Kind.REQUEST}
    del live["never"]
    with OfflineSession(path) as offline:
        assert offline.wait_up(10)
        opened = list(offline.journal.exchanges)
    for exchanges in (list(Recording(path).exchanges()), opened):
        asked_then = [one for one in exchanges if one.kind is Kind.REQUEST]
        assert {one.request_id: one.state for one in asked_then} == live
        assert not any(one.has(Flag.LATE) for one in asked_then)
        assert all(abs(one.opened.at - wall()) < 60 for one in asked_then)
        assert all(one.latency is None or one.latency < 60 for one in asked_then)


def test_one_that_is_set_back_while_redis_is_away_is_told_in_a_recording(
    session: Session, own_redis: RedisServer, wall: Wall, publish: Publish, tmp_path: Path
) -> None:
    """Else who was asked afterwards would seem to have waited for as long as it went back."""
    path = tmp_path / "back.jsonl"
    with Recorder(session, path):
        publish("svc", {"action": "a", "payload": {}, "reply_to": "caller:me", "request_id": "before", "timeout": 60})
        assert session.wait_for(lambda: session.status.messages == 1, 10)
        own_redis.stop()
        assert session.wait_for(lambda: not session.status.up, 10)
        wall.set_by = -AHEAD
        assert session.wait_for(lambda: session.clock() < time.time() - AHEAD / 2, 10)
        own_redis.start()
        assert session.wait_for(lambda: session.status.up, 20)
        for name in ("answered", "waiting"):
            publish("svc", {"action": "a", "payload": {}, "reply_to": "caller:me", "request_id": name, "timeout": 900})
        publish("caller:me", {"status": "success", "payload": {}, "request_id": "answered", "final": True})
        assert session.wait_for(lambda: session.status.messages == 4, 10)
    with session.lock:
        live = [(one.request_id, one.state, one.flags) for one in session.journal.exchanges]
    assert [state for _id, state, _flags in live if _id is not None] == [State.UNKNOWN, State.OK, State.PENDING]
    assert [reason.partition(":")[0] for reason in gaps(session)][1] == (
        "the clock of this machine was set back by 2 h 0 min"
    )
    assert [(one.request_id, one.state, one.flags) for one in Recording(path).exchanges()] == live
