"""Each refusal at each moment of the tap's life, and its end: told, nothing made up, and all seen again by itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from daebus_console.commands.cancellation import Cancellation
from daebus_console.commands.context import Context
from daebus_console.commands.doing.runner import run
from daebus_console.commands.grammar.command import parse
from daebus_console.commands.verbs import Face
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.message.frame import Gap
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.recorder import Recorder
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from tests.console.commands.support import Heard
from tests.console.sick.conftest import SERVICE, Bus, carry_out, looking
from tests.console.sick.states import OPTIONS, STATES
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

WITHOUT = ("+@all", "~*", "resetchannels", f"&{SERVICE}", "&daebus.*", "&news")
"""The rights of one who may read some channels, and no pattern."""


def gaps(session: Session) -> list[Gap]:
    """The gaps of the flow."""
    with session.lock:
        found = [one.aside.gap for one in session.journal.exchanges if one.kind is Kind.GAP]
    return [gap for gap in found if gap is not None]


def exchanges(session: Session) -> list[Exchange]:
    """What was seen but for control messages and gaps."""
    with session.lock:
        return [one for one in session.journal.exchanges if one.kind is not Kind.GAP and not one.flags & Flag.CONTROL]


def sees(session: Session, server: RedisServer, channel: str) -> bool:
    """Whether what is published there now is seen."""
    with server.client() as client:
        seen = session.status.messages
        client.publish(channel, json.dumps({"n": 1}))
        return session.wait_for(lambda: session.status.messages > seen, 0.3)


def refused_from_the_start(bus: Bus) -> Session:
    session = Session(bus.user("looker", *WITHOUT))
    session.start()
    return session


def taken_later(bus: Bus) -> Session:
    session = Session(bus.user("looker", "+@all", "~*", "&*"))
    session.start()
    assert session.wait_up(5)
    # The server closes the connection of whoever loses a right that he uses.
    bus.change("looker", "resetchannels", f"&{SERVICE}", "&daebus.*", "&news")
    assert session.wait_for(lambda: session.status.gaps >= 1, 10)
    return session


def taken_while_away(bus: Bus) -> Session:
    session = Session(bus.user("looker", "+@all", "~*", "&*"))
    session.start()
    assert session.wait_up(5)
    bus.change("looker", "-psubscribe")
    with bus.server.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    return session


@pytest.mark.parametrize("begin", [refused_from_the_start, taken_later, taken_while_away])
def test_what_was_taken_is_told_and_once_it_is_given_back_all_is_seen(
    bus: Bus, begin: Callable[[Bus], Session]
) -> None:
    session = begin(bus)
    try:
        assert session.wait_for(lambda: session.status.blind is not None and session.status.up, 10), session.status
        assert "PSUBSCRIBE *" in (session.status.blind or "")
        last = gaps(session)[-1]
        assert (last.partly, last.end, last.reason) == (True, None, session.status.blind)
        with bus.server.client() as client, client.pubsub() as somebody:
            somebody.subscribe("news")
            eventually(lambda: sees(session, bus.server, "news"), within=15, what="what may be read by name is read")
        bus.change("looker", "+@all", "&*")
        assert session.wait_for(lambda: session.status.blind is None, 15), session.status
        assert gaps(session)[-1].end is not None, "told when it was whole again"
        eventually(lambda: sees(session, bus.server, "never seen before"))
        eventually(lambda: not session.tap.followed(), what="nothing is read by name any more")
    finally:
        session.stop()


def test_a_request_whose_answer_cannot_be_seen_is_unknown_and_not_timed_out(bus: Bus) -> None:
    url = bus.user("looker", *WITHOUT)
    with looking(url, timeout=0.2) as session:
        eventually(lambda: SERVICE in session.tap.followed(), within=15)
        assert carry_out(bus.server.url, "request loyalty echo n:=1 --timeout 2").status == 0
        eventually(lambda: [one.state for one in exchanges(session)][:1] == [State.UNKNOWN], within=15)
        assert session.directory.services[SERVICE].timeouts == 0


def test_what_is_unknown_is_so_in_a_capture_of_it_too(bus: Bus, tmp_path: Path) -> None:
    def recorded() -> list[State]:
        with OfflineSession(path, Settings(timeout=0.2)) as offline:
            assert offline.wait_up(10)
            told = gaps(offline)
            assert [(gap.partly, gap.reason, gap.end is not None) for gap in told] == [(True, blind, True)]
            return [one.state for one in exchanges(offline) if one.kind is Kind.REQUEST]

    path = tmp_path / "capture.jsonl"
    with looking(bus.user("looker", *WITHOUT), timeout=0.2) as session:
        eventually(lambda: SERVICE in session.tap.followed(), within=15)
        blind = session.status.blind
        recorder = Recorder(session, path)
        assert carry_out(bus.server.url, "request loyalty echo n:=1 --timeout 2").status == 0
        eventually(lambda: [one.state for one in exchanges(session)][:1] == [State.UNKNOWN], within=15)
        bus.change("looker", "+@all", "&*")
        assert session.wait_for(lambda: session.status.blind is None, 15), session.status
        assert carry_out(bus.server.url, "request loyalty echo n:=2").status == 0
        eventually(lambda: [one.state for one in exchanges(session)][-1:] == [State.OK], within=15)
        recorder.stop()
    assert recorded() == [State.UNKNOWN, State.OK]


def test_a_request_that_nobody_answers_times_out_where_the_answer_would_have_been_seen(bus: Bus) -> None:
    url = bus.user("looker", *WITHOUT, "&caller:known")
    with looking(url, timeout=0.2) as session, bus.server.client() as client:
        pubsub = client.pubsub()
        pubsub.subscribe("caller:known", "silent")
        bus.change("looker", "&silent")
        eventually(lambda: {"caller:known", "silent"} <= session.tap.followed(), within=15)
        asked = {"action": "x", "payload": {}, "request_id": "1", "reply_to": "caller:known"}
        client.publish("silent", json.dumps(asked))
        eventually(lambda: [one.state for one in exchanges(session)] == [State.TIMEOUT], within=15)
        pubsub.close()


def test_only_our_own_subscription_makes_nobody_look_served(bus: Bus) -> None:
    url = bus.user("looker", *WITHOUT)
    app = bus.serve(name="news")
    with looking(url) as session, bus.server.client() as client:
        eventually(lambda: "news" in session.tap.followed(), within=15)
        app.stop(grace=1)
        eventually(lambda: dict(client.pubsub_numsub("news")) == {b"news": 0}, within=15, what="we let go of it")
        service = session.directory.services["news"]
        eventually(lambda: service.gone is not None, within=15)


def test_tail_tells_of_the_loss_and_of_the_return(bus: Bus) -> None:
    url = bus.user("looker", "+@all", "~*", "&*")
    heard = Heard()
    session = Session(url)
    cancellation = Cancellation()
    command = parse("tail")
    assert command is not None
    with Sender(session) as sender:
        context = Context(session, sender, heard, Face.SHELL, cancellation=cancellation)
        tail = threading.Thread(target=run, args=(command, context))
        tail.start()
        try:
            with bus.server.client() as client:
                eventually(lambda: client.publish("news", "{}") and heard.lines, what="it prints what it sees")
            bus.change("looker", "resetchannels")
            eventually(lambda: any("not everything is seen" in line for line in heard.lines), within=15)
            bus.change("looker", "&*")
            eventually(lambda: any("all is seen again after" in line for line in heard.lines), within=15)
        finally:
            cancellation.cancel()
            tail.join()
            session.stop()
    assert any("rights were taken away" in line for line in heard.lines), heard.lines


def busy_from_the_start(server: RedisServer, state: AbstractContextManager[None]) -> Session:
    with state:
        session = Session(server.url)
        session.start()
        assert session.wait_for(lambda: session.status.problem is not None, 10)
        assert "is busy running a script" in (session.status.problem or "")
        assert session.tap.answering, "it is connected, and refused"
    return session


def busy_later(server: RedisServer, state: AbstractContextManager[None]) -> Session:
    session = Session(server.url)
    session.start()
    assert session.wait_up(5)
    with state:
        assert session.wait_for(lambda: "BUSY" in (session.status.discovery_problem or ""), 10)
    return session


def busy_when_it_comes_back(server: RedisServer, state: AbstractContextManager[None]) -> Session:
    session = Session(server.url)
    session.start()
    assert session.wait_up(5)
    with server.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    with state:
        pass
    return session


@pytest.mark.parametrize("begin", [busy_from_the_start, busy_later, busy_when_it_comes_back])
def test_a_busy_redis_is_told_and_once_it_is_free_all_is_seen(
    own_redis: RedisServer, begin: Callable[[RedisServer, AbstractContextManager[None]], Session]
) -> None:
    session = begin(own_redis, STATES["BUSY"](own_redis))
    try:
        assert session.wait_for(lambda: session.status.up and session.status.discovery_problem is None, 15)
        assert session.status.blind is None
        assert not session.tap.refused
        eventually(lambda: sees(session, own_redis, "anything"))
    finally:
        session.stop()


@pytest.mark.parametrize("code", ["MISCONF", "LOADING", "MASTERDOWN"])
def test_a_refused_ping_is_a_sign_of_life(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus_console.engine.live.tap.PING_AFTER", 0.05)
    server = RedisServer(*OPTIONS).start()
    try:
        with looking(server.url) as session, STATES[code](server), server.client() as client:
            assert session.wait_up(10)
            pings = lambda: client.info("commandstats").get("cmdstat_ping", {}).get("rejected_calls", 0)  # noqa: E731
            before = pings()
            eventually(lambda: pings() > before + 2, what="the tap has pinged, and was refused")
            assert session.status.blind is None
            assert session.status.gaps == 0
            eventually(lambda: sees(session, server, "anything"))
    finally:
        server.close()
