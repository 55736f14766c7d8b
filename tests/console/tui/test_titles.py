"""The ends of a title where both have no room."""

from __future__ import annotations

from daebus_console.tui.rows.lines import Line, text_of
from daebus_console.tui.widgets.title import fitted

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
    left, right = fitted(HEADER, SEEN, 70, "name")
    assert text_of(left) == " daebus  redis://some-se… ● recording 7 in x.jsonl "
    assert text_of(right) == " ▲1 !  37 messages "
    assert len(text_of(left) + text_of(right)) <= 70
    left, right = fitted(HEADER, SEEN, 20, "name")
    assert " redis:…" in text_of(left)


def test_without_need_nothing_is_changed() -> None:
    assert fitted(HEADER, SEEN, 120, "name") == (HEADER, SEEN)
