"""One exchange as one line, at any width."""

from __future__ import annotations

import json
import re

import pytest
from rich.cells import cell_len

from daebus_console import render
from daebus_console.commands.terms.entries import Entry
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.exchanges import exchange_row, heading, latency_share, message_row
from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.rows.sequence import steps


def exchange(*messages: tuple[float, str, dict[str, object] | bytes]) -> Exchange:
    """The exchange that these messages make: (seconds, channel, object or bytes)."""
    correlator = Correlator(Journal())
    found: Exchange | None = None
    for at, channel, data in messages:
        _message, one = correlator.feed(at, channel, data if isinstance(data, bytes) else json.dumps(data).encode())
        found = found or one
    assert found is not None
    return found


ASKED = {"action": "get", "payload": {}, "request_id": "1", "reply_to": "caller:1", "service": "web"}
ANSWERED = {"status": "success", "payload": {}, "request_id": "1"}


@pytest.mark.parametrize("width", [20, 40, 56, 64, 72, 90, 120, 168, 300])
def test_a_row_and_its_heading_are_as_wide_as_the_flow(width: int) -> None:
    row = exchange_row(exchange((1.0, "users", ASKED), (1.02, "caller:1", ANSWERED)), width, 2.0)
    assert cell_len(text_of(heading(width))) == width
    if width >= 40:
        assert cell_len(text_of(row)) == width


def test_columns_stand_under_their_names() -> None:
    width = 140
    head = text_of(heading(width))
    row = text_of(exchange_row(exchange((1.0, "users", ASKED), (1.02, "caller:1", ANSWERED)), width, 2.0))
    for name, value in (("from", "web"), ("to", "users"), ("action", "get"), ("state", "✓ ok")):
        assert head.index(name) == row.index(value), name
    assert head.index("took") + 4 == row.index("20ms") + 4


def test_wide_and_combining_signs_keep_the_columns_in_place() -> None:
    plain = exchange((1.0, "users", ASKED))
    wide = exchange((1.0, "ユーザー名前サービス", {**ASKED, "action": "e\u0301" * 40}))
    assert cell_len(text_of(exchange_row(wide, 120, 1.5))) == cell_len(text_of(exchange_row(plain, 120, 1.5)))


def test_a_pending_row_tells_how_long_it_waits() -> None:
    assert "waiting" in text_of(exchange_row(exchange((10.0, "users", ASKED)), 100, 11.5))
    assert "1.50s" in text_of(exchange_row(exchange((10.0, "users", ASKED)), 100, 11.5))


def test_the_latency_bar_is_logarithmic() -> None:
    assert latency_share(None) == 0
    assert latency_share(0.1) == pytest.approx(0.5)
    assert latency_share(100) == 1


def test_what_took_no_time_that_can_be_told_is_one_thing_everywhere() -> None:
    assert fmt.duration(0.0) == "<1ms"
    assert fmt.duration(0.00034) == "340µs"
    assert render.duration(0.0) == "<1 ms"


def test_an_answer_that_seems_to_be_older_than_its_question_has_no_time_anywhere() -> None:
    found = exchange((7200.0, "users", ASKED), (3600.0, "caller:1", ANSWERED))
    assert found.answer is not None
    assert (found.latency, Entry.of(found.answer, found).latency) == (None, None)
    drawn = exchange_row(found, 120, 0.0), message_row(found.answer, found, 120, 0.0)
    told = [*map(text_of, drawn), *(step.label for step in steps([found]))]
    assert not [text for text in told if re.search(r"\d ?[mµ]?s\b", text)]


def test_a_number_is_whole_however_great() -> None:
    one = exchange((1.0, "users", {"action": "get", "request_id": "1", "payload": {}, "reply_to": "caller:1"}))
    for number in (7, 250_000, 12_345_678):
        one.number = number
        digits = len(str(number))
        for width in (34, 48, 60, 120):
            row = text_of(exchange_row(one, width, 2.0, digits=digits))
            assert f" {number} " in row
            assert cell_len(row) == cell_len(text_of(heading(width, digits=digits))) == width


def test_how_a_message_stands_is_told_by_its_sign_where_there_is_no_room_for_the_word() -> None:
    part = {**ANSWERED, "final": False}
    streamed = exchange((1.0, "users", ASKED), (1.01, "caller:1", part), (1.02, "caller:1", ANSWERED))
    failed = exchange((1.0, "users", ASKED), (1.02, "caller:1", {**ANSWERED, "status": "error"}))
    sent = exchange((1.0, "users", {"action": "note", "payload": {}}))
    messages = [(one, of) for of in (streamed, failed, sent) for one in of.messages]
    words = ["  asks", "⋯ part", "✓ ok", "  asks", "✗ error", "· one-way"]
    rows = [text_of(message_row(one, of, 120, 2.0)) for one, of in messages]
    at = text_of(heading(120)).index("state")
    assert [row[at : at + 11].rstrip() for row in rows] == words
    narrow = [text_of(message_row(one, of, 54, 2.0)) for one, of in messages]
    at = text_of(heading(54)).index("took") - 4
    assert [row[at] for row in narrow] == [word[0] for word in words]
