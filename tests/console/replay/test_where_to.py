"""Whether something can be sent again is told without rebuilding it, and with the same outcome."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.replay.item import Unsendable, resend_of, where_to
from tests.console.engine.dialects.support import TRANSCRIPTS, ForeignBus
from tests.console.fidelity.test_exported_lines import AROUND, TEXTS, exchanges
from tests.console.fidelity.texts import value


def rebuilt(exchange: Exchange, to: str | None) -> str:
    """The channel of what is rebuilt, or why nothing can be."""
    try:
        item = resend_of(exchange)
        return (item if to is None else item.to(to)).channel
    except Unsendable as error:
        return f"no: {error}"


def told(exchange: Exchange, to: str | None) -> str:
    try:
        return where_to(exchange, to)
    except Unsendable as error:
        return f"no: {error}"


def assert_same(found: list[Exchange]) -> None:
    for exchange in found:
        for to in (None, "elsewhere"):
            assert told(exchange, to) == rebuilt(exchange, to)


@pytest.mark.parametrize("around", AROUND)
def test_of_hostile_messages(around: str) -> None:
    assert_same(exchanges(*(around.format(payload=text).encode("utf-8", "surrogatepass") for text in TEXTS)))


@pytest.mark.parametrize("name", sorted(path.stem for path in TRANSCRIPTS.glob("*.jsonl")))
def test_of_other_frameworks(name: str) -> None:
    assert_same(list(ForeignBus().play(name).journal.exchanges))


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.sampled_from(AROUND), st.integers(0, 400), st.binary(max_size=2))
def test_of_anything(chance: random.Random, around: str, at: int, broken: bytes) -> None:
    data = around.format(payload=value(chance)).encode("utf-8", "surrogatepass")
    assert_same(exchanges(data, data[:at] + broken + data[at:]))
