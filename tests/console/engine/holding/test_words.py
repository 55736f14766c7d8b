"""Rules in words."""

from __future__ import annotations

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
