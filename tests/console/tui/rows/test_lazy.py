"""Large payloads are read a level at a time, and nobody can tell."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine.message import envelope as wire
from daebus_console.tui.documents import lazy
from daebus_console.tui.documents.beginning import FIRST, MOST
from daebus_console.tui.documents.exchange import mark_changes
from daebus_console.tui.documents.node import GROUP, LONGEST_WRAPPED, MOST_PARTS, Node
from daebus_console.tui.documents.tree import Tree
from daebus_console.tui.rows.lines import text_of

PADDING = "x" * lazy.WHOLE
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def answer(payload: Any, **fields: Any) -> bytes:
    """An answer as a service sends it."""
    return json.dumps({"status": "success", "payload": payload, "request_id": "r", **fields}).encode()


def large(value: Any, **fields: Any) -> bytes:
    """An answer that is too large to be read at once."""
    return answer({"value": value, "padding": PADDING}, **fields)


def tree(data: bytes) -> Tree:
    """The tree of an answer, its root open."""
    root = Node(lazy.payload_of(data))
    root.label = [("payload", "strong")]
    root.open = root.foldable
    return Tree([root])


def shown(document: Tree, width: int = 60) -> list[str]:
    """Its lines as text."""
    return [text_of(document.line(index, width)).rstrip() for index in range(document.count())]


def unfolded(document: Tree) -> list[str]:
    """Its lines when everything is open."""
    index = 0
    while index < document.count():
        if document.opened(index) is False and "padding" not in text_of(document.line(index, 60)):
            document.toggle(index)
        index += 1
    return shown(document)


@given(values)
def test_a_large_payload_is_the_same_as_if_it_was_read_at_once(value: Any) -> None:
    data = large(value)
    raw = lazy.payload_of(data)
    assert isinstance(raw, msgspec.Raw)
    assert lazy.whole(raw) == wire.payload_of(data)
    once = Node(wire.payload_of(data))
    once.open = True
    by_level = Node(raw)
    by_level.open = True
    assert unfolded(Tree([by_level])) == unfolded(Tree([once]))


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"action": "a", "user": 1, "padding": PADDING}).encode(),
        json.dumps({"user": 1, "payload": 2, "padding": PADDING}).encode(),
        json.dumps([1, 2, PADDING]).encode(),
        json.dumps({"event": PADDING}).encode(),
        answer(json.dumps({"in": "a text", "padding": PADDING})),
        answer(PADDING),
        b'  {"status": "success", "payload": {"n": NaN, "padding": "' + PADDING.encode() + b'"}}',
        answer({"\ud800": PADDING, "b": 1}),
        answer({"twice": 1, "padding": PADDING}).replace(b'"padding"', b'"twice"'),
    ],
)
def test_odd_large_messages_carry_what_they_carried(data: bytes) -> None:
    assert repr(lazy.whole(lazy.payload_of(data))) == repr(wire.payload_of(data))


@pytest.mark.parametrize("data", [large(1)[:-1], large(1).replace(b"xx", b"x\xff"), large(1).replace(b"1", b"+")])
def test_what_cannot_be_read_is_told_as_ever(data: bytes) -> None:
    with pytest.raises(wire.Unreadable) as before:
        wire.payload_of(data)
    with pytest.raises(wire.Unreadable) as now:
        lazy.payload_of(data)
    assert str(now.value) == str(before.value)


@pytest.mark.parametrize("wanted", ["NEEDLE", "größe", "日本", "😀", 'a "quote"', "a/b", "tab\there", "17.5", "true"])
@pytest.mark.parametrize("escaped", [True, False])
def test_search_finds_what_is_deep_inside_however_it_is_written(wanted: str, escaped: bool) -> None:
    found = {"true": True, "17.5": 17.5}.get(wanted, wanted.lower())
    value = [{"deep": {"other": "no", "value": found}} for _ in range(3)] + [{"deep": {"pad": PADDING}}]
    text = json.dumps({"payload": {"rows": value}, "status": "success"}, ensure_ascii=escaped)
    data = text.replace("/", "\\/").encode() if escaped else text.encode()
    document = tree(data)
    index = document.find(wanted, 0, 1)
    assert index is not None
    assert json.dumps(found, ensure_ascii=False) in text_of(document.line(index, 80))
    assert document.find("nowhere at all", 0, 1) is None


def test_a_large_value_is_copied_as_it_came_and_a_small_one_for_reading() -> None:
    document = tree(large({"a": [1, 2]}))
    assert json.loads(document.value(0) or "") == {"value": {"a": [1, 2]}, "padding": PADDING}
    small = next(index for index, line in enumerate(shown(document)) if "a: " in line or "a:" in line)
    assert document.value(small) == "[\n  1,\n  2\n]"


def test_parts_that_differ_are_marked_though_only_a_level_of_them_is_read() -> None:
    before, now = Node(lazy.payload_of(large({"a": 1}, same=1))), Node(lazy.payload_of(large({"a": 2}, same=1)))
    mark_changes(now, before.value)
    assert [child.key for child in now.inside() if child.changed] == ["value"]


def test_a_large_text_opens_into_lines_that_come_in_groups() -> None:
    lines = MOST_PARTS + GROUP + 1
    document = tree(answer({"text": "line\n" * lines}))
    document.toggle(1)
    assert document.count() == 2 + lines // GROUP + 1
    assert shown(document)[2].strip() == f"▸ lines 1 … {GROUP}"
    document.toggle(2)
    assert shown(document)[3].strip() == "line"


def test_a_text_is_not_unfolded_by_wrapping_when_it_is_very_long() -> None:
    document = tree(answer({"text": "line\n" * LONGEST_WRAPPED}))
    document.lay_out(100, whole=True)
    assert document.count() == 2


MANY = 2 * MOST
SPELLED = {
    "a list": ("[", "17", "]", "items"),
    "a list of objects": ("[", '{"a": [1, 2], "k7": {}}', "]", "items"),
    "an object": ("{", '"k{n}": {n}', "}", "fields"),
    "an object of objects": ("{", '"k\\u00fc{n}": {"x": "k7", "y": "kü{n}"}', "}", "fields"),
}


@pytest.mark.parametrize("spelled", SPELLED)
@pytest.mark.parametrize("around", ["", '{{"action": "a", "request_id": "1", "payload": {}}}', '{{"deep": {}}}'])
def test_of_a_value_with_very_many_members_the_first_are_laid_out_and_the_others_told(
    spelled: str, around: str
) -> None:
    begin, member, end, what = SPELLED[spelled]
    value = begin + ", ".join(member.replace("{n}", str(number)) for number in range(MANY)) + end
    data = (around.format(value) if around else value).encode()
    root = Node(lazy.payload_of(data))
    root.open = True
    root.label = [("payload", "strong")]
    node = root
    while not node.left_out:
        (node,) = node.inside()
    node.open = True
    assert node.size == FIRST
    document = Tree([root])
    lines = shown(document, 100)
    assert f"more than 20,000 {what}" in lines[node.depth]
    told = next(line for line in lines if "which the tab Raw has" in line)
    left_out = int(told.split()[1].replace(",", ""))
    first = ", ".join(member.replace("{n}", str(number)) for number in range(FIRST))
    assert abs(left_out - (len(value.encode()) - len(first.encode()))) <= FIRST + 4
    assert document.value(node.depth) == value


@pytest.mark.parametrize("last", ['"Überall"', '{"a": "\\u00dcberall"}'])
def test_who_looks_for_what_is_left_out_comes_to_where_it_is_told(last: str) -> None:
    document = tree((f'{{"n": [{"0, " * MANY}{last}]}}').encode())
    found = document.find("überall", 0, 1)
    assert found is not None
    # Whole beside the directory, too, where the screen has 80 columns.
    assert shown(document, 56)[found].endswith("which the tab Raw has")
    assert document.find("nowhere", 0, 1) is None


@pytest.mark.parametrize("value", [[[1] * 20] * (FIRST - 1), {f"k{n}": [n] * 20 for n in range(FIRST)}, [0] * MOST])
def test_values_with_few_members_are_laid_out_however_much_is_in_them(value: Any) -> None:
    node = Node(lazy.payload_of(json.dumps(value).encode()))
    assert (node.size, node.left_out) == (len(value), 0)


def test_a_list_of_millions_takes_little_room() -> None:
    data = b"[" + b"0," * 2_000_000 + b"0]"
    Node(lazy.payload_of(data))
    tracemalloc.start()
    try:
        Node(lazy.payload_of(data)).inside()
        assert tracemalloc.get_traced_memory()[1] < 4 * len(data)
    finally:
        tracemalloc.stop()
