"""Which messages a rule is for, and what is no rule."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daebus.gates import globs
from daebus.gates.reading import MOST_RULES, BadRule, read_failure, read_rule, read_rules
from daebus.gates.rule import Met
from daebus.gates.where import Condition, same

PAYLOAD = {
    "id": 17,
    "name": "Ann",
    "vip": True,
    "none": None,
    "items": [{"qty": 3}, {"qty": 0.5}],
    "user": {"a.b": 1},
    "long": 10**400,
}


def met(**fields: Any) -> Met:
    given: dict[str, Any] = {"place": "request", "name": "get_user", "payload": lambda: PAYLOAD, "size": 10, **fields}
    return Met(**given)


def fits(met: Met, **rule: Any) -> bool:
    return read_rule({"place": met.place, "drop": True, **rule}).fits(met)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "", True),
        ("*", "x" * 20_000, True),
        ("", "", True),
        ("get_*", "get_user", True),
        ("get_*", "get_", True),
        ("get_*", "set_user", False),
        ("*_user", "get_user", True),
        ("g?t", "get", True),
        ("g?t", "gt", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("[a]", "a", False),
        ("[a]", "[a]", True),
        ("a**", "a", True),
        ("x*", "x" * 20_000, False),
    ],
)
def test_a_pattern(pattern: str, text: str, expected: bool) -> None:
    assert globs.matches(pattern, text) is expected


def test_a_pattern_that_is_made_to_take_for_ever_does_not() -> None:
    assert not globs.matches("*a" * 100 + "b", "a" * globs.LONGEST)


@given(st.text("ab"), st.text("ab*?"))
def test_a_pattern_says_what_a_regular_expression_says(text: str, pattern: str) -> None:
    said = re.fullmatch(pattern.replace("*", ".*").replace("?", "."), text) is not None
    assert globs.matches(pattern, text) is said


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (["id", "=", 17], True),
        (["id", "=", 17.0], True),
        (["id", "=", "17"], False),
        (["id", "!=", 18], True),
        (["nothing", "!=", 18], True),
        (["nothing", "=", None], False),
        (["none", "=", None], True),
        (["vip", "=", 1], False),
        (["vip", "=", True], True),
        (["id", ">", 16], True),
        (["id", "<", 16], False),
        (["id", ">", "1"], False),
        (["name", "<", "Bob"], True),
        (["vip", ">", 0], False),
        (["items", ">", 0], False),
        (["items.0.qty", ">", 2], True),
        (["items.1.qty", "<", 1], True),
        (["items.2.qty", "exists"], False),
        (["items.-1.qty", "exists"], False),
        (["items.99999999999999999999", "exists"], False),
        ([["user", "a.b"], "=", 1], True),
        (["user.a.b", "=", 1], False),
        (["name", "~", "A*"], True),
        (["id", "~", "1?"], True),
        (["vip", "~", "*"], False),
        (["long", "~", "1*"], True),
        (["name", "exists"], True),
        (["name", "exists", False], False),
        (["nothing", "exists", False], True),
        (["items", "=", [{"qty": 3}, {"qty": 0.5}]], True),
        (["user", "=", {"a.b": True}], False),
        (["name.x", "exists"], False),
    ],
    ids=str,
)
def test_a_condition(where: list[Any], expected: bool) -> None:
    assert fits(met(), where=[where]) is expected


def test_all_conditions_must_hold() -> None:
    assert fits(met(), where=[["id", "=", 17], ["vip", "=", True]])
    assert not fits(met(), where=[["id", "=", 17], ["vip", "=", False]])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, True),
        ({"action": "get_*"}, True),
        ({"action": "get"}, False),
        ({"from": "web*"}, True),
        ({"from": "app"}, False),
        ({"parent": "p1"}, True),
        ({"parent": "p*"}, False),
        ({"message": "m1"}, True),
        ({"message": "m2"}, False),
        ({"service": "pay*"}, True),
        ({"service": "x"}, False),
    ],
    ids=str,
)
def test_what_a_rule_is_for(rule: dict[str, Any], expected: bool) -> None:
    asked = met(place="call", sender="web-1", parent="p1", id="m1", to="payment")
    assert fits(asked, **rule) is expected
    assert not read_rule({"place": "answer", "drop": True, **rule}).fits(asked)


def test_a_payload_is_not_read_where_no_rule_asks_for_it() -> None:
    def never() -> Any:
        raise AssertionError("it was read")

    assert fits(met(payload=never), action="*")
    assert not fits(met(payload=never), action="x", where=[["id", "=", 1]])


@pytest.mark.parametrize("payload", [None, [], "text", 5], ids=str)
def test_a_payload_that_is_no_object_has_nothing_in_it(payload: Any) -> None:
    assert not Condition(("a",), "=", 1).holds(payload)


def test_values_are_the_same_by_what_they_are() -> None:
    assert same([1, {"a": [None]}], [1.0, {"a": [None]}])
    assert not same([1], [1, 2])
    assert not same({"a": 1}, {"b": 1})
    assert not same(float("nan"), float("nan"))


GOOD: dict[str, Any] = {"place": "request", "hold": True}
DEEP: Any = []
for _ in range(5000):
    DEEP = [DEEP]
BAD: list[tuple[Any, str]] = [
    (None, "object"),
    ([], "object"),
    ("hold", "object"),
    ({"hold": True}, "place"),
    ({**GOOD, "place": "x"}, "place"),
    ({**GOOD, "place": ["request"]}, "place"),
    ({"place": "request"}, "one thing, this one nothing"),
    ({**GOOD, "drop": True}, "one thing, this one drop and hold"),
    ({**GOOD, "hold": False}, "one thing, this one nothing"),
    ({"place": "event", "fail": {}}, "event"),
    ({"place": "event", "answer": {}}, "event"),
    ({"place": "answer", "duplicate": True}, "answer"),
    ({"place": "call", "answer_twice": True}, "call"),
    ({"place": "event", "hold": True, "action": "x"}, "action"),
    ({**GOOD, "channel": "x"}, "channel"),
    ({**GOOD, "surprise": 1}, "unknown field 'surprise'; there are: .*, delay, "),
    ({**GOOD, "id": 5}, "id"),
    ({**GOOD, "id": "x" * 1000}, "id"),
    ({**GOOD, "action": ""}, "action"),
    ({**GOOD, "action": ["x"]}, "action"),
    ({**GOOD, "from": {}}, "from"),
    ({**GOOD, "parent": 5}, "parent"),
    ({**GOOD, "once": 1}, "once"),
    ({**GOOD, "times": 0}, "times"),
    ({**GOOD, "times": 1.5}, "times"),
    ({**GOOD, "times": True}, "times"),
    ({**GOOD, "times": 10**30}, "times"),
    ({**GOOD, "times": 2, "once": True}, "times"),
    ({**GOOD, "skip": -1}, "skip"),
    ({**GOOD, "skip": 1.5}, "skip"),
    ({**GOOD, "skip": True}, "skip"),
    ({**GOOD, "skip": 10**30}, "skip"),
    ({**GOOD, "probability": 1.1}, "probability"),
    ({**GOOD, "probability": -0.1}, "probability"),
    ({**GOOD, "probability": float("nan")}, "probability"),
    ({**GOOD, "probability": "1"}, "probability"),
    ({**GOOD, "for": 301}, "for"),
    ({**GOOD, "for": -1}, "for"),
    ({**GOOD, "for": 10**5000}, "for"),
    ({"place": "request", "drop": True, "for": 5}, "for"),
    ({**GOOD, "before_timeout": -1}, "before_timeout"),
    ({**GOOD, "before_timeout": "x"}, "before_timeout"),
    ({"place": "request", "delay": -1}, "delay"),
    ({"place": "request", "delay": 301}, "delay"),
    ({"place": "request", "delay": True}, "delay"),
    ({"place": "request", "delay": float("inf")}, "delay"),
    ({"place": "event", "hold": True, "from": "web"}, "from"),
    ({"place": "request", "fail": 5}, "fail"),
    ({"place": "request", "fail": {"code": 5}}, "code"),
    ({"place": "request", "fail": {"error": 5}}, "error"),
    ({"place": "request", "fail": {"text": "x"}}, "text"),
    ({"place": "request", "answer": 5}, "answer"),
    ({"place": "request", "answer": {"a": float("nan")}}, "answer"),
    ({"place": "request", "answer": {"a": DEEP}}, "answer"),
    ({**GOOD, "where": "id=1"}, "where"),
    ({**GOOD, "where": [["id", "=", 1]] * 51}, "where"),
    ({**GOOD, "where": ["id"]}, "where"),
    ({**GOOD, "where": [["id"]]}, "where"),
    ({**GOOD, "where": [["id", "="]]}, "where"),
    ({**GOOD, "where": [["", "=", 1]]}, "path"),
    ({**GOOD, "where": [[[], "=", 1]]}, "path"),
    ({**GOOD, "where": [[[5], "=", 1]]}, "path"),
    ({**GOOD, "where": [[".".join("a" * 60), "=", 1]]}, "path"),
    ({**GOOD, "where": [["id", "==", 1]]}, "=="),
    ({**GOOD, "where": [["id", ["="], 1]]}, "none of"),
    ({**GOOD, "where": [["id", "~", 1]]}, "pattern"),
    ({**GOOD, "where": [["id", "~", "*" * 1000]]}, "pattern"),
    ({**GOOD, "where": [["id", ">", None]]}, "number"),
    ({**GOOD, "where": [["id", ">", True]]}, "number"),
    ({**GOOD, "where": [["id", "exists", 1]]}, "exists"),
    ({**GOOD, "where": [["id", "=", "x" * 20_000]]}, "too large"),
    ({**GOOD, "where": [["id", "=", DEEP]]}, "where"),
]


@pytest.mark.parametrize(("rule", "word"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_what_is_no_rule_is_refused_with_its_field(rule: Any, word: str) -> None:
    with pytest.raises(BadRule, match=word.replace("(", "\\(")):
        read_rule(rule)


HUGE = [{"place": "request", "answer": {"a": "x" * 100_000}}] * 3
KINDS = ["null", "object", "text", "number", "too many", "one id", "too large"]


@pytest.mark.parametrize(
    "rules", [None, {}, "x", 5, [GOOD] * (MOST_RULES + 1), [{**GOOD, "id": "a"}] * 2, HUGE], ids=KINDS
)
def test_what_is_no_list_of_rules_is_refused(rules: Any) -> None:
    with pytest.raises(BadRule):
        read_rules(rules)


def test_rules_without_an_id_are_numbered() -> None:
    assert [rule.id for rule in read_rules([GOOD, {**GOOD, "id": "b"}, GOOD])] == ["1", "b", "3"]


def test_a_failure_may_be_short() -> None:
    assert read_failure(True) == read_failure(None) == read_failure({}) == (None, "failed by a debugger")
    assert read_failure("no") == (None, "no")
    assert read_failure({"code": "busy", "error": "no"}) == ("busy", "no")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["place", "hold", "where", "for", "fail", "action", "x"]), json_values))
def test_whatever_comes_is_a_rule_or_refused(given: dict[str, Any]) -> None:
    with suppress(BadRule):
        read_rule({**GOOD, **given}).fits(met())
