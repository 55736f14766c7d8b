"""Two values beside each other, or one above the other: where they differ, whole, and in any width."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from rich.cells import cell_len

from daebus_console.engine.diff.exchange import Unread
from daebus_console.engine.diff.preview import one_line
from daebus_console.engine.diff.values import Change, How
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.tui.compare.layout import rows_of
from daebus_console.tui.compare.rows import whole
from daebus_console.tui.compare.values import (
    LIT_AFTER,
    LIT_BEFORE,
    MOST_LINES,
    MOST_SIGNS,
    Note,
    Pair,
    folded,
    lit,
    pairs,
    value_lines,
)
from daebus_console.tui.rows.lines import Line, text_of, wrap
from tests.console.engine.bus import Bus, answer, request
from tests.console.tui.rows.compared import JSON, TEXTS, two

# Values ----------------------------------------------------------------------------------------------------------


def lit_parts(line: Line, role: str) -> list[str]:
    return [text for text, one in line if one == role]


def test_what_differs_in_two_texts_is_lit_and_the_rest_is_dimmed() -> None:
    before, after = lit("once a month, on Monday", "once a week, on Monday")
    assert (lit_parts(before, LIT_BEFORE), lit_parts(after, LIT_AFTER)) == (["month"], ["week"])
    assert lit_parts(before, "dim") == ["once a ", ", on Monday"]


def test_within_a_long_word_only_what_differs_is_lit() -> None:
    before, after = lit("token-eyJhbGciabcdef", "token-eyJhbGciabxdef")
    assert (lit_parts(before, LIT_BEFORE), lit_parts(after, LIT_AFTER)) == (["c"], ["x"])
    before, after = lit("12345", "12399")
    assert lit_parts(before, LIT_BEFORE) == ["12345"]


@given(TEXTS, TEXTS)
def test_lighting_neither_adds_nor_loses_anything(a: str, b: str) -> None:
    before, after = lit(a, b)
    assert (text_of(before), text_of(after)) == (a, b)
    assert (not lit_parts(before, LIT_BEFORE) and not lit_parts(after, LIT_AFTER)) == (a == b)


def test_lines_of_texts_and_of_structure_are_put_beside_each_other() -> None:
    found = pairs(Change("p", How.CHANGED, "one\ntwo\nthree", "one\n2\n3\nthree"))
    assert [pair.same for pair in found] == [True, False, False, True]
    found = pairs(Change("p", How.CHANGED, {"a": 1, "b": [1]}, {"a": 1, "b": [1], "c": 2}))
    assert [text_of(pair.after or []) for pair in found if not pair.same] == ['  "c": 2']
    assert all(pair.before is None for pair in pairs(Change("p", How.ADDED, None, {"a": 1})))
    assert all(pair.after is None for pair in pairs(Change("p", How.REMOVED, "a\nb", None)))


@given(JSON, JSON)
def test_both_values_are_there_whole(a: Any, b: Any) -> None:
    found = pairs(Change("p", How.CHANGED, a, b))
    apart = any(isinstance(value, str) and "\n" in value for value in (a, b))
    assert [text_of(pair.before) for pair in found if pair.before is not None] == value_lines(a, apart=apart)
    assert [text_of(pair.after) for pair in found if pair.after is not None] == value_lines(b, apart=apart)


def test_fields_stand_beside_those_of_the_same_name() -> None:
    before = {"a": 1, "address": {"street": "x", "city": "y"}, "uptime": 1}
    found = pairs(Change("p", How.CHANGED, before, {"a": 1, "address": None, "uptime": 2}))
    beside = {text_of(pair.before).strip(): text_of(pair.after).strip() for pair in found if pair.before and pair.after}
    assert beside['"uptime": 1'] == '"uptime": 2'
    assert beside['"address": {'] == '"address": null,'
    assert [text_of(pair.before).strip() for pair in found if pair.before and not pair.after] == [
        '"street": "x",',
        '"city": "y"',
        "},",
    ]


def test_the_whole_of_a_part_does_not_care_for_the_order_of_fields() -> None:
    before, after = two({"a": 1, "b": {"x": 1, "y": 2}}, {"b": {"y": 3, "x": 1}, "new": 0, "a": 1})
    change = whole(before, after, "response")
    assert change is not None
    assert json.dumps(change.after) == '{"a": 1, "b": {"x": 1, "y": 3}, "new": 0}'
    assert whole(before, after, "stream[0]") is None


def test_the_whole_of_a_part_that_one_does_not_have() -> None:
    bus = Bus()
    bus >> request("users", "get", id="a", reply_to="caller:1")
    bus >> request("users", "get", id="b", reply_to="caller:1")
    bus >> answer("caller:1", id="b", payload={"n": 1})
    one, other = bus.exchanges
    assert whole(one, other, "response") == Change("response.payload", How.ADDED, None, {"n": 1})
    assert whole(other, one, "response") == Change("response.payload", How.REMOVED, {"n": 1}, None)
    assert whole(one, one, "response") is None


def test_structure_is_indented_as_json_has_it() -> None:
    value = {"a": [1, {"b": "x"}], "c": {}, "n": None}
    assert value_lines(value) == json.dumps(value, indent=2).split("\n")


@pytest.mark.parametrize("width", [30, 99, 100, 200])
@given(JSON, JSON)
def test_rows_of_values_fit_the_width(width: int, a: Any, b: Any) -> None:
    for line in rows_of(pairs(Change("p", How.CHANGED, a, b)), width):
        assert cell_len(text_of(line)) <= width


def test_wide_signs_are_never_cut_in_two() -> None:
    rows = [text_of(line) for line in wrap([("a", "plain"), ("日本語" * 5, "string")], 5)]
    assert "".join(rows) == "a" + "日本語" * 5
    assert all(cell_len(line) <= 5 for line in rows)


def test_where_it_is_narrow_the_lines_of_before_stand_above_those_of_after() -> None:
    found = pairs(Change("p", How.CHANGED, "same\nold\nolder\nend", "same\nnew\nnewer\nend"))
    rows = [text_of(line) for line in rows_of(found, 60)]
    assert rows == ["  same", "− old", "− older", "+ new", "+ newer", "  end"]
    assert [line.split("│")[0].strip() for line in map(text_of, rows_of(found, 100))] == [
        "same",
        "− old",
        "− older",
        "end",
    ]


def test_long_runs_of_the_same_are_folded_between_what_differs() -> None:
    before = [str(number) for number in range(100)]
    after = [*before[:50], "new", *before[51:]]
    found = pairs(Change("p", How.CHANGED, "\n".join(before), "\n".join(after)))
    shown = folded(found)
    assert [text_of(one.line) for one in shown if isinstance(one, Note)] == [
        "┄┄ 47 lines the same: space shows them ┄┄",
        "┄┄ 46 lines the same: space shows them ┄┄",
    ]
    assert sum(isinstance(one, Pair) for one in shown) == 7
    assert len(found) == 100


def test_what_is_too_much_is_told_and_takes_no_time() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    huge = ["x" * 1000] * 20_000
    began = time.monotonic()
    assert "only the first" in value_lines(deep)[-1]
    assert "nested too deeply" in one_line(deep, 100_000)
    assert f"first {MOST_SIGNS:,} characters" in value_lines("y" * 1_000_000)[-1]
    assert f"first {MOST_LINES:,} lines" in value_lines([1] * 100_000)[-1]
    assert len(one_line(huge, 50)) < 200
    alike, hostile = ["{", "}", "[", "]"] * 2000, ["}", "{", "]", "["] * 2000
    found = pairs(Change("p", How.CHANGED, "\n".join(alike), "\n".join(hostile)))
    assert len(found) > 4000
    lit("ab" * 5000, "ba " * 5000)
    rows_of(pairs(Change("p", How.CHANGED, huge, "z" * 1_000_000)), 100)
    assert time.monotonic() - began < 20


def test_bytes_that_cannot_be_read_are_masked_like_any_other() -> None:
    unread = Unread("no JSON", b'{"password": "hunter2"')
    assert "hunter2" in "".join(value_lines(unread))
    assert "hunter2" not in "".join(value_lines(unread, redact=Redactor(["password"])))
