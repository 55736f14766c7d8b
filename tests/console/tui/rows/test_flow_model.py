"""Which rows the flow shows: kept up with the journal, newest first after a change of filter."""

from __future__ import annotations

import json
from contextlib import nullcontext

import pytest

from daebus_console.engine import dialects
from daebus_console.engine.filter import language as filters
from daebus_console.engine.message.recogniser import Recogniser
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.tui.flow.model import FlowModel, Place
from daebus_console.tui.flow.seek import at_time
from daebus_console.tui.flow.visibility import Hidden, Mute, Visibility


class Bus:
    """A journal that is fed, and a model that follows it."""

    def __init__(self, most: int = 1_000_000, *, by_message: bool = False) -> None:
        self.journal = Journal(most)
        self.correlator = Correlator(self.journal)
        self.visibility = Visibility()
        self.model = FlowModel(self.journal, self.visibility, by_message=by_message)
        self.at = 0.0

    def ask(self, number: int, action: str = "get", service: str = "users") -> None:
        self.at += 1
        asked = {"action": action, "payload": {}, "request_id": str(number), "reply_to": "caller:1", "service": "web"}
        self.correlator.feed(self.at, service, json.dumps(asked).encode())

    def answer(self, number: int, status: str = "success") -> None:
        self.at += 1
        answer = {"status": status, "payload": {}, "request_id": str(number)}
        self.correlator.feed(self.at, "caller:1", json.dumps(answer).encode())

    def rows(self) -> list[int]:
        self.model.read()
        while self.model.busy:
            self.model.work(1.0, nullcontext())
        return [self.model.rows[index] for index in range(len(self.model.rows))]


def test_one_row_an_exchange_and_each_change_is_told() -> None:
    bus = Bus()
    for number in (1, 2):
        bus.ask(number)
    assert bus.rows() == [1, 2]
    bus.model.changed.clear()
    bus.answer(1)
    assert bus.rows() == [1, 2]
    assert bus.model.changed == {1}


def test_by_message_answers_are_rows_of_their_own() -> None:
    bus = Bus(by_message=True)
    bus.ask(1)
    bus.answer(1)
    assert bus.rows() == [1, 2]


def test_a_filter_lets_rows_come_and_go_with_their_state() -> None:
    bus = Bus()
    bus.visibility.set_filter(filters.parse("status:pending").accepts)
    for number in range(1, 4):
        bus.ask(number)
    assert bus.rows() == [1, 2, 3]
    bus.answer(2)
    assert bus.rows() == [1, 3]
    bus.visibility.set_filter(filters.parse("status:ok").accepts)
    assert bus.rows() == [2]
    bus.answer(1)
    assert bus.rows() == [1, 2]


def test_after_a_change_of_filter_the_newest_come_first() -> None:
    bus = Bus()
    for number in range(1, 3001):
        bus.ask(number)
    assert len(bus.rows()) == 3000
    bus.visibility.set_filter(None)
    bus.model.read()
    bus.model.work(0.0, nullcontext())
    assert bus.model.busy
    assert bus.model.rows[len(bus.model.rows) - 1] == 3000
    assert len(bus.rows()) == 3000


def test_rows_go_with_what_the_journal_forgets() -> None:
    bus = Bus(most=100)
    for number in range(1, 501):
        bus.ask(number)
        if number % 50 == 0:
            bus.rows()
    assert bus.rows() == list(range(401, 501))


def test_a_view_that_was_left_behind_reads_all_again() -> None:
    bus = Bus(most=100)
    bus.ask(1)
    bus.rows()
    for number in range(2, 1001):
        bus.ask(number)
    assert bus.rows() == list(range(901, 1001))


def test_what_is_new_is_counted_in_each_view_of_what_it_shows() -> None:
    bus = Bus(most=100)
    messages = FlowModel(bus.journal, bus.visibility, by_message=True)
    for number in range(5):
        bus.ask(number)
        bus.answer(number)
    bus.rows()
    newest = bus.model.newest
    assert newest == messages.newest
    for number in range(5, 8):
        bus.ask(number, "get" if number % 2 else "put")
        bus.answer(number)

    def new(model: FlowModel) -> int:
        bus.model = model
        bus.rows()
        return model.newer_than(newest)

    exchanges = bus.model
    assert (new(exchanges), new(messages)) == (3, 6)
    bus.visibility.set_filter(filters.parse("action:put").accepts)
    assert (new(exchanges), new(messages)) == (1, 2)
    bus.visibility.set_filter(filters.parse("action:nosuch").accepts)
    assert (new(exchanges), new(messages)) == (0, 0)
    bus.visibility.set_filter(None)
    bus.journal.clear()
    bus.ask(9)
    assert (new(exchanges), new(messages)) == (1, 1)


def test_mutes_hide_and_are_counted_once() -> None:
    bus = Bus()
    bus.visibility.mute(Mute("users", "ping"))
    bus.ask(1, "ping")
    bus.ask(2, "get")
    bus.answer(1)
    assert bus.rows() == [2]
    assert bus.model.hidden == Hidden(muted=1)
    bus.visibility.unmute_all()
    assert bus.rows() == [1, 2]


