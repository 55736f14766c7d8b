"""What is remembered, and how a view follows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import MESSAGE_OVERHEAD, Cursor, Journal
from tests.console.engine.bus import Bus, answer, progress, raw, request


def followed(bus: Bus, cursor: Cursor) -> list[int] | None:
    return bus.journal.changed_since(cursor)


def test_the_oldest_messages_go_first_and_are_counted() -> None:
    bus = Bus(max_messages=3)
    for number in range(5):
        bus >> raw("news", f'{{"n": {number}}}')
    assert [message.seq for message in bus.journal.messages] == [3, 4, 5]
    assert [exchange.number for exchange in bus.journal.exchanges] == [3, 4, 5]
    assert (bus.journal.evicted, bus.journal.kept) == (2, 3)


def test_an_exchange_goes_with_the_message_that_opened_it() -> None:
    bus = Bus(max_messages=2)
    gone: list[Exchange] = []
    forget = bus.journal.on_evict
    assert forget is not None

    def note(exchanges: list[Exchange]) -> None:
        gone.extend(exchanges)
        forget(exchanges)

    bus.journal.on_evict = note
    first = bus >> request("orders", id="a")
    bus >> progress("caller:1", id="a")
    assert gone == []
    bus >> progress("caller:1", id="a")
    assert gone == [first]
    assert (bus >> answer("caller:1", id="a")) is not first


def test_bytes_bound_it_too() -> None:
    journal = Journal(max_bytes=10 * (MESSAGE_OVERHEAD + 100))
    bus = Bus()
    bus.journal = bus.correlator.journal = journal
    for _ in range(50):
        bus >> raw("news", b"x" * 100)
    assert len(journal.messages) == 10
    assert journal.bytes == 10 * (MESSAGE_OVERHEAD + 100)
    bus >> raw("news", b"x" * 100_000)
    assert len(journal.messages) == 1, "one message beyond all room is still shown"
    bus >> raw("news", b"y")
    assert [message.data for message in journal.messages] == [b"y"]
    assert journal.bytes == MESSAGE_OVERHEAD + 1


@given(
    st.lists(st.lists(st.tuples(st.sampled_from("abc?"), st.integers(0, 2_000)), max_size=12), max_size=12),
    st.integers(1, 20),
    st.integers(1, 20_000),
)
def test_what_comes_at_once_leaves_the_newest_that_have_room(
    batches: list[list[tuple[str, int]]], most: int, most_bytes: int
) -> None:
    journal = Journal(most, most_bytes)
    correlator = Correlator(journal)
    forget, gone, sizes = journal.on_evict, list[Exchange](), list[int]()
    assert forget is not None

    def note(exchanges: list[Exchange]) -> None:
        gone.extend(exchanges)
        forget(exchanges)

    journal.on_evict = note
    for batch in batches:
        before = journal.evicted
        sent = [
            raw("news", b"x" * size) if key == "?" else request("orders", id=key, n="x" * size) for key, size in batch
        ]
        correlator.take(0.0, sent)
        sizes += [len(data) + MESSAGE_OVERHEAD for _channel, data in sent]
        kept = sizes[len(sizes) - journal.kept :]
        assert len(kept) == len(journal.messages) <= most
        assert sum(kept) == journal.bytes
        assert journal.bytes <= most_bytes or len(kept) == 1
        evicted = len(sizes) - len(kept)
        if evicted > before:
            assert len(kept) == most or sum(kept) + sizes[evicted - 1] > most_bytes, "there was room for one more"
        assert journal.evicted == evicted
        here = {message.seq for message in journal.messages}
        assert [exchange.opened.seq for exchange in journal.exchanges] == sorted(here)
        assert [exchange.number for exchange in gone] == list(range(1, journal.exchanges.first))
        assert all(one in journal.exchanges for key in "abc" if (one := correlator.find(key)) is not None)


@pytest.mark.parametrize("bounds", [{"max_messages": 0}, {"max_bytes": 0}])
def test_it_needs_some_room(bounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="room"):
        Journal(**bounds)


def test_a_cursor_tells_what_is_new_and_what_has_changed() -> None:
    bus = Bus()
    bus >> request("orders", id="a")
    cursor = bus.journal.cursor
    assert followed(bus, cursor) == []
    bus >> request("orders", id="b", timeout=60)
    bus >> answer("caller:1", id="b")
    assert followed(bus, cursor) == [2, 2]
    bus.wait(20)
    assert followed(bus, cursor) == [2, 2, 1]
    cursor = bus.journal.cursor
    bus.gap(1)
    assert followed(bus, cursor) == [3, 3]


def test_a_cursor_that_was_left_behind_must_read_it_all_again() -> None:
    bus = Bus(max_messages=5)
    cursor = bus.journal.cursor
    for _ in range(5):
        bus >> raw("news", "{}")
    assert followed(bus, cursor) == [1, 2, 3, 4, 5]
    bus >> raw("news", "{}")
    assert followed(bus, cursor) is None
    assert followed(bus, bus.journal.cursor) == []


def test_clear_forgets_and_numbers_go_on() -> None:
    bus = Bus()
    bus >> request("orders", id="a")
    cursor = bus.journal.cursor
    bus.journal.clear()
    assert (len(bus.journal.messages), bus.journal.bytes, bus.journal.kept) == (0, 0, 0)
    assert bus.journal.exchange(1) is None
    assert followed(bus, cursor) == []
    assert (bus >> request("orders", id="b")).number == 2
    assert followed(bus, cursor) == [2]
