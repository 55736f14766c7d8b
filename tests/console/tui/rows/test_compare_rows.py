"""A comparison as rows: what counts, what is ignored, where two values differ, and which two to compare."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from rich.cells import cell_len

from daebus_console.engine.diff.exchange import Unread
from daebus_console.engine.diff.preview import previews
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.diff.values import Change, How, diff
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange
from daebus_console.tui.compare.head import change_text, standing, title, whole_text
from daebus_console.tui.compare.rows import (
    Entry,
    Heading,
    compare,
    counts,
    entry_line,
    heading_line,
    partner,
    snapshot,
    widths,
)
from daebus_console.tui.compare.rules import rule_anywhere, rule_for, rules_line
from daebus_console.tui.compare.values import describe, percent, value_lines
from daebus_console.tui.rows.lines import Line, text_of
from tests.console.engine.bus import Bus, answer, progress, raw, request
from tests.console.tui.rows.compared import JSON, OBJECTS, told, two

# What differs ----------------------------------------------------------------------------------------------------


def test_differences_stand_under_the_part_they_are_in() -> None:
    bus = Bus()
    for number, parts in enumerate(((1, 2), (3,))):
        bus >> request("users", "get_user", id=f"r{number}", payload={"id": number}, reply_to="caller:1")
        for part in parts:
            bus >> progress("caller:1", id=f"r{number}", payload={"percent": part})
        bus >> answer("caller:1", id=f"r{number}", payload={"name": "Ann", "new": 1} if number else {"name": "Bob"})
    compared = compare(*bus.exchanges, Rules())
    assert told(compared.rows(ignored=False)) == [
        "request 1/0",
        "~request.payload.id",
        "response 2/0",
        "~response.payload.name",
        "+response.payload.new",
        "stream[0] 1/0",
        "~stream[0].payload.percent",
        "stream[1] 1/0",
        "-stream[1].payload",
    ]
    assert (compared.differing, compared.ignored) == (5, 0)


def test_what_rules_leave_out_is_counted_and_stands_in_its_place_where_it_is_wanted() -> None:
    before, after = two({"a": 1, "at": 5, "user": {"x": 1, "y": 2}, "z": 1}, {"a": 2, "at": 6, "user": {}, "z": 2})
    compared = compare(before, after, Rules(["*.at", "response.payload.user"]))
    assert (compared.differing, compared.ignored) == (2, 3)
    assert told(compared.rows(ignored=False)) == ["response 2/3", "~response.payload.a", "~response.payload.z"]
    assert told(compared.rows(ignored=True)) == [
        "response 2/3",
        "~response.payload.a",
        "(response.payload.at)",
        "(response.payload.user.x)",
        "(response.payload.user.y)",
        "~response.payload.z",
    ]
    assert [entry.ignored_by for entry in compared.entries if entry.ignored_by] == [
        "*.at",
        "response.payload.user",
        "response.payload.user",
    ]


def test_a_part_of_which_everything_is_ignored_is_not_shown_until_it_is_wanted() -> None:
    compared = compare(*two({}, {}, asked=({"at": 1}, {"at": 2})), Rules(["payload.at"]))
    assert compared.rows(ignored=False) == []
    assert told(compared.rows(ignored=True)) == ["request 0/1", "(request.payload.at)"]


def test_lists_in_another_order_differ_unless_the_order_does_not_count() -> None:
    before, after = two({"tags": ["a", "b"]}, {"tags": ["b", "a"]})
    assert compare(before, after, Rules()).differing == 2
    compared = compare(before, after, Rules(any_order=True))
    assert (compared.differing, compared.ignored) == (0, 0)


def test_a_payload_that_cannot_be_read_differs_as_a_whole() -> None:
    bus = Bus()
    one, other = bus >> raw("users", b"\xff\x00"), bus >> raw("users", b"\xff{]")
    compared = compare(one, other, Rules())
    entry = compared.entries[-1]
    assert entry.change.path == "request.payload"
    assert isinstance(entry.change.before, Unread)
    assert isinstance(entry.change.after, Unread)
    assert "\\xff" in "".join(value_lines(entry.change.before))
    assert "{]" in "".join(value_lines(entry.change.after))


def test_a_snapshot_is_not_changed_by_what_comes_later() -> None:
    bus = Bus()
    bus >> request("users", id="r", reply_to="caller:1")
    bus >> progress("caller:1", id="r", payload={"percent": 1})
    taken = snapshot(bus["r"])
    bus >> progress("caller:1", id="r", payload={"percent": 2})
    exchange = bus >> answer("caller:1", id="r")
    assert len(taken.progress or ()) == 1
    assert taken.answer is None
    assert len(exchange.progress or ()) == 2
    assert exchange.answer is not None


@pytest.mark.parametrize("key", ["\\\r", "a\\\\ ", "\\\ud800", "\\*", "\\?", "\\"])
def test_a_rule_fits_the_name_that_it_was_made_for(key: str) -> None:
    before, after = two({"value": {}}, {"value": {key: None}})
    (entry,) = compare(before, after, Rules()).entries
    assert compare(before, after, Rules([rule_for(entry.change.path)])).differing == 0


@given(OBJECTS, OBJECTS)
def test_with_a_rule_for_each_difference_nothing_counts(a: Any, b: Any) -> None:
    before, after = two({"value": a}, {"value": b})
    compared = compare(before, after, Rules())
    assert compared.ignored == 0
    again = compare(before, after, Rules([rule_for(entry.change.path) for entry in compared.entries]))
    assert (again.differing, again.ignored) == (0, compared.differing)


@given(JSON, JSON)
def test_what_is_ignored_never_counts_whatever_members_of_lists_belong_together_then(a: Any, b: Any) -> None:
    before, after = two({"value": a}, {"value": b})
    rules = Rules([rule_for(entry.change.path) for entry in compare(before, after, Rules()).entries])
    for entry in compare(before, after, rules).entries:
        assert rules.ignores(entry.change.path) == (entry.ignored_by is not None)


# Rules -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("response.payload.at", "*.at"),
        ("response.payload.user.at", "*.at"),
        ("request.payload.items[3].price", "*.price"),
        ("response.payload.tags[0]", "*.tags[*]"),
        ("response.payload.grid[0][12]", "*.grid[*][*]"),
        ("response.payload.a\\.b", "*.a\\.b"),
        ("response.payload.a*b", "*.a\\*b"),
        ("response.payload", "response.payload"),
        ("response.payload[2]", "response.payload[*]"),
        ("response.status", "response.status"),
        ("stream[1].payload", "stream[*].payload"),
        ("stream[1].payload.percent", "*.percent"),
        ("request.action", "request.action"),
    ],
)
def test_a_name_is_ignored_anywhere(path: str, rule: str) -> None:
    assert rule_anywhere(path) == rule
    assert Rules([rule]).ignores(path)


@pytest.mark.parametrize("name", ["a.b", "a*b", "what?", "a\\*", "\\", "a\\?b\\\\", "x ", "[0]", "\ud800x", "a\nb", ""])
def test_the_rule_for_a_path_ignores_it_whatever_signs_are_in_it(name: str) -> None:
    (change,) = diff({name: 1}, {name: 2}, Rules(), "response.payload")
    for rule in (rule_for(change.path), rule_anywhere(change.path)):
        assert Rules([rule]).ignores(change.path)
        assert not Rules([rule]).ignores("response.payload.other")
        rule.encode()


def test_a_rule_for_a_name_without_end_is_short() -> None:
    path = "response.payload." + "n" * 10_000
    assert len(rule_for(path)) < 300
    assert Rules([rule_for(path)]).ignores(path)


@pytest.mark.parametrize("width", [20, 40, 80, 120, 200])
def test_the_rules_in_force_are_told_in_any_width_and_the_last_always(width: int) -> None:
    none, keys = rules_line(Rules(), width)
    assert "Every difference counts" in text_of(none)
    assert "i ignores" in text_of(keys)
    rules = Rules(["payload.first", "payload.second", "payload.third.that_is_long"], any_order=True)
    left, right = rules_line(rules, width)
    assert "long" in text_of(left)
    assert "any order" in text_of(left)
    assert "u " in text_of(right)
    assert width < 80 or cell_len(text_of(left + right)) <= width
    assert ("payload.first" in text_of(left)) == (width >= 200)


# Rows ------------------------------------------------------------------------------------------------------------


def row(change: Change, width: int = 80) -> Line:
    entry = Entry(change)
    return entry_line(entry, widths([entry], width))


def test_a_row_has_a_sign_and_a_colour_for_each_kind() -> None:
    for how, sign, role in ((How.CHANGED, "~", "wait"), (How.ADDED, "+", "ok"), (How.REMOVED, "−", "error")):
        line = row(Change("response.payload.a", how, None if how is How.ADDED else 1, 2))
        assert line[0] == (f"   {sign} ", role)
        assert "payload.a" in text_of(line)
        assert "response" not in text_of(line)


def test_what_is_ignored_is_dimmed_and_tells_the_rule() -> None:
    entry = Entry(Change("response.payload.at", How.CHANGED, 1, 2), "*.at")
    line = entry_line(entry, widths([entry], 80))
    assert {role for _text, role in line} == {"dim"}
    assert text_of(line).endswith("ignored by *.at")


@pytest.mark.parametrize("width", [20, 40, 80, 120, 200])
@pytest.mark.parametrize("value", ["short", "x" * 5000, "日本" * 300, {"a": ["x" * 300] * 9}, None, 1e300])
def test_a_row_fits_any_width(width: int, value: Any) -> None:
    line = row(Change("response.payload.some_name", How.CHANGED, value, [value]), width)
    assert cell_len(text_of(line)) <= max(width, 28)


def test_long_texts_are_cut_where_they_begin_to_differ() -> None:
    start = "the same for a long while, " * 10
    before, after = previews(Change("p", How.CHANGED, start + "cat and more", start + "dog and more"), 30, 30)
    assert "cat" in before
    assert "dog" in after
    assert before[0] == after[0] == "…"
    assert previews(Change("p", How.CHANGED, "cat", start), 30, 30)[0] == '"cat"'


def test_headings_and_counts() -> None:
    assert text_of(heading_line(Heading("stream[2]", 1, 0))) == " stream[2]  1 differs"
    assert counts(3, 2) == "3 differ, 2 ignored"
    assert counts(0, 1) == "no difference, 1 ignored"


def test_the_head_tells_both_and_how_much_longer_the_one_took() -> None:
    before, after = two({}, {})
    assert text_of(title(before, after)).strip() == "Compare  #1 → #2  users.get_user"
    assert text_of(standing(before, after, 0.0)).strip() == "#1 ✓ ok → #2 ✓ ok    12ms → 31ms (+158 %)"


def test_the_head_of_two_unlike_ones_names_both() -> None:
    bus = Bus()
    bus >> request("users", "get_user", id="a", reply_to="caller:1")
    bus >> raw("orders", json.dumps({"event": "placed"}))
    one, other = bus.exchanges
    assert "users.get_user → broadcast on orders" in text_of(title(one, other))
    assert "waiting" in text_of(standing(one, other, 0.0))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.012, 0.031, " (+158 %)"),
        (2, 1, " (−50 %)"),
        (1, 50, " (×50)"),
        (0, 1, ""),
        (1, 1, ""),
        (-1, 1, ""),
        (float("nan"), 1, ""),
        (1, float("inf"), ""),
        (10**400, 1, ""),
    ],
)
def test_shares(before: float, after: float, said: str) -> None:
    assert percent(before, after) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change("p", How.CHANGED, 12, 31), "number, +19 (+158 %)"),
        (Change("p", How.CHANGED, 1_000_000, 0), "number, −1,000,000"),
        (Change("p", How.CHANGED, 10**400, 1.5), "number"),
        (Change("p", How.CHANGED, True, 1), "true → number"),
        (Change("p", How.CHANGED, "abc", "abcd"), "text of 3 → 4 characters"),
        (Change("p", How.ADDED, None, [1, 2]), "list of 2, added"),
        (Change("p", How.REMOVED, {"a": 1}, None), "object of 1 field, removed"),
    ],
)
def test_what_kind_of_values_they_are(change: Change, said: str) -> None:
    assert describe(change) == said


def test_text_for_the_clipboard_is_what_the_command_says_and_has_whole_values() -> None:
    change = Change("response.payload.bio", How.CHANGED, "x" * 100, "y")
    text = change_text(change, Redactor(()))
    assert text.split("\n")[0].startswith('response.payload.bio  "xxx')
    assert f'before: "{"x" * 100}"' in text
    assert change_text(change._replace(before="x"), Redactor(())) == 'response.payload.bio  "x" → "y"'
    assert "***" in change_text(change, Redactor(["bio"]))
    assert "xx" not in change_text(change, Redactor(["bio"]))


def test_all_of_it_as_text() -> None:
    before, after = two({"a": 1}, {"a": 2})
    found = [entry.change for entry in compare(before, after, Rules()).entries]
    assert whole_text(before, after, found, Redactor(())).split("\n") == [
        "#1 → #2  users.get_user",
        "  response.payload.a  1 → 2",
        "  latency  12.0 ms → 31.0 ms",
    ]
    assert whole_text(before, before, [], Redactor(())).split("\n")[-1] == "  no difference"


# Which to compare ------------------------------------------------------------------------------------------------


def five() -> list[Exchange]:
    bus = Bus()
    for number, action in enumerate(("get", "put", "get", "get", "get")):
        bus >> request("users", action, id=f"r{number}", reply_to="caller:1")
    return bus.exchanges


def test_a_replay_is_compared_with_its_origin() -> None:
    found = five()
    found[3].set_aside().origin = 1
    found[0].set_aside().replays = [4]
    assert partner(found, found[3]) is found[0]


def test_what_was_replayed_is_compared_with_its_newest_replay() -> None:
    found = five()
    found[2].set_aside().replays = [4, 5]
    assert partner(found, found[2]) is found[4]


def test_anything_else_is_compared_with_the_latest_like_it_before() -> None:
    found = five()
    assert partner(found, found[3]) is found[2]
    assert partner(found, found[2]) is found[0]
    assert partner(found, found[0]) is None
    assert partner(found, found[1]) is None
    assert partner(iter(found), found[4]) is found[3]


def test_where_the_origin_is_no_longer_remembered_another_is_taken() -> None:
    found = five()
    found[4].set_aside().origin = 1
    assert partner(found[1:], found[4]) is found[3]


def test_a_gap_is_compared_with_nothing() -> None:
    bus = Bus()
    bus.gap(1.0)
    gap = bus.gap(1.0)
    assert partner(bus.exchanges, gap) is None
