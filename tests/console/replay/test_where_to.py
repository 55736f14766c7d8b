"""Whether something can be sent again is told without rebuilding it, and with the same outcome as writing it has."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.replay.item import Unsendable, resend_of, where_to
from tests.console.engine.dialects.support import TRANSCRIPTS, ForeignBus
from tests.console.fidelity.frames import AROUND, anything, hostile


def rebuilt(exchange: Exchange, to: str | None) -> str:
    """The channel of what is rebuilt, or why nothing can be."""
    try:
        item = resend_of(exchange)
        item = item if to is None else item.to(to)
        item.check()
        return item.channel
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
    assert_same(hostile(around))


@pytest.mark.parametrize("name", sorted(path.stem for path in TRANSCRIPTS.glob("*.jsonl")))
def test_of_other_frameworks(name: str) -> None:
    assert_same(list(ForeignBus().play(name).journal.exchanges))


@settings(max_examples=60)
@given(anything)
def test_of_anything(found: list[Exchange]) -> None:
    assert_same(found)
