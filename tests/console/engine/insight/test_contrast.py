"""Contrast: what is told apart, in which order, and that few and chance tell nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daebus_console.engine.filter import language as filters
from daebus_console.engine.insight import facets as of
from daebus_console.engine.insight.contrast import Difference, Share, least_difference
from daebus_console.engine.insight.sides import MOST, Compared, compare
from daebus_console.engine.insight.terms import terms
from daebus_console.engine.message.exchange import Exchange
from tests.console.engine.bus import Bus, answer, raw, request

ERRORS = filters.parse("status:error")


def bus_of(count: int, payload: Callable[[int], Any], bad: Callable[[int], bool], **fields: Any) -> Bus:
    """So many requests, of which the bad ones fail; fields that are functions are asked for each."""
    bus = Bus()
    for number in range(count):
        given = {name: value(number) if callable(value) else value for name, value in fields.items()}
        bus >> request("shop", "order", id=f"r{number}", payload=payload(number), **given)
        bus.wait(0.01)
        bus >> answer("caller:1", id=f"r{number}", status="error" if bad(number) else "success")
    return bus


def compared(bus: Bus, selecting: str = "status:error", against: str | None = None) -> list[Compared]:
    other = None if against is None else filters.parse(against)
    return compare(lambda: bus.exchanges, filters.parse(selecting), other)


def told(found: list[Difference]) -> list[tuple[str, Any, str, Any, tuple[int, ...]]]:
    return [(one.facet.kind, one.facet.path, one.sign, one.value, (*one.selected, *one.others)) for one in found]


def differences(bus: Bus, selecting: str = "status:error", against: str | None = None) -> list[Any]:
    (one,) = compared(bus, selecting, against)
    return told(one.differences(selecting))


@pytest.mark.parametrize(
    ("more", "less"),
    [
        (((12, 12), (20, 480)), ((3, 3), (0, 480))),
        (((30, 30), (5, 400)), ((12, 12), (20, 480))),
        (((3, 3), (0, 480)), ((1, 1), (0, 480))),
        (((120, 200), (20, 200)), ((12, 20), (2, 20))),
        (((500, 1000), (100, 1000)), ((120, 1000), (100, 1000))),
    ],
)
def test_what_rests_on_more_or_differs_by_more_comes_first(more: Any, less: Any) -> None:
    of_more, of_less = (least_difference(*(Share(*share) for share in pair)) for pair in (more, less))
    assert of_more > of_less


@pytest.mark.parametrize(
    ("one", "other"),
    [((5, 5), (5, 5)), ((2, 5), (0, 5)), ((50, 100), (45, 100)), ((0, 10), (0, 10))],
)
def test_what_may_be_chance_is_no_difference(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert least_difference(Share(*one), Share(*other)) == least_difference(Share(*other), Share(*one)) < 0.02


def test_the_values_types_and_senders_that_fail() -> None:
    bus = bus_of(
        210,
        lambda number: {
            "amount": str(number) if number % 7 == 0 else number,
            "region": ("eu", "us", "ap")[number % 3],
            "id": f"order-{number}",
            "items": [{"sku": f"s{number % 5}"}, {"sku": "x"}],
            "by_id": {str(number): 1},
        },
        lambda number: number % 7 == 0 and number % 3 == 0,
        service=lambda number: "app" if number % 21 == 0 else "web",
    )
    assert differences(bus) == [
        ("from", (), "=", "app", (10, 10, 0, 200)),
        ("type", ("amount",), "=", "string", (10, 10, 20, 200)),
        ("value", ("region",), "=", "eu", (10, 10, 60, 200)),
    ]
    (one,) = compared(bus)
    assert (one.target, one.action, one.selected, one.others) == ("shop", "order", 10, 200)
    assert len(one.differences()) == 3
    assert one.contrast.compared > 5


def test_fields_that_are_missing_and_those_within_them_once() -> None:
    bus = bus_of(
        200,
        lambda number: {"a": 1} if number < 40 else {"a": 1, "user": {"name": "ann", "mail": "x"}},
        lambda number: number < 40,
    )
    assert differences(bus)[0] == ("there", ("user",), "=", False, (40, 40, 0, 160))
    assert [one[:2] for one in differences(bus)] == [("there", ("user",)), ("size", ())]
    assert differences(bus, "status:ok")[0] == ("there", ("user",), "=", True, (160, 160, 0, 40))


def test_the_bound_at_which_numbers_differ() -> None:
    numbers = random.Random(5)
    amounts = [numbers.uniform(0, 1000) for _ in range(400)]
    bus = bus_of(400, lambda number: {"amount": amounts[number]}, lambda number: amounts[number] > 800)
    (kind, path, sign, bound, shares), *others = differences(bus)
    assert (kind, path, sign, others) == ("value", ("amount",), ">", [])
    assert 700 < bound < 830
    assert shares[0] / shares[1] > 0.9


def test_lengths_of_lists_and_what_came_before() -> None:
    bus = Bus()
    for number in range(120):
        if number % 4 == 0:
            bus >> request("shop", "empty_cart", id=f"e{number}")
            bus >> answer("caller:1", id=f"e{number}")
        bus >> request("shop", "order", id=f"r{number}", payload={"items": [1] * (0 if number % 4 == 0 else 3)})
        bus >> answer("caller:1", id=f"r{number}", status="success" if number % 4 else "error")
    found = differences(bus)
    assert ("before it", (), "=", "shop.empty_cart", (30, 30, 0, 90)) in found
    assert ("length", ("items",), "=", 0, (30, 30, 0, 90)) in found


def test_chance_tells_nothing() -> None:
    numbers = random.Random(11)
    bus = bus_of(
        400,
        lambda number: {f"field{place}": numbers.randint(0, 9) for place in range(12)} | {"id": number},
        lambda _number: numbers.random() < 0.3,
    )
    assert differences(bus) == []


def test_with_few_nothing_is_compared() -> None:
    bus = bus_of(40, lambda number: {"bad": number < 4}, lambda number: number < 4)
    (one,) = compared(bus)
    assert (one.selected, one.others, one.contrast.enough, one.differences()) == (4, 36, False, [])


def test_each_action_is_compared_for_itself_and_what_has_no_end_not_at_all() -> None:
    bus = bus_of(60, lambda number: {"x": number % 2}, lambda number: number % 2 == 0)
    for number in range(50):
        bus >> request("shop", "list", id=f"l{number}", payload={"y": 1})
    bus >> raw("daebus.control.shop", '{"action": "info", "request_id": "c", "reply_to": "r"}')
    bus.gap(1)
    found = compared(bus)
    assert [(one.action, one.selected, one.others) for one in found] == [("order", 30, 30)]
    assert told(found[0].differences()) == [("value", ("x",), "=", 0, (30, 30, 0, 30))]


def test_against_what_is_named_instead() -> None:
    bus = bus_of(60, lambda number: {"x": number % 2}, lambda _number: False, service=lambda n: ("web", "app")[n % 2])
    (one,) = compared(bus, "from:web", "from:app")
    assert (one.target, one.action, one.selected, one.others) == ("", None, 30, 30)
    assert told(one.differences("from:web")) == [("value", ("x",), "=", 0, (30, 30, 0, 30))]


@pytest.mark.parametrize("selecting", ["payload.x:0", "payload.x:0 -is:control", 'payload."x":0'])
def test_what_the_selection_asks_for_is_not_told_back(selecting: str) -> None:
    bus = bus_of(60, lambda number: {"x": number % 2, "y": number % 2}, lambda _number: False)
    assert [one[1] for one in differences(bus, selecting)] == [("y",)]


@pytest.mark.parametrize(
    "payload",
    [
        {"deep": None},
        {f"key {number} {'x' * number}": number for number in range(2_000)},
        [{"a": [1, "1", 1.0, True, None]}] * 50,
        float("nan"),
        {"n": 10**400, "m": -1e308},
        "\x1b[31m\ud83d",
        {"": {"": ""}},
    ],
    ids=str.split("null keys mixed nan huge hostile empty"),
)
def test_hostile_payloads(payload: Any) -> None:
    for _ in range(3):
        value = {"in": payload}
        payload = value if isinstance(payload, dict) and "deep" in payload else payload
    bus = bus_of(20, lambda _number: payload, lambda number: number < 10)
    for number in range(10):
        bus >> raw("shop", b'{"action": "order", "request_id": "u%d", "payload": %s' % (number, b"[" * 900))
    for one in compared(bus):
        assert one.differences() == []
        assert all(math.isfinite(difference.least) for difference in one.differences())


def test_of_very_many_a_part_is_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus_console.engine.insight.sides.MOST", 50)
    assert MOST == 20_000
    bus = bus_of(400, lambda number: {"x": number < 20}, lambda number: number < 20)
    (one,) = compared(bus)
    assert (one.others, one.steps, one.contrast.others.count) == (380, (1, 8), 47)
    assert told(one.differences()) == [("value", ("x",), "=", True, (20, 20, 0, 47))]


def test_exchanges_are_asked_for_twice_and_not_changed() -> None:
    bus = bus_of(20, lambda _number: {"a": 1}, lambda number: number % 2 == 0)
    asked: list[int] = []

    def each() -> list[Exchange]:
        asked.append(1)
        return bus.exchanges

    compare(each, ERRORS)
    assert len(asked) == 2


VALUES: list[Any] = [
    17, "17", 17.0, 17.5, "17.5", "Ann", "ann", True, "true", None, "null", "", {}, [17], ["17"], ["17", 17], "*",
    {"17": 1}, {"18": 1}, {"a": 1}, 'say "hi"', "x" * 150, "x" * 120, "x" * 100 + "y", "x" * 99, 10**30, -1, "1..2",
]  # fmt: skip
KEYS = ("n", "a.b", 'the "key"', "17", "*")


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(KEYS),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=3),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=3),
    st.sampled_from([{}, {"n": 17}, {"n": "ann"}, {"17": "17"}]),
)
def test_the_term_of_a_difference_selects_exactly_those_that_have_it(
    key: str, bad: list[Any], good: list[Any], answered: Any
) -> None:
    bus = Bus()
    for number in range(80):
        pool = bad if number < 40 else good
        bus >> request("shop", "order", id=f"r{number}", payload={key: pool[number % len(pool)]})
        bus >> answer("caller:1", id=f"r{number}", status="error" if number < 40 else "success", payload=answered)
    found = compared(bus)
    told_of = terms(found, "status:error", lambda: bus.exchanges, ERRORS)
    for one in found:
        for difference in one.differences("status:error"):
            term = told_of[one.target, one.action].get(difference)
            kind = difference.facet.kind
            if kind not in (of.VALUE, of.THERE, of.FROM) or not (difference.facet.path or kind == of.FROM):
                assert term is None
                continue
            assert term is not None
            passing = [exchange for exchange in bus.exchanges if filters.parse(term)(exchange)]
            assert len(passing) == difference.selected.have + difference.others.have, term


@pytest.mark.parametrize(
    ("bad", "good", "wanted"),
    [
        (17, ["17", 18], "payload.n:17..17"),
        ("17", [17, "18"], 'payload.n:"17" -payload.n:17..17'),
        (17, [18], "payload.n:17"),
        ("17", ["18"], 'payload.n:"17"'),
        ("Ann", ["ann"], f"id:{','.join(f'#{number}' for number in range(1, 21))}"),
        (True, ["true", False], f"id:{','.join(f'#{number}' for number in range(1, 21))}"),
        ("x" * 150, ["y"], f'payload.n:"{"x" * 100}*"'),
    ],
)
def test_values_that_are_one_to_filters_are_told_apart_or_named_by_numbers(
    bad: Any, good: list[Any], wanted: str
) -> None:
    bus = bus_of(60, lambda number: {"n": bad if number < 20 else good[number % len(good)]}, lambda number: number < 20)
    found = compared(bus)
    told_of = terms(found, "status:error", lambda: bus.exchanges, ERRORS)["shop", "order"]
    mine = bad[:100] if isinstance(bad, str) else bad
    (term,) = (
        text
        for one, text in told_of.items()
        if one.facet.kind == of.VALUE and one.value == mine and one.value.__class__ is bad.__class__
    )
    assert term == wanted


def test_of_more_than_a_hundred_that_no_term_selects_there_is_none() -> None:
    bus = bus_of(303, lambda number: {"n": "Ann" if number < 101 else "ann"}, lambda number: number < 101)
    found = compared(bus)
    told_of = terms(found, "status:error", lambda: bus.exchanges, ERRORS)["shop", "order"]
    assert [one for one in told_of if one.facet.kind == of.VALUE] == []
