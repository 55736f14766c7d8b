"""Strips that are parted where terminals count their cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from daebus_console.text import cells
from daebus_console.tui.look.measured import Measured, measured

SIGNS = st.text(alphabet="abग्राहककीसूचीதமிழ்漢字🎉é ", max_size=12)


def text_of(strip: Strip) -> str:
    return "".join(segment.text for segment in strip)


@given(st.lists(SIGNS, min_size=1, max_size=4), st.data())
def test_each_part_has_the_cells_that_it_says(texts: list[str], data: st.DataObject) -> None:
    width = sum(map(cells, texts))
    strip = Measured([Segment(text, Style(bold=True)) for text in texts], width)
    cuts = sorted(data.draw(st.sets(st.integers(0, width), max_size=4)) | {width})
    parts = strip.divide(cuts)
    assert [cells(text_of(part)) for part in parts] == [
        cut - before for cut, before in zip(cuts, [0, *cuts], strict=False)
    ]
    assert [part.cell_length for part in parts] == [cells(text_of(part)) for part in parts]
    if "漢" not in text_of(strip) and "字" not in text_of(strip) and "🎉" not in text_of(strip):
        assert "".join(map(text_of, parts)) == text_of(strip)


@pytest.mark.parametrize(
    ("start", "end", "kept"),
    [
        (0, 3, "कीa"),
        (2, 3, "a"),
        (3, 5, "漢"),
        (3, 6, "漢 "),
        (4, 7, " 字"),
        (0, 99, "कीa漢字"),
        (5, 2, ""),
        (9, 12, ""),
    ],
)
def test_a_wide_sign_that_is_parted_is_blank(start: int, end: int, kept: str) -> None:
    assert text_of(Measured([Segment("कीa"), Segment("漢字")], 7).crop(start, end)) == kept


@pytest.mark.parametrize(("text", "shown"), [("की  ", "की "), ("aकीb", "aकी"), ("漢की", "漢क"), ("कीक漢", "कीक")])
def test_a_strip_that_was_filled_up_as_rich_counts_is_as_long_as_it_says(text: str, shown: str) -> None:
    strip = measured(Strip([Segment(text)], cells(text) - 1))
    assert (strip.cell_length, text_of(strip).rstrip()) == (cells(text) - 1, shown.rstrip())
    assert cells(text_of(strip)) == strip.cell_length
