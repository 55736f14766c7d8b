"""A capture holds what services told, and opening it shows the same: records, rows of the time before, findings."""

from __future__ import annotations

from pathlib import Path

from daebus_console.engine.capture.writer import CaptureWriter
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.offline import OfflineSession
from tests.console.engine.bus import Sent, answer, request
from tests.console.engine.records.told import batch, handled, recent, record


def test_opening_it_shows_the_same(tmp_path: Path) -> None:
    file = tmp_path / "told.jsonl"
    failed = record(3, "ran", 1_000.2, id="t", what="task", name="sync", outcome="error", type="OSError")
    said: list[tuple[float, Sent]] = [
        (1_000.0, request("daebus.control.users", "recent", id="asked", reply_to="caller:console")),
        (1_000.01, recent("users", handled(1, "before", "get", 900.0, outcome="handler_error"))),
        (1_000.1, request("users", "get", id="a")),
        (1_000.2, answer("caller:1", id="a")),
        (1_000.3, batch("users", handled(2, "a", "get", 1_000.2), failed)),
    ]
    with CaptureWriter(file, "", 1_000.0) as writer:
        for at, (channel, data) in said:
            writer.write(at, channel, data)
    session = OfflineSession(file)
    session.start()
    assert session.loaded.wait(20)
    session.stop()
    with session.lock:
        seen, told = [], []
        for one in session.journal.exchanges:
            (told if one.kind is Kind.TOLD else seen).append(one)
        # What was seen has the numbers that any other reader of the capture gives it.
        assert [(one.number, one.action) for one in seen] == [(1, "recent"), (2, "get"), (3, None)]
        assert [(one.number, one.request_id, one.aside.code) for one in told] == [(4, "before", "handler_error")]
        assert [run.seq for run in session.telling.of(seen[1]).handled] == [2]
        assert [one.rule for one in session.findings.book] == ["task-raised"]


def test_a_row_of_the_time_before_tells_how_it_was_handled_where_its_answer_was_dropped(tmp_path: Path) -> None:
    file = tmp_path / "dropped.jsonl"
    dropped = record(1, "refused", 900.0, id="before", action="get", code="answer_dropped")
    kept = record(3, "refused", 901.0, id="kept", action="get", code="debugger")
    told = recent("users", dropped, handled(2, "before", "get", 900.1), kept)
    with CaptureWriter(file, "", 1_000.0) as writer:
        writer.write(1_000.0, *request("daebus.control.users", "recent", id="asked", reply_to="caller:console"))
        writer.write(1_000.01, *told)
    session = OfflineSession(file)
    session.start()
    assert session.loaded.wait(20)
    session.stop()
    with session.lock:
        rows = [one for one in session.journal.exchanges if one.kind is Kind.TOLD]
        assert [(one.request_id, one.aside.code, one.elapsed is None) for one in rows] == [
            ("before", None, False),
            ("kept", "debugger", True),
        ]
        assert [one.code for one in session.telling.of(rows[0]).refused] == ["answer_dropped"]
