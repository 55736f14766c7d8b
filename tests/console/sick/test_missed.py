"""Verbs that look for a while say so where messages passed unseen meanwhile, and a script can tell by the status."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daebus import DaebusCaller
from daebus_console.commands.context import Exit
from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import why_missed
from daebus_console.render import Line
from tests.console.commands.support import Heard
from tests.console.sick.conftest import SERVICE, Bus, carry_out, looking
from tests.support.waiting import eventually

LOOKING = ["stats", "groups", "contrast", "shape", "trace status:error", "findings", "findings --json"]
GOING_ON = ["tail", "tail --json", "record KEPT", "watch status:timeout --keep KEPT"]


def kept(line: str, folder: Path) -> str:
    """The line with a place of its own for what it keeps."""
    return line.replace("KEPT", str(folder / "kept"))


class Cutting(Heard):
    """An output at whose first word, when the verb looks already, the connection is cut, and comes back."""

    def __init__(self, session: Session, bus: Bus) -> None:
        super().__init__()
        self.session, self.bus = session, bus
        self.cut = False

    def note(self, text: str) -> None:
        super().note(text)
        self._cut()

    def progress(self, line: Line, *, transient: bool = False) -> None:
        super().progress(line, transient=transient)
        self._cut()

    def _cut(self) -> None:
        if not self.cut:
            self.cut = True
            lose_once(self.session, self.bus)


def lose_once(session: Session, bus: Bus) -> None:
    with bus.server.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    eventually(lambda: session.status.gaps and session.status.up)


@pytest.mark.parametrize("line", [*LOOKING, *GOING_ON])
def test_a_redis_that_has_gone_is_told_and_the_status_says_so(bus: Bus, tmp_path: Path, line: str) -> None:
    def gone(session: Session) -> None:
        bus.server.kill()
        eventually(lambda: not session.status.up)

    said = carry_out(bus.server.url, f"{kept(line, tmp_path)} --for 0.1", meanwhile=gone)
    bus.server.start()
    assert said.status == Exit.NO_REDIS
    (error,) = [one for one in said.heard.errors if one != "no message was seen" and one != "nothing matches"]
    assert re.match(r"for \S+ \S+ nothing could be seen: .*closed the connection", error)
    assert "nothing was found" not in said.words


@pytest.mark.parametrize("line", LOOKING)
def test_what_was_missed_meanwhile_is_told_as_well(bus: Bus, line: str) -> None:
    said = carry_out(bus.server.url, f"{line} --for 0.1", heard=lambda session: Cutting(session, bus))
    assert said.status == Exit.NO_REDIS
    assert any("nothing could be seen: " in one for one in said.heard.errors)


@pytest.mark.parametrize("line", LOOKING)
def test_also_where_the_look_is_interrupted(bus: Bus, line: str) -> None:
    class Interrupted(Cutting):
        def progress(self, line: Line, *, transient: bool = False) -> None:
            super().progress(line, transient=transient)
            raise KeyboardInterrupt

    said = carry_out(bus.server.url, f"{line} --for 60", heard=lambda session: Interrupted(session, bus))
    assert said.status == Exit.INTERRUPTED
    assert any("nothing could be seen: " in one for one in said.heard.errors)


@pytest.mark.parametrize("line", GOING_ON[2:])
def test_what_goes_on_over_a_gap_tells_of_it_and_is_done(bus: Bus, tmp_path: Path, line: str) -> None:
    line = f"{kept(line, tmp_path)} --for 0.1"
    said = carry_out(bus.server.url, line, heard=lambda session: Cutting(session, bus))
    assert said.status == Exit.DONE
    assert "nothing could be seen: " in said.words


@pytest.mark.parametrize("line", [*LOOKING, *GOING_ON])
def test_where_nothing_is_shown_the_status_says_so(bus: Bus, tmp_path: Path, line: str) -> None:
    url = bus.user("blind", "+subscribe", "+ping", "&x")
    said = carry_out(url, f"{kept(line, tmp_path)} --for 0.2")
    assert said.status == Exit.NO_REDIS
    assert any(one.startswith("no requests and no broadcasts c") for one in said.heard.errors)


@pytest.mark.parametrize("line", [*LOOKING, *GOING_ON])
def test_where_all_is_seen_nothing_is_said_of_it(bus: Bus, tmp_path: Path, line: str) -> None:
    def asked(session: Session) -> None:
        with DaebusCaller(SERVICE, redis_url=bus.server.url) as caller:
            caller.send_request("echo", {})
        eventually(lambda: session.status.messages)

    line = f"{kept(line, tmp_path)} --for 0.2"
    said = carry_out(bus.server.url, line, meanwhile=asked)
    assert said.status == (Exit.NOBODY if line.startswith("trace") else Exit.DONE)
    assert "could be seen" not in said.words


def test_what_was_lost_before_is_no_matter(bus: Bus) -> None:
    with looking(bus.server.url) as session:
        assert session.wait_up(10)
        lose_once(session, bus)
        assert why_missed(session, 0.0) is not None
        assert why_missed(session, session.clock()) is None


@pytest.mark.parametrize(
    "line",
    [
        "stats {}",
        "groups {}",
        "contrast {}",
        "shape {}",
        "trace {} status:ok",
        "findings {}",
        "why loyalty echo --in {}",
    ],
)
def test_a_capture_tells_what_was_missed_when_it_was_recorded(bus: Bus, tmp_path: Path, line: str) -> None:
    file = tmp_path / "kept.jsonl"
    with CaptureWriter(file, "", 0.0) as writer:
        writer.write(1.0, SERVICE, b'{"action":"echo","payload":{},"request_id":"r","reply_to":"caller:x"}')
        writer.write(1.1, "caller:x", b'{"status":"success","payload":{},"request_id":"r"}')
        writer.gap(2.0, 3.0, "the server closed the connection")
    said = carry_out(bus.server.url, line.format(file))
    note = f"{file}: for 3.00 s nothing could be seen when it was recorded: the server closed the connection"
    assert said.heard.notes.count(note) == 1
