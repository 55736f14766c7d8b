"""The messages among what a server says: each once, by however many subscriptions it comes, and in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hiredis
import pytest

from daebus_console.engine.live.sieve import Batch, Sieve
from daebus_console.engine.live.subscriptions import Subscriptions


def by_pattern(pattern: str, channel: str, data: str) -> list[bytes]:
    return [b"pmessage", pattern.encode(), channel.encode(), data.encode()]


def by_name(channel: str, data: str) -> list[bytes]:
    return [b"message", channel.encode(), data.encode()]


class Reading:
    """A sieve, and what is subscribed to: the patterns are granted already."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self.subscriptions = Subscriptions(patterns)
        self.sieve = Sieve(self.subscriptions)
        self.subscriptions.changed = self.sieve.forget
        self.subscriptions.begin()
        assert self.picked(*([b"psubscribe", one.encode(), 1] for one in patterns)) == []

    def follow(self, channel: str) -> None:
        self.subscriptions.follow([channel])
        self.subscriptions.orders(0.0)
        assert self.picked([b"subscribe", channel.encode(), 2]) == []

    def unfollow(self, channel: str) -> None:
        self.subscriptions.unfollow([channel])
        self.subscriptions.orders(0.0)
        assert self.picked([b"unsubscribe", channel.encode(), 1]) == []

    def picked(self, *replies: Any) -> Batch:
        batch: Batch = []
        self.sieve.gather(iter(replies), 1.0, batch)
        return batch


def test_all_of_one_pattern_comes_in_order() -> None:
    reading = Reading(["*"])
    assert reading.picked(*(by_pattern("*", name, name) for name in "abab")) == [
        (name, name.encode()) for name in "abab"
    ]


@pytest.mark.parametrize("first", ["a*", "*b"])
def test_a_message_that_two_patterns_bring_counts_once_by_the_first_that_brought_one(first: str) -> None:
    reading = Reading(["a*", "*b"])
    other = {"a*": "*b", "*b": "a*"}[first]
    said = [by_pattern(pattern, "ab", data) for data in ("1", "2") for pattern in (first, other)]
    assert reading.picked(*said, by_pattern(other, "xb" if other == "*b" else "ax", "3")) == [
        ("ab", b"1"),
        ("ab", b"2"),
        ("xb" if other == "*b" else "ax", b"3"),
    ]


def test_two_messages_with_the_same_bytes_are_two() -> None:
    reading = Reading(["a*", "*b"])
    assert reading.picked(*(by_pattern("a*", "ab", "same") for _ in range(2))) == [("ab", b"same")] * 2


def test_a_channel_that_is_read_by_name_too_counts_once_and_goes_on_by_the_pattern_when_it_is_no_more() -> None:
    reading = Reading(["*"])
    reading.follow("news")
    assert reading.picked(by_name("news", "1"), by_pattern("*", "news", "1")) == [("news", b"1")]
    reading.unfollow("news")
    assert reading.picked(by_pattern("*", "news", "2")) == [("news", b"2")]


def test_what_is_no_message_is_for_the_subscriptions_wherever_it_stands() -> None:
    reading = Reading(["*"])
    reading.subscriptions.ask("PING")
    assert reading.subscriptions.waiting
    assert reading.picked(by_pattern("*", "a", "1"), [b"pong", b""], by_pattern("*", "a", "2")) == [
        ("a", b"1"),
        ("a", b"2"),
    ]
    assert not reading.subscriptions.waiting
    with pytest.raises(ConnectionResetError, match="kicked"):
        reading.picked(hiredis.ReplyError("ERR kicked"))


def test_names_that_are_no_utf_8_come_as_they_are_written() -> None:
    reading = Reading(["*"])
    assert reading.picked([b"pmessage", b"*", b"caf\xe9", b"1"]) == [("caf\udce9", b"1")]
