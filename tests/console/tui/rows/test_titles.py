"""The ends of a title where both have no room."""

from __future__ import annotations

import pytest

from daebus_console.tui.rows.lines import Line, text_of
from daebus_console.tui.titles.header import YIELDING, header
from daebus_console.tui.titles.hints import no_services
from daebus_console.tui.widgets.title import fitted
from tests.console.tui.support import fed

HEADER: Line = [
    (" daebus ", "strong"),
    (" redis://some-server.example:6379 ", "name"),
    (" ● recording 7 in x.jsonl ", "error"),
]
SEEN: Line = [(" ▲1 ! ", "warn"), (" 37 messages ", "plain"), (" 0 gaps ", "dim")]


def test_a_hint_goes_before_what_the_title_says() -> None:
    told: Line = [(" Contrast ", "strong"), ("the slowest of users.get, over 1.2 s", "name")]
    hint: Line = [(" enter shows those that have it ", "dim")]
    assert fitted(told, hint, 120) == (told, hint)
    assert fitted(told, hint, 60) == (told, [])


def test_in_the_header_the_address_yields_to_status_and_recording() -> None:
    left, right = fitted(HEADER, SEEN, 70, YIELDING)
    assert text_of(left) == " daebus  redis://some-se… ● recording 7 in x.jsonl "
    assert text_of(right) == " ▲1 !  37 messages "
    assert len(text_of(left) + text_of(right)) <= 70


def test_without_need_nothing_is_changed() -> None:
    assert fitted(HEADER, SEEN, 120, YIELDING) == (HEADER, SEEN)


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("width", range(24, 121))
def test_how_the_connection_is_stays_and_what_is_recorded(width: int, lost: bool) -> None:
    session = fed(1000.0)
    session.on_batch(990.0, [("jobs", b'{"n": 1}')] * 1234)
    if lost:
        session.on_down(995.0, "Connection refused at some-server.example:6379, and so on, and so on")
    left, right = header(session, 1000.0, doing=[(" ● recording 7 in x.jsonl ", "error")])
    left, right = fitted(left, right, width, YIELDING)
    told, seen = text_of(left), text_of(right)
    assert (" ✗ not connected for 5" if lost else " ● live ") in told
    if width >= 67:
        assert " ● recording 7 in x.jsonl " in told
    if width >= 44 + 23 * lost:
        assert len(told + seen) <= width
    # The rate goes before the messages, and they go before the address.
    assert "messages" in seen or "/s" not in seen
    assert "redis" in told or "messages" not in seen
    assert (": Con" in told) == lost or "redis" not in told


@pytest.mark.parametrize("width", [100, 120])
def test_the_address_is_whole_as_long_as_there_is_more_of_a_reason_to_be_cut(width: int) -> None:
    session = fed(1000.0)
    session.on_down(995.0, "cannot connect to Redis: Error 111 connecting to localhost:6379. Connection refused.")
    left, right = fitted(*header(session, 1000.0), width, YIELDING)
    assert " redis://localhost:6379 " in text_of(left)
    assert ": cannot" in text_of(left)
    assert len(text_of(left) + text_of(right)) <= width


@pytest.mark.parametrize("problem", ["Connection refused.", "Connection refused"])
def test_a_reason_is_within_a_sentence(problem: str) -> None:
    session = fed(1000.0)
    session.on_down(995.0, problem)
    told = "".join(text_of(line) for line in no_services(session, 400))
    assert "Connection refused. Start it there" in told
    assert ": Connection refused " in text_of(header(session, 1000.0)[0])
