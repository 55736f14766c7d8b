"""Which broadcast a record of one is of, where many came: what it takes does not grow with how many there were."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from daebus_console.engine.pairing.casts import LATEST, Casts
from daebus_console.engine.records.joining import cast_of
from tests.console.engine.bus import Bus, raw
from tests.console.engine.findings.watched import Watched
from tests.console.engine.records.told import batch, cast


@pytest.fixture
def bus() -> Watched:
    return Watched()


def refuse(bus: Watched, count: int, *, equal: bool) -> int:
    """A service refuses so many broadcasts and tells so at once; returns how many calls it takes to judge that."""
    sent = [b'{"tick": true}' if equal else b'{"tick": %06d}' % number for number in range(count)]
    told = []
    for seq, data in enumerate(sent, 1):
        bus.say("ticks", data)
        told.append(cast("refused", seq, "ticks", data, bus.now, id=f"run{seq}", code="busy"))
    message, calls = batch("mailer", *told), 0

    def counted(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        bus.say(message.channel, message.data)
    finally:
        sys.setprofile(before)
    found = bus.one("refused")
    assert (found.count, len(found.evidence)) == (count, 20)
    return calls


@pytest.mark.parametrize("equal", [False, True])
def test_a_flood_of_broadcasts_that_are_refused(equal: bool) -> None:
    few, many = (refuse(Watched(), count, equal=equal) for count in (100, 800))
    assert many < 12 * few


def test_one_that_thousands_came_after(bus: Watched) -> None:
    one = bus.say("orders", b'{"id": 1}')
    for number in range(3_000):
        bus.say("ticks", b'{"tick": %d}' % number)
    told = batch("mailer", cast("heard", 1, "orders", b'{"id": 1}', bus.now, id="r", listener="on", outcome="error"))
    bus.say(told.channel, told.data)
    assert bus.one("listener-raised").evidence == [one.number]


def test_those_of_long_ago_are_forgotten() -> None:
    bus = Bus()
    casts, first = Casts(bus.journal), bus >> raw("orders", b'{"id": 1}')
    assert casts.of(cast_of(first)) == [first]
    for _ in range(LATEST - 1):
        bus >> raw("ticks", b'{"tick": 1}')
    assert casts.of(cast_of(first)) == [first]
    second = bus >> raw("orders", b'{"id": 1}')
    assert casts.of(cast_of(first)) == [second]
