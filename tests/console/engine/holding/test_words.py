"""Rules in words."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.engine.holding.rule import Rule
from daebus_console.engine.holding.words import told_rule


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (Rule("1", action="place"), "orders.place held"),
        (Rule("1", "answer", action="place"), "answers of orders.place held"),
        (Rule("1", "event", channel="paid"), "heard by orders on paid held"),
        # What it calls is another's.
        (Rule("1", "call", action="charge"), "calls that orders makes to charge held"),
        (Rule("1", "call", action="charge", to="payment"), "calls that orders makes to payment.charge held"),
        (Rule("1", "call", once=True), "calls that orders makes to * held (once)"),
    ],
)
def test_which_messages_a_rule_is_for(rule: Rule, told: str) -> None:
    assert told_rule("orders", rule) == told


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (Rule("1", action="place", do="drop"), "orders.place dropped: never answered"),
        # Nobody answers a broadcast.
        (Rule("1", "event", channel="paid", do="drop"), "heard by orders on paid dropped: never heard"),
        (Rule("1", "event", channel="paid", do="duplicate"), "heard by orders on paid heard twice"),
        (Rule("1", action="place", do="duplicate", times=1), "orders.place handled twice (1 time)"),
        (Rule("1", action="place", do="duplicate", times=2), "orders.place handled twice (2 times)"),
        (Rule("1", action="place", do="answer", payload={"ok": 1.50}), 'orders.place answered {"ok": 1.5}'),
    ],
)
def test_what_a_rule_does(rule: Rule, told: str) -> None:
    assert told_rule("orders", rule) == told


@pytest.mark.parametrize(
    "rule", [{"do": "answer", "payload": {"a": "x" * 100_000}}, {"do": "fail", "error": "é\n" * 5000}]
)
def test_what_is_long_is_told_in_short(rule: dict[str, Any]) -> None:
    told = told_rule("orders", Rule("1", action="place", **rule))
    assert told.isprintable()
    assert told.endswith("…")
    assert len(told) < 300
