"""The bytes of an exchange, and looking for something in them."""

from __future__ import annotations

import pytest

from daebus_console.engine.message.exchange import Kind, Message
from daebus_console.tui.documents.raw import CHUNK, HEX_CHUNK, Raw
from daebus_console.tui.rows.lines import text_of


def raw(*texts: str, hexadecimal: bool = False) -> Raw:
    """Messages with those texts on channels named by their place."""
    messages = [
        Message(seq=place, at=0.0, channel=f"channel{place}", data=text.encode(), kind=Kind.BROADCAST)
        for place, text in enumerate(texts)
    ]
    return Raw(messages, hexadecimal=hexadecimal)


def all_found(document: Raw, wanted: str, direction: int) -> list[int]:
    """Every place, in the order in which one comes to them from the first line."""
    found: list[int] = []
    here = 0
    while (there := document.find(wanted, here, direction)) is not None and there not in found:
        found.append(there)
        here = there
    return found


LONG = "." * 5 * CHUNK
TEXTS = (LONG + "Needle" + LONG, "none", LONG + "nEEDLE", "needle")


def test_every_match_is_come_to_in_both_directions() -> None:
    document = raw(*TEXTS)
    rows = [row for row in range(document.count()) if "needle" in text_of(document.line(row, 200)).casefold()]
    assert len(rows) == 3
    assert all_found(document, "needle", 1) == rows
    assert all_found(document, "NEEDLE", -1) == rows[::-1]
    assert document.find("nowhere", 3, 1) is None
    assert document.find("", 3, 1) is None


def test_a_match_across_the_end_of_a_line_is_on_the_line_it_begins_in() -> None:
    document = raw("." * (CHUNK - 3) + "needle")
    assert document.find("needle", 0, 1) == 1
    assert document.find("needle", 0, -1) == 1


def test_headings_and_letters_of_other_alphabets_are_found() -> None:
    document = raw("Größe", "ÄRGER")
    assert document.find("channel1", 0, 1) == 2
    assert document.find("ärger", 0, 1) == 3
    assert document.find("GRÖẞE".replace("ẞ", "ß"), 0, 1) == 1


@pytest.mark.parametrize("wanted", ["needle", "6e65", "6E 65 65"])
def test_bytes_are_found_by_their_letters_and_in_hex(wanted: str) -> None:
    document = raw("." * HEX_CHUNK * 4 + "needle", hexadecimal=True)
    assert document.find(wanted, 0, 1) == 5
    assert "6e 65 65 64 6c 65" in text_of(document.line(5, 200))
