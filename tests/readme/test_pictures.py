"""The pictures of the README: they are there, they need nothing from elsewhere, and they are drawn from cells."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.segment import Segment
from rich.style import Style

from docs import svg

ROOT = Path(__file__).resolve().parents[2]
PICTURES = dict(re.findall(r"!\[([^\]]+)\]\(([^)]+)\)", (ROOT / "README.md").read_text()))
ADDRESSES = re.compile(r"https?://(?!www\.w3\.org/2000/svg)|/home/|/root|/work|/Users/")
PARTS = "{http://www.w3.org/2000/svg}"


def drawn(*lines: list[Segment]) -> tuple[list[ElementTree.Element], list[ElementTree.Element]]:
    """The texts and the rectangles of a picture of those lines, without the window around them."""
    root = ElementTree.fromstring(svg.draw(lines, 20, "t & t"))
    return root.findall(f"{PARTS}text")[1:], root.findall(f"{PARTS}rect")[1:]


@pytest.mark.parametrize("path", PICTURES.values())
def test_a_picture_stands_by_itself(path: str) -> None:
    text = (ROOT / path).read_text()
    assert not ADDRESSES.search(text)
    assert "@" not in text, "no font from elsewhere"
    assert len(ElementTree.fromstring(text).findall(f"{PARTS}text")) > 40


def test_there_are_three_small_pictures_with_words_for_those_who_do_not_see_them() -> None:
    assert len(PICTURES) == 3
    assert all(len(told.split()) > 5 for told in PICTURES)
    assert sum((ROOT / path).stat().st_size for path in PICTURES.values()) < 600_000


def test_words_stand_at_their_columns_whatever_blanks_are_between() -> None:
    texts, _ = drawn([Segment("  a b    c<", Style(color="#ff0000", bold=True)), Segment("日本 d")])
    columns = {text.text: round((float(text.get("x", 0)) - svg.MARGIN) / svg.CELL) for text in texts}
    assert columns == {"a b": 2, "c<": 9, "日本 d": 11}
    assert texts[0].get("fill") == "#ff0000"
    assert texts[0].get("class") == "b"
    assert float(texts[2].get("textLength", 0)) == pytest.approx(6 * svg.CELL, abs=0.1)


def test_blocks_are_drawn_as_high_and_as_wide_as_they_are() -> None:
    texts, shapes = drawn([Segment("▂██▌", Style(color="#00ff00"))])
    assert not texts
    assert [float(shape.get("width", 0)) for shape in shapes] == pytest.approx([svg.CELL, 2 * svg.CELL, svg.CELL / 2])
    assert [float(shape.get("height", 0)) for shape in shapes] == [svg.LINE / 4, svg.LINE, svg.LINE]


def test_grounds_are_drawn_where_they_differ_and_swapped_where_reversed() -> None:
    plain, lit = Style(color="#ffffff", bgcolor="#000000"), Style(color="#ffffff", bgcolor="#000000", reverse=True)
    texts, shapes = drawn([Segment("plain text", plain), Segment("lit", lit)])
    assert [shape.get("fill") for shape in shapes] == ["#ffffff"]
    assert [text.get("fill") for text in texts] == ["#ffffff", "#000000"]