@pytest.mark.parametrize("name", ["users", "old users", " ", "a\\b", "tab\t", "a\udcff", "-x", "{", "", "ü"])
@pytest.mark.parametrize("action", [None, "get", "get user", "", " get ", "a\\b", "\ud800"])
def test_a_mute_is_kept_as_what_it_is(name: str, action: str | None) -> None:
    assert Mute.of(Mute(name, action).kept) == Mute(name, action)


def test_what_is_quiet_or_muted_is_counted_once_whatever_else_is_seen() -> None:
    bus = Bus()
    bus.correlator.recogniser = Recogniser(dialects.chosen(()))
    by_message = FlowModel(bus.journal, bus.visibility, by_message=True)
    bus.visibility.mute(Mute("users", "ping"))
    for number in range(3):
        bus.ask(number, "ping")
    bus.correlator.feed(9.0, "MOL.HEARTBEAT", b'{"ver": "5", "sender": "a", "cpu": 1}')
    for text in ("", "a", "action:get", "action:nosuch", ""):
        bus.visibility.set_filter(filters.parse(text).accepts)
        bus.rows()
        assert bus.model.hidden == Hidden(quiet=1, muted=3)
    for muted in (3, 4):
        bus.rows()
        by_message.read()
        by_message.work(1.0, nullcontext())
        assert by_message.hidden == bus.model.hidden == Hidden(quiet=1, muted=muted)
        bus.ask(9, "ping")


@pytest.mark.parametrize("by_message", [False, True])
def test_what_is_hidden_is_counted_for_as_long_as_it_is_kept(by_message: bool) -> None:
    bus = Bus(60, by_message=by_message)
    bus.correlator.recogniser = Recogniser(dialects.chosen(()))
    bus.visibility.mute(Mute("users", "ping"))
    for again in range(40):
        bus.ask(again, "ping")
        bus.correlator.feed(bus.at, "MOL.HEARTBEAT", b'{"ver": "5", "sender": "a", "cpu": 1}')
        bus.ask(again, "info", "daebus.control.users")
        if again % 20 == 0:
            # The newest are looked at as they come, and those that are there backwards.
            bus.visibility.set_filter(None)
        if again % 3 == 0 or again == 39:
            bus.rows()
    assert bus.model.total == 60
    assert bus.model.hidden == Hidden(quiet=20, muted=20, control=20)


@pytest.mark.parametrize("by_message", [False, True])
def test_what_waits_is_counted_in_rows_of_the_view(by_message: bool) -> None:
    bus = Bus(by_message=by_message)
    bus.ask(1)
    bus.rows()
    bus.visibility.set_filter(filters.parse("action:get").accepts)
    bus.rows()
    for number in range(2, 6):
        bus.ask(number, "get" if number % 2 else "list")
    bus.answer(1)
    bus.answer(3)
    # An answer is a row of its own only in the view by message.
    assert bus.model.behind() == (4 if by_message else 2)
    bus.ask(7)
    assert bus.model.behind() == (5 if by_message else 3)
    bus.visibility.set_filter(filters.parse("action:list").accepts)
    assert bus.model.behind() == 2
    bus.rows()
    assert bus.model.behind() == 0


@pytest.mark.parametrize("by_message", [False, True])
def test_held_still_it_shows_what_was_there_whatever_is_to_be_seen(by_message: bool) -> None:
    bus = Bus(by_message=by_message)
    other = FlowModel(bus.journal, bus.visibility, by_message=not by_message)

    def rows(model: FlowModel) -> int:
        model.read(place)
        while model.busy:
            model.work(1.0, nullcontext())
        return len(model.rows)

    bus.ask(1, "get")
    bus.ask(2, "put")
    bus.rows()
    place: Place | None = bus.model.place
    bus.ask(3, "get")
    bus.answer(1)
    for model in (bus.model, other):
        assert rows(model) == 2
        # The first has an answer by now, which came later.
        bus.visibility.set_filter(filters.parse("action:get").accepts)
        assert rows(model) == 1
        assert model.unread == (2 if model.by_message else 1) == model.behind()
        bus.visibility.set_filter(None)
        assert rows(model) == 2
        bus.model.changed.clear()
    place = None
    assert rows(bus.model) == (4 if by_message else 3)
    assert rows(other) == (3 if by_message else 4)


def test_the_row_of_a_time_is_found_also_where_rows_came_later_than_they_began() -> None:
    bus = Bus()
    for at in (60.0, 61.0, 10.0, 20.0, 30.0, 15.0, 25.0, 62.0):
        bus.at = at - 1
        bus.ask(int(at))
    rows = bus.rows()
    assert at_time(bus.model, 99.0) == rows[-1]
    for wanted, found in ((5.0, 10.0), (15.0, 15.0), (16.0, 20.0), (21.0, 25.0), (31.0, 60.0), (60.5, 61.0)):
        number = at_time(bus.model, wanted)
        assert number is not None
        exchange = bus.journal.exchange(number)
        assert exchange is not None
        assert exchange.opened.at == found
    assert at_time(Bus().model, 1.0) is None
