"""Rows that services told of later stand where their time has them, whichever way they come."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine.message.exchange import Exchange, Kind, Message, State
from daebus_console.engine.pairing.journal import Journal
from daebus_console.tui.flow.by_time import RowsByTime, Told
from daebus_console.tui.flow.model import FlowModel, Newest
from daebus_console.tui.flow.seek import other_end
from daebus_console.tui.flow.visibility import Visibility

LAST = 40


@given(
    st.dictionaries(st.integers(1, LAST), st.floats(0, LAST), max_size=15),
    st.lists(
        st.tuples(st.sampled_from(["add", "remove", "append", "prepend", "trim"]), st.integers(1, LAST)), max_size=60
    ),
)
def test_it_is_what_sorting_by_time_would_give(told: dict[int, float], steps: list[tuple[str, int]]) -> None:
    """The row of number n was seen at n, or is told to have been at another time before."""
    rows, model, floor = RowsByTime(), set[int](), 0
    times = {number: min(told.get(number, number), number - 0.5 * (number in told)) for number in range(1, LAST + 1)}
    for number in told:
        rows.tell(Told(int(times[number]), times[number], number))

    def place(number: int) -> tuple[float, bool, int]:
        return times[number], number in told, number

    seen = sorted(set(range(1, LAST + 1)) - set(told))
    for step, number in steps:
        here = [one for one in seen if one in model]
        if number < floor or (step in ("append", "prepend") and number in model):
            continue
        if step == "add":
            rows.add(number)
            model.add(number)
        elif step == "remove":
            rows.remove(number)
            model.discard(number)
        elif step == "append" and (number in told or number > max(here, default=0)):
            rows.append(number)
            model.add(number)
        elif step == "prepend" and not floor and (number in told or number < min(here, default=LAST + 1)):
            rows.prepend(number)
            model.add(number)
        elif step == "trim":
            floor = max(floor, number)
            gone = {one for one in model if one < floor}
            assert rows.trim(floor) == len(gone)
            model -= gone
    expected = sorted(model, key=place)
    assert [rows[index] for index in range(len(rows))] == expected
    assert [rows.index(one) for one in expected] == list(range(len(expected)))
    assert {one for one in range(1, LAST + 1) if one in rows} == model
    for number in set(seen) - model:
        assert rows.index(number) == sum(place(one) < place(number) for one in expected)
    with pytest.raises(IndexError):
        _ = rows[len(rows)]


class Bus:
    """A journal with what is seen and what is told of, and a model that follows it."""

    def __init__(self, *, by_message: bool = False) -> None:
        self.journal = Journal()
        self.visibility = Visibility()
        self.model = FlowModel(self.journal, self.visibility, by_message=by_message)

    def add(self, at: float, came: float = 0.0, **names: str) -> int:
        journal = self.journal
        kind, state = (Kind.TOLD, State.OK) if came else (Kind.BROADCAST, State.SENT)
        message = Message(journal.next_seq, at, "news", b"{}", kind, journal.next_number)
        exchange = Exchange(journal.next_number, kind, state, message, target="news", **names)
        if came:
            exchange.set_aside().came = came
        journal.add(message, exchange)
        return exchange.number

    def times(self) -> list[float]:
        self.model.read()
        while self.model.busy:
            self.model.work(1.0, nullcontext())
        rows = self.model.rows
        entries = [self.model.entry(rows[index]) for index in range(len(rows))]
        return [entry[0].opened.at for entry in entries if entry is not None]


@pytest.mark.parametrize("by_message", [False, True])
def test_what_is_told_of_the_time_before_stands_before_what_was_seen(by_message: bool) -> None:
    bus = Bus(by_message=by_message)
    bus.add(100)
    bus.add(101)
    assert bus.times() == [100, 101]
    newest = bus.model.newest
    for at in (60, 62, 64, 61, 63):
        bus.add(at, came=101.5)
    bus.add(102)
    assert bus.times() == [60, 61, 62, 63, 64, 100, 101, 102]
    # What is counted as new since is what is at the end.
    assert bus.model.newer_than(newest) == 1
    assert bus.model.newer_than(Newest(0, 0)) == 3
    bus.visibility.set_filter(lambda exchange: exchange.opened.at != 62)
    assert bus.times() == [60, 61, 63, 64, 100, 101, 102]
    bus.visibility.set_filter(None)
    # After an outage: of the time of it, and of before.
    bus.add(110)
    for at in (105, 65, 104, 99):
        bus.add(at, came=111)
    bus.add(112)
    assert bus.times() == [60, 61, 62, 63, 64, 65, 99, 100, 101, 102, 104, 105, 110, 112]


def test_whoever_begins_later_has_them_in_the_same_order() -> None:
    bus = Bus()
    for at in (100, 101, 102):
        bus.add(at)
    for at in (101.5, 60, 62):
        bus.add(at, came=float("inf"))
    bus.model = FlowModel(bus.journal, bus.visibility)
    assert bus.times() == [60, 62, 100, 101, 101.5, 102]


@pytest.mark.parametrize("by_message", [False, True])
def test_what_is_told_of_a_time_to_come_stands_where_it_came_however_its_rows_are_looked_at(by_message: bool) -> None:
    bus = Bus(by_message=by_message)
    bus.add(100)
    bus.times()
    bus.add(500, came=101)
    for at in range(102, 102 + 1000):
        bus.add(at)
    bus.model.read()
    while bus.model.busy:
        bus.model.work(0.0, nullcontext())
        rows = bus.model.rows
        numbers = [rows[index] for index in range(len(rows))]
        assert [rows.index(number) for number in numbers] == list(range(len(rows)))
    assert numbers == list(range(1, 1003))


def test_what_caused_one_is_found_also_where_it_was_told_of_later() -> None:
    bus = Bus()
    bus.add(100)
    effect = bus.add(61, came=101, request_id="b", parent_id="a")
    cause = bus.add(60, came=101.5, request_id="a")
    bus.times()
    assert other_end(bus.model, effect) == cause
