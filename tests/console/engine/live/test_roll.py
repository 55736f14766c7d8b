"""Which channels there are and how many subscribe, with those told apart who only watch."""

from __future__ import annotations

from daebus.wire.sharded import watched
from daebus_console.engine.live.roll import Roll, ShardRoll


def everything(_name: str) -> bool:
    return True


def test_of_our_own_channels_one_subscriber_is_us() -> None:
    roll = Roll(everything)
    roll.list([b"a", b"b"], 1)
    assert roll.counts == {b"a": 1, b"b": 1}
    assert sorted(roll.to_count) == [b"a", b"b"]
    roll.count([b"a", 3, b"b", 1], {"b"})
    assert roll.counts == {b"a": 3, b"b": 0}
    roll.list([b"a"], 1)
    assert roll.counts == {b"a": 3}


def test_who_watches_has_said_so() -> None:
    roll = ShardRoll(everything)
    roll.list([b"a", b"b", watched(b"b"), b"daebus.channels", watched(b"gone")], 1)
    assert set(roll.names) == {b"a", b"b"}
    # Of the other one nothing is known before it is counted.
    assert roll.counts == {b"a": 1}
    words = roll.words([b"a", b"b"])
    assert words == [b"a", watched(b"a"), b"b", watched(b"b")]
    roll.count([b"a", 2, watched(b"a"), 0, b"b", 2, watched(b"b"), 2], {"a"})
    assert roll.counts == {b"a": 2, b"b": 0}
    roll.list([b"b", watched(b"b")], 1)
    assert roll.counts == {b"b": 0}
    roll.list([b"b"], 1)
    assert roll.counts == {b"b": 1}


def test_what_is_of_no_interest_is_not_counted() -> None:
    roll = ShardRoll(lambda name: name != "b")
    roll.list([b"a", b"b"], 1)
    assert list(roll.to_count) == [b"a"]
    roll.to_count.clear()
    roll.fill()
    assert list(roll.to_count) == [b"a"]
