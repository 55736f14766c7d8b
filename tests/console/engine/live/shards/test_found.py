"""Which channels are read by name where there are no patterns, and what of it is missing."""

from __future__ import annotations

import pytest

from daebus.transport.places.route import Place
from daebus.wire.names import encoded
from daebus.wire.sharded import ANNOUNCED, announced, announcement, slot_of
from daebus_console.engine.live.shards.found import GONE_AFTER, Found, companion, is_exact, is_ours
from daebus_console.engine.live.shards.missing import Missing


def test_what_is_announced_comes_back() -> None:
    names = ["orders", "daebus.control.orders", "b\udcff", "größer"]
    assert announced(announcement(names)) == names


@pytest.mark.parametrize("data", [b"", b"[1]", b"7", b'{"daebus_channels": {}}', b"\xff", b"[" * 100_000])
def test_what_makes_no_sense_announces_nothing(data: bytes) -> None:
    assert announced(data) == []


def test_of_several_names_those_count_that_are_some() -> None:
    assert announced(b'{"daebus_channels": ["a", "", 1, null, "b"]}') == ["a", "b"]


@pytest.mark.parametrize("channel", ["orders", "a{b}c", "}{", "{}", "x{}y", "b\udcff"])
def test_the_companion_is_in_the_same_slot(channel: str) -> None:
    other = companion(channel)
    assert slot_of(encoded(other)) == slot_of(encoded(channel))
    assert is_ours(other)
    assert not is_ours(channel)
    assert is_ours(ANNOUNCED)


def test_a_pattern_with_a_sign_is_no_name() -> None:
    assert is_exact("orders.new")
    assert not any(is_exact(pattern) for pattern in ("*", "a?", "[ab]", "a\\*"))


def test_channels_are_read_while_somebody_is_there() -> None:
    found = Found(["or*", "exact"])
    assert found.polled(0.0, ["orders", "payment", ANNOUNCED, companion("orders"), "exact"], {}) == (["orders"], [])
    assert found.polled(1.0, ["orders"], {"orders": 1}) == ([], [])
    # Those who watch are there still, and nobody else.
    assert found.polled(2.0, ["orders"], {"orders": 0}) == ([], [])
    assert found.polled(1.0 + GONE_AFTER + 0.1, ["orders"], {"orders": 0}) == ([], ["orders"])
    assert found.polled(6.0, ["orders"], {"orders": 0}) == ([], [])
    assert found.polled(7.0, ["orders"], {"orders": 2}) == (["orders"], [])


def test_what_was_announced_is_read_before_it_is_listed() -> None:
    found = Found(["*"])
    assert found.heard(0.0, ["orders"]) == ["orders"]
    assert found.heard(2.0, ["orders"]) == []
    assert found.polled(2.0 + GONE_AFTER, [], {}) == ([], [])
    assert found.polled(2.1 + GONE_AFTER, [], {}) == ([], ["orders"])


def test_what_no_bytes_can_name_matches_nothing() -> None:
    assert not Found(["*"]).matches("\ud800")
    assert Found(["*"]).matches("\udcff")


def test_what_had_not_been_there_is_not_missing_but_a_node_is() -> None:
    missing, node = Missing(), Place("h", 1)
    missing.lose(["orders"], "gone")
    assert not missing.any
    missing.find(["orders"])
    missing.lose(["orders"], "moves")
    missing.lose([node], "closed")
    assert missing.first == "moves"
    assert missing.reason(node) == "closed"
    missing.find(["orders"])
    assert missing.first == "closed"
    assert missing.has(node)
    missing.forget([node])
    assert not missing.any
