"""JSON as a tree that folds."""

from __future__ import annotations

import tracemalloc

import pytest

from daebus_console.tui.documents.node import GROUP, Node, note
from daebus_console.tui.documents.tree import Tree
from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.widgets.detail import light


def tree(value: object) -> Tree:
    """The tree of a payload, its root open."""
    root = Node(value)
    root.label = [("payload", "strong")]
    root.open = root.foldable
    return Tree([root])


def shown(document: Tree, width: int = 60) -> list[str]:
    """Its lines as text."""
    return [text_of(document.line(index, width)).rstrip() for index in range(document.count())]


def test_small_payloads_are_open() -> None:
    assert shown(tree({"id": 7, "user": {"name": "Ann", "tags": ["a", "b"]}})) == [
        "▾ payload  2 fields",
        "    id: 7",
        "  ▾ user:",
        '      name: "Ann"',
        "    ▾ tags:",
        '        0: "a"',
        '        1: "b"',
    ]


def test_folding_shows_what_is_inside_on_one_line() -> None:
    document = tree({"user": {"name": "Ann", "age": 3}})
    document.toggle(1)
    assert shown(document)[1:] == ['  ▸ user: {name: "Ann", age: 3}']
    document.toggle(1)
    assert len(shown(document)) == 4


def test_millions_of_items_take_no_room_beside_the_list() -> None:
    values = list(range(500_000))
    root = Node(values)
    tracemalloc.start()
    try:
        groups = root.inside()
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000
    assert len(groups) == len(values) // GROUP
    assert [(node.key, node.value, node.path) for node in groups[-1].inside()[-2:]] == [
        (499_998, 499_998, "[499998]"),
        (499_999, 499_999, "[499999]"),
    ]


def test_ten_megabytes_are_shown_in_groups_that_open() -> None:
    value = {"rows": [{"id": number, "name": f"name {number}", "note": "x" * 60} for number in range(100_000)]}
    document = tree(value)
    assert document.toggle(1)
    assert len(shown(document)) == 2 + 100_000 // GROUP
    document.toggle(5)
    assert shown(document)[6].strip().startswith("▸ 1500:")


def test_a_value_knows_its_path_and_is_copied_whole() -> None:
    document = tree({"items": [{"a b": {"c": "x" * 500}}]})
    index = next(i for i, line in enumerate(shown(document)) if "c: " in line)
    assert document.path(index) == 'items[0]["a b"].c'
    assert document.value(index) == "x" * 500
    assert "500 characters" in shown(document)[index]


def test_a_long_text_opens_into_its_lines() -> None:
    document = tree({"trace": "first\nsecond\n" + "y" * 100})
    document.toggle(1)
    assert [line.strip() for line in shown(document)[2:]] == ["first", "second", "y" * 80, "y" * 20]


def test_search_finds_what_is_folded_away_and_opens_it() -> None:
    document = tree({"a": [{"deep": {"needle": 1}} for _ in range(200)], "b": 2})
    found = document.find("needle", 0, 1)
    assert found is not None
    assert "needle" in shown(document)[found]
    assert document.find("nowhere", 0, 1) is None


def test_deep_nesting_is_no_problem() -> None:
    value: object = 1
    for _ in range(300):
        value = [value]
    document = tree(value)
    while document.opened(document.count() - 1) is False:
        document.toggle(document.count() - 1)
    assert document.count() == 301


TEXT = " ".join(f"word{number}" for number in range(100))


def test_what_stands_on_a_line_is_found_again_in_every_other_layout() -> None:
    document = tree({"first": TEXT, "inner": {"first": TEXT, "second": 2}, "last": [1, TEXT]})
    document.roots += [note([("  from   ", "dim"), (TEXT, "plain")], TEXT), note([(TEXT, "warn")])]
    document.lay_out(30, whole=True)
    kept = [(document.place(index), text_of(document.line(index, 30))) for index in range(document.count())]
    assert [document.row_of(place) for place, _text in kept] == list(range(document.count()))
    for width, whole in ((30, False), (50, True), (31, True), (200, False), (30, True)):
        document.lay_out(width, whole=whole)
        rows = [document.row_of(place) for place, _text in kept]
        assert rows == sorted(rows)
        lines = [text_of(document.line(row, width)) for row in rows]
        for (_place, text), line in zip(kept, lines, strict=True):
            key = text.split(":")[0].strip()
            assert ":" not in text or "word" in key or line.split(":")[0].strip().lstrip("▾▸ ") == key.lstrip("▾▸ ")
    assert [text for _place, text in kept] == lines


@pytest.mark.parametrize(
    ("text", "wanted", "lit"),
    [
        ("Straße 42", "42", ["42"]),
        ("STRASSE", "straße", ["STRASSE"]),
        ("İİ aBa", "ab", ["aB"]),
        ("aXaxa", "x", ["X", "x"]),
    ],
)
def test_what_is_looked_for_is_lit_where_it_stands(text: str, wanted: str, lit: list[str]) -> None:
    line = light([(text, "plain")], wanted)
    assert [piece for piece, role in line if role == "match"] == lit
    assert text_of(line) == text


def test_search_goes_through_the_groups_of_a_long_list() -> None:
    document = tree({"items": list(range(1000))})
    document.toggle(1)
    found = document.find("777", 0, 1)
    assert found is not None
    assert shown(document)[found].strip() == "777: 777"
    assert document.find("nowhere", 0, 1) is None
