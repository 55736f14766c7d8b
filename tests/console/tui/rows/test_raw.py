"""The bytes of an exchange, and looking for something in them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daebus_console.engine.message.exchange import Kind, Message
from daebus_console.text import cells, clean
from daebus_console.tui.documents.raw import HEX_CHUNK, Raw
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


CHUNK = 80
"""Bytes a line of plain text where nothing is known of the width."""
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


ODD = ["plain", "\u6f22\u5b57", "\U0001f469\u200d\U0001f4bb", "\n\t", "\x1b[31m", "\u202e", "e\u0301"]
ODD += ['{"a": 1}\r\n', "\udcff", "\udc80"]


@settings(deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(ODD), max_size=60).map("".join), min_size=1, max_size=3),
    width=st.integers(20, 200),
    hexadecimal=st.booleans(),
)
def test_no_byte_is_lost_at_any_width(texts: list[str], width: int, hexadecimal: bool) -> None:
    data = [text.encode("utf-8", "surrogateescape") for text in texts]
    document = Raw([Message(0, 0.0, "c", one, Kind.BROADCAST) for one in data], hexadecimal=hexadecimal)
    document.lay_out(width, whole=False)
    lines = [text_of(document.line(index, width)) for index in range(document.count())]
    shown = [line for index, line in enumerate(lines) if index not in document._starts]
    assert all(cells(line) <= max(width, 28) for line in shown)
    if hexadecimal:
        assert bytes.fromhex("".join(line[10:].split("  ")[0] for line in shown)) == b"".join(data)
    else:
        whole = "".join(clean(one.decode("utf-8", "backslashreplace")) for one in data)
        # What joins two signs is shown by its number where these stand on two lines.
        assert "".join(shown).replace("\u200d", r"\u200d") == whole.replace("\u200d", r"\u200d")


def test_where_a_sign_begins_is_found_also_at_the_end_of_a_line() -> None:
    document = raw("\u6f22" * 100 + "needle")
    for width in range(20, 60):
        document.lay_out(width, whole=False)
        row = document.find("needle", 0, 1)
        assert row is not None
        assert "n" in text_of(document.line(row, width))
        assert document.find("needle", document.count() - 1, -1) in (row, None)
