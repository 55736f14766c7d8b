"""Harm done on purpose is nothing that is wrong: what others make of it may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from daebus_console.engine.message.exchange import Exchange
from tests.console.engine.findings.watched import Watched

MARK = {"by": "ann@laptop:7", "did": ["failed"]}


def twice(bus: Watched, **mark: Any) -> None:
    asked = bus.ask("orders", "echo")
    bus.answer(asked, {}, instance="i1", **mark)
    bus.answer(asked, {}, instance="i1", **mark)


def refused(bus: Watched, **mark: Any) -> None:
    bus.fail(bus.ask("payment", "charge"), "busy", **mark)


def late(bus: Watched, **mark: Any) -> None:
    asked = bus.ask("payment", "refund", timeout=0.5)
    bus.wait(2)
    bus.answer(asked, **mark)


def on_some(bus: Watched, **mark: Any) -> None:
    bus.info("payment", "charge", instance="i1")
    bus.info("payment", "refund", instance="i2")
    bus.fail(bus.ask("payment", "charge"), "unknown_action", **mark)


def other_type(bus: Watched, **mark: Any) -> None:
    for _ in range(10):
        bus.call("payment", "charge", {}, {"amount": 12.5})
    bus.answer(bus.ask("payment", "charge"), {"amount": "12.50"}, **mark)


def one_by_one(bus: Watched, **mark: Any) -> None:
    for number in range(3):
        parent = bus.ask("orders", "place", {"n": number})
        for sku in "abcdef":
            call = bus.ask("stock", "reserve", {"sku": sku}, of=parent)
            bus.wait(0.05)
            bus.answer(call, {}, **mark)
        bus.answer(parent)


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (twice, "answered-twice"),
        (refused, "refused"),
        (late, "late-answer"),
        (on_some, "action-on-some"),
        (other_type, "type-changed"),
        (one_by_one, "in-sequence"),
    ],
)
def test_with_the_mark_of_a_debugger_it_is_not_found(bus: Watched, harm: Callable[..., None], name: str) -> None:
    harm(bus, debug=MARK)
    assert name not in bus.names()
    # The same without one is.
    other = Watched()
    harm(other)
    assert name in other.names()


def asked_again(bus: Watched) -> None:
    for _ in range(3):
        bus.fail(bus.ask("payment", "charge", {"order": 1}), debug=MARK)


def swallowed(bus: Watched) -> None:
    parent: Exchange = bus.ask("orders", "place")
    bus.fail(bus.ask("payment", "charge", of=parent), debug=MARK)
    bus.answer(parent)


@pytest.mark.parametrize(("made_of_it", "name"), [(asked_again, "asked-again"), (swallowed, "swallowed-error")])
def test_what_programs_make_of_a_failure_counts_whoever_made_it(
    bus: Watched, made_of_it: Callable[[Watched], None], name: str
) -> None:
    made_of_it(bus)
    assert bus.names() == [name]
