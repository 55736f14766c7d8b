"""What differs between two values, by which rules."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.commands.doing.shared.differing import change_lines
from daebus_console.engine.diff import values
from daebus_console.engine.diff.exchange import Answer, answer_of, diff_answers, diff_exchanges
from daebus_console.engine.diff.rules import RuleError, Rules, parse_rules
from daebus_console.engine.diff.values import Change, How, diff, same
from daebus_console.engine.hiding.redact import Redactor
from tests.console.engine.bus import Bus, answer, progress, request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=20,
)


def paths(a: Any, b: Any, rules: Rules | None = None) -> list[str]:
    return [f"{change.how.value} {change.path}" for change in diff(a, b, rules or Rules(), "payload")]


@given(JSON)
def test_a_value_does_not_differ_from_itself_under_any_rules(value: Any) -> None:
    copy = json.loads(json.dumps(value))
    assert diff(value, copy) == []
    assert diff(value, copy, Rules(any_order=True)) == []


@given(JSON, JSON)
def test_that_something_differs_is_told_from_both_sides(a: Any, b: Any) -> None:
    assert same(a, b) == same(b, a)
    assert same(a, b) == (json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True) or not diff(a, b))


@given(st.lists(st.integers(0, 5), max_size=6), st.randoms())
def test_in_any_order_a_shuffled_list_is_the_same(items: list[int], dice: Any) -> None:
    shuffled = list(items)
    dice.shuffle(shuffled)
    assert diff(items, shuffled, Rules(any_order=True)) == []


def test_each_kind_of_difference_has_its_path() -> None:
    before = {"user": {"name": "Ann", "age": 3}, "gone": 1, "items": [{"id": 1}, {"id": 2}]}
    after = {"user": {"name": "Bob", "age": 3}, "items": [{"id": 1}, {"id": 3}], "new": None}
    assert diff(before, after, Rules(), "payload") == [
        Change("payload.user.name", How.CHANGED, "Ann", "Bob"),
        Change("payload.gone", How.REMOVED, 1, None),
        Change("payload.items[1].id", How.CHANGED, 2, 3),
        Change("payload.new", How.ADDED, None, None),
    ]


def test_a_member_put_into_a_list_is_added_and_the_others_have_not_changed() -> None:
    assert paths({"a": [1, 2, 3]}, {"a": [0, 1, 2, 3]}) == ["added payload.a[0]"]
    assert paths({"a": [1, 2, 3]}, {"a": [1, 3]}) == ["removed payload.a[1]"]


def test_in_any_order_the_members_most_alike_are_compared() -> None:
    before = [{"id": 1, "n": 1}, {"id": 2, "n": 1}]
    after = [{"id": 2, "n": 9}, {"id": 1, "n": 1}]
    assert paths(before, after, Rules(any_order=True)) == ["changed payload[1].n"]


TIMED_OUT = "no answer from 'stock' to 'take' within 0.3 s (request {}); it may still be handled"


@pytest.mark.parametrize(
    ("before", "after", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (0, None, False),
        ("1", 1, False),
        (float("nan"), float("nan"), True),
        (float("inf"), float("inf"), True),
        ({}, [], False),
        ({}, {}, True),
        ([], None, False),
        (TIMED_OUT.format("0a" * 16), TIMED_OUT.format("b7" * 16), True),
        (TIMED_OUT.format("0a" * 16), TIMED_OUT.format("b7" * 16).replace("stock", "shop"), False),
        (TIMED_OUT.format("0a" * 16), TIMED_OUT.format("mine"), False),
        ("0a" * 16, "b7" * 16, False),
    ],
)
def test_what_equals_what(before: Any, after: Any, equal: bool) -> None:
    assert same(before, after) is equal


@pytest.mark.parametrize(
    ("rule", "ignored"),
    [
        ("payload.timestamp", ["payload.timestamp", "payload.timestamp.zone", "response.payload.timestamp"]),
        ("*.uptime", ["payload.uptime", "payload.a.b.uptime", "response.payload.uptime"]),
        ("payload.items[*].id", ["payload.items[0].id", "stream[3].payload.items[12].id"]),
        ("response.payload.at", ["response.payload.at"]),
        ("payload.a?", ["payload.a1"]),
    ],
)
def test_ignored_places(rule: str, ignored: list[str]) -> None:
    rules = Rules([rule])
    for path in ignored:
        assert any(rules.ignores(path[:end]) for end in range(1, len(path) + 1)), path
    assert not rules.ignores("payload.other")
    assert not rules.ignores("request.payload.other")


def test_a_rule_for_the_answer_alone_leaves_the_request_be() -> None:
    assert not Rules(["response.payload.at"]).ignores("request.payload.at")


def test_what_is_ignored_is_neither_added_nor_removed_nor_changed() -> None:
    rules = Rules(["*.at"])
    assert diff({"at": 1, "x": 1}, {"x": 1}, rules, "payload") == []
    assert diff({"x": 1}, {"at": {"b": 1}, "x": 1}, rules, "payload") == []
    assert paths({"list": [{"at": 1, "x": 1}]}, {"list": [{"at": 2, "x": 2}]}, rules) == ["changed payload.list[0].x"]


def test_numbers_within_a_tolerance_are_the_same() -> None:
    assert same(1.0, 1.009, parse_rules(None, "0.01"))
    assert not same(1.0, 1.02, parse_rules(None, "0.01"))
    assert same(1000, 1049, parse_rules(None, "5%"))
    assert not same(1000, 1100, parse_rules(None, "5%"))
    assert not same(True, 1, parse_rules(None, "5"))
    assert not same(10**400, 1.5, parse_rules(None, "5%"))


@pytest.mark.parametrize("text", ["much", "-1", "nan", "200%", "inf"])
def test_a_tolerance_that_is_none(text: str) -> None:
    with pytest.raises(RuleError):
        parse_rules(None, text)


def test_names_with_signs_in_them_are_told_apart() -> None:
    assert paths({"a.b": 1, "a": {"b": 1}}, {"a.b": 2, "a": {"b": 1}}) == ["changed payload.a\\.b"]
    assert same({"a.b": 1}, {"a.b": 2}, Rules(["payload.a\\.b"]), "payload")


def test_values_nested_beyond_all_reason_are_compared_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # All of it is spent on them, whatever it is.
    monkeypatch.setattr(values, "_EFFORT", 20_000)
    a: Any = 1
    b: Any = 2
    c: Any = 1
    for depth in range(250):
        a, b, c = [a], [b, 0][: 1 + depth % 2], [c]
    assert diff(a, c) == []
    assert diff(a, b)
    assert not same(a, b, Rules(any_order=True))


def test_exchanges_differ_in_request_status_stream_and_answer() -> None:
    bus = Bus()
    bus >> request("users", "get", id="a", payload={"id": 1})
    bus >> progress("caller:1", id="a", payload={"step": 1})
    bus.wait(0.1)
    before = bus >> answer("caller:1", id="a", payload={"name": "Ann", "at": 1}, instance="i1", elapsed=0.1)
    bus >> request("users", "get", id="b", payload={"id": 2})
    bus >> progress("caller:1", id="b", payload={"step": 2})
    bus >> progress("caller:1", id="b", payload={"step": 3})
    bus.wait(0.3)
    after = bus >> answer("caller:1", id="b", status="error", payload={"error": "no"}, instance="i2")
    found = diff_exchanges(before, after, Rules(["payload.at"]))
    assert [change.path for change in found.changes] == [
        "request.payload.id",
        "response.status",
        "stream[0].payload.step",
        "stream[1].payload",
        "response.payload",
    ]
    assert found.latencies == (pytest.approx(0.1), pytest.approx(0.3))
    assert not diff_exchanges(before, before, Rules())


def test_an_answer_that_never_came_differs_from_one_that_did() -> None:
    bus = Bus()
    before = bus >> request("users", "get", id="a")
    bus >> answer("caller:1", id="a", payload={"x": 1})
    after = bus >> request("users", "get", id="b")
    bus.wait(60)
    found = diff_exchanges(before, after, Rules()).changes
    assert [(change.path, change.before, change.after) for change in found] == [
        ("response.status", "ok", "timeout"),
        ("response.payload", {"x": 1}, None),
    ]


def test_where_an_error_arose_differs_between_two_exchanges_and_not_between_two_times() -> None:
    bus = Bus()
    answers = []
    for id, line in (("a", 7), ("b", 9)):
        bus >> request("users", "get", id=id, payload={"id": 1})
        error = {"error": "no", "type": "ValueError", "traceback": f"Traceback:\n  users.py:{line}"}
        answers.append(bus >> answer("caller:1", id=id, status="error", payload=error))
    before, after = answers
    assert [change.path for change in diff_exchanges(before, after, Rules()).changes] == ["response.payload.traceback"]
    assert diff_answers(answer_of(before), answer_of(after), Rules()) == []
    found = Answer("ok", {"traceback": 1})
    (change,) = diff_answers(found, Answer("ok", {"traceback": 2}), Rules())
    assert change.path == "response.payload.traceback", "of an answer that is none it is a field like any other"
    (_status, change) = diff_answers(found, answer_of(after), Rules())
    assert change.after["traceback"], "where it is new that there is an error, it says where it arose"


@pytest.mark.parametrize("length", [0, 40, 70, 500])
def test_the_line_of_a_difference_shows_what_differs_of_long_texts(length: int) -> None:
    start = "no answer within a second, " * 20
    change = Change(
        "response.payload.error", How.CHANGED, start[:length] + "f064 was it", start[:length] + "d89b was it"
    )
    (line,) = change_lines([change], Redactor(()))
    before, arrow, after = (span.text for span in line[-3:])
    assert arrow == " → "
    assert "f064" in before
    assert "d89b" in after
    assert max(len(before), len(after)) <= 60
