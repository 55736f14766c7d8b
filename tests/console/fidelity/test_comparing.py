"""Numbers compared as they were written: filters, diff, tolerances."""

from __future__ import annotations

import pytest

from daebus_console.engine import jsontext
from daebus_console.engine.diff.preview import one_line
from daebus_console.engine.diff.rules import Rules, parse_rules
from daebus_console.engine.diff.values import How, diff
from daebus_console.engine.filter.language import parse
from daebus_console.tui.compare.values import describe
from tests.console.engine.bus import Bus, raw


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(
    ("asked", "written", "found"),
    [
        ("248480010225057793", "248480010225057793", True),
        ("248480010225057793", "248480010225057792", False),
        (">9223372036854775807", "9223372036854775808", True),
        (">9223372036854775807", "9223372036854775807", False),
        ("18446744073709551615", "18446744073709551615", True),
        ("18446744073709551615", "18446744073709551616", False),
        ("18446744073709551616", "18446744073709551616", True),
        ("<=9007199254740992", "9007199254740993", False),
        ("<9007199254740992", "9007199254740991.9999", True),
        ("<9007199254740992", "9007199254740992.0001", False),
        ("<=9007199254740992", "9007199254740992.0001", False),
        (">9007199254740992", "9007199254740992.0001", True),
        (">=9007199254740992", "9007199254740991.9999", False),
        ("9007199254740992..9007199254740992", "9007199254740993", False),
        ("19.9", "19.90", True),
        ("19.90", "19.9", True),
        ("100", "1E2", True),
        ("1e2", "100.0", True),
        ("12345678901234567890.10", "12345678901234567890.1", True),
        ("12345678901234567890.10", "12345678901234567890.11", False),
        (">12345678901234567890.10", "12345678901234567890.11", True),
        ("<=12345678901234567890.10", "12345678901234567890.11", False),
        ("0.1", "0.1000000000000000055511151231257827", False),
        (">1e300", "1e400", True),
        ("<1e300", "1e400", False),
        ("19.9*", "19.90", True),
        (">5", "NaN", False),
        ("<=5", "NaN", False),
        (">=0", "-0.0", True),
        ("0", "-0.0", True),
    ],
)
def test_a_filter_tells_numbers_apart_by_every_digit(asked: str, written: str, found: bool, wrapped: bool) -> None:
    bus = Bus()
    body = (
        f'{{"action": "a", "payload": {{"id": {written}, "l": ["x", {written}]}}}}'
        if wrapped
        else f'{{"id": {written}}}'
    )
    exchange = bus >> raw("orders", body)
    assert parse(f"payload.id:{asked}")(exchange) is found
    assert parse(f"-payload.id:{asked}")(exchange) is not found
    assert parse(f"payload.*:{asked}")(exchange) is found
    if wrapped:
        assert parse(f"payload.l[1]:{asked}")(exchange) is found


@pytest.mark.parametrize(
    ("one", "other", "rules", "same"),
    [
        ("19.90", "19.9", Rules(), True),
        ("1e2", "100", Rules(), True),
        ("12345678901234567890.10", "12345678901234567890.11", Rules(), False),
        ("9007199254740993", "9007199254740992.0", Rules(), False),
        ("9007199254740993", "9007199254740992.0", parse_rules(None, "0.5"), False),
        ("9007199254740993", "9007199254740992.0", parse_rules(None, "1"), True),
        ("0.3", "0.1", parse_rules(None, "0.2"), True),
        ("100", "105.0", parse_rules(None, "5%"), True),
        ("100", "105.3", parse_rules(None, "5%"), False),
        ("1e400", "1.0e400", Rules(), True),
        ("1e400", "2e400", parse_rules(None, "50%"), True),
        ("NaN", "NaN", Rules(), True),
        ("NaN", "1", parse_rules(None, "1"), False),
        ("Infinity", "1e400", parse_rules(None, "50%"), False),
        ("-0.0", "0", Rules(), True),
    ],
)
def test_a_difference_is_one_of_the_numbers_not_of_their_text(one: str, other: str, rules: Rules, same: bool) -> None:
    assert (diff(jsontext.loads(one), jsontext.loads(other), rules) == []) is same
    lists = [jsontext.loads(f'{{"l": [{text}, 1, 2]}}') for text in (one, other)]
    assert (diff(*lists, rules) == []) is same
    assert (diff(*lists, Rules(tolerance=rules.tolerance, relative=rules.relative, any_order=True)) == []) is same


def test_members_that_do_not_count_are_compared_too() -> None:
    before, after = jsontext.loads('{"id": 1, "id": 2, "x": 0}'), jsontext.loads('{"id": 2, "x": 0}')
    assert [(one.path, one.how, one.before) for one in diff(before, after)] == [("id", How.REMOVED, 1)]
    assert [one.how for one in diff(after, before)] == [How.ADDED]
    assert [(one.before, one.after) for one in diff(before, jsontext.loads('{"id": 9, "id": 2, "x": 0}'))] == [(1, 9)]
    assert diff(before, jsontext.loads('{"id": 1.0, "id": 2, "x": 0}')) == []
    assert diff(before, after, Rules(["id"])) == []


def test_differences_are_shown_with_the_digits_of_both() -> None:
    (change,) = diff(jsontext.loads('{"n": 12345678901234567890.10}'), jsontext.loads('{"n": 12345678901234567890.11}'))
    assert one_line(change.before, 40) == "12345678901234567890.10"
    assert one_line(change.after, 40) == "12345678901234567890.11"
    assert describe(change).startswith("number, +0.01")
