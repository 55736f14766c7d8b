"""Which rows the flow shows, kept up with the journal in small bites. Pure: the lock and the clock are the caller's.

`read` takes note of what is new (under the session's lock, cheap); `work` decides over it (no lock needed beyond the
one it is handed) until its time is up. After a change of filter it looks at the newest first and so backwards, so that
what one looks for is there at once while the rest is still being looked through.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import AbstractContextManager
from typing import NamedTuple

from daebus_console.engine.message.exchange import Exchange, Kind, Message
from daebus_console.engine.pairing.journal import Cursor, Journal
from daebus_console.engine.pairing.ring import Ring
from daebus_console.tui.flow.by_time import RowsByTime, Told
from daebus_console.tui.flow.numbers import RowNumbers
from daebus_console.tui.flow.visibility import Hidden, Visibility

Entry = tuple[Exchange, Message | None]
"""What one row shows: an exchange, and in the view by message the message of it."""


class Newest(NamedTuple):
    """The numbers of an exchange and a message: what is newer has greater ones, in whatever view it is shown."""

    exchange: int
    message: int


class Place(NamedTuple):
    """How far a view has read: the journal's cursor, and the last exchange that there was then."""

    cursor: Cursor
    exchange: int


_BITE = 512
_MOST_WAITING = 200_000


class FlowModel:
    """The rows of one view. `by_message` makes one row a message, numbered by `seq`; else one an exchange."""

    def __init__(self, journal: Journal, visibility: Visibility, *, by_message: bool = False) -> None:
        self.journal = journal
        self.visibility = visibility
        self.by_message = by_message
        self.rows = RowsByTime()
        self.version = 0
        """Grows whenever a row came, went or changed."""
        self.changed: set[int] = set()
        """Rows that must be drawn again; whoever draws empties it."""
        self.hidden = Hidden()
        self._hidden_rows: dict[str, RowNumbers] = {}
        """What is counted in `hidden`, by what it is counted as."""
        self._waiting: deque[Entry] = deque()
        self._updates: deque[Exchange] = deque()
        self.place = Place(Cursor(), 0)
        """How far it has read."""
        self._scan = 0
        self._visibility = visibility.version
        self._behind_of = (-1, -1)
        """From which row on, and by which choice of what is seen, it is counted what waits."""
        self._behind = self._counted = 0
        self.restart()

    # Keeping up ------------------------------------------------------------------------------------------------

    @property
    def _ring(self) -> Ring[Message] | Ring[Exchange]:
        """What rows are made of."""
        return self.journal.messages if self.by_message else self.journal.exchanges

    @property
    def _seen(self) -> int:
        """The number of the last row, shown or not, that was read."""
        return self.place.cursor.message if self.by_message else self.place.exchange

    @property
    def busy(self) -> bool:
        """Whether there is more to decide over than was done."""
        return bool(self._waiting or self._updates or self._scan)

    def behind(self) -> int:
        """How many rows have come that were not read yet (while paused). Hold the session's lock."""
        journal = self.journal
        of = self._seen, self.visibility.version
        if self._behind_of != of:
            self._behind_of, self._behind, self._counted = of, 0, self._seen
        shows = self.visibility.shows
        if self.by_message:
            for message in journal.messages.between(self._counted + 1, journal.messages.last):
                exchange = journal.exchange(message.exchange)
                self._behind += exchange is not None and shows(exchange)
        else:
            self._behind += sum(map(shows, journal.exchanges.between(self._counted + 1, journal.exchanges.last)))
        self._counted = self._ring.last
        return self._behind

    @property
    def total(self) -> int:
        """How many rows there would be with nothing hidden."""
        return len(self._ring)

    @property
    def newest(self) -> Newest:
        """What came last of all that there is, shown or not."""
        return Newest(self.journal.exchanges.last, self.journal.messages.last)

    @property
    def unread(self) -> int:
        """How many rows there would be, with nothing hidden, of what was not read yet. Hold the session's lock."""
        ring = self._ring
        return max(0, ring.last - max(self._seen, ring.first - 1))

    @property
    def looks_back(self) -> bool:
        """Whether it still looks through what was there before: what is to be seen may be further back."""
        return bool(self._scan)

    @property
    def decided(self) -> int:
        """How many rows there would be, with nothing hidden, of what was looked at. Hold the session's lock."""
        return max(0, self.total - self.unread - len(self._waiting))

    def newer_than(self, newest: Newest) -> int:
        """How many rows are of what was seen after that."""
        return self.rows.newer_than(newest.message if self.by_message else newest.exchange)

    def restart(self, until: Place | None = None) -> None:
        """Forget all rows and look through the journal again, up to that place or its end, the newest first."""
        self.rows = RowsByTime(self.rows)
        self._waiting.clear()
        self._updates.clear()
        self.place = until or self._end()
        self._scan = self._seen
        self._visibility = self.visibility.version
        self.hidden = Hidden()
        self._hidden_rows = {}
        self.version += 1

    def _end(self) -> Place:
        return Place(self.journal.cursor, self.journal.exchanges.last)

    def read(self, until: Place | None = None) -> None:
        """Take note of what is new, and where a place is given of nothing behind it. Hold the session's lock."""
        journal = self.journal
        if self.visibility.version != self._visibility or (until is not None and self.place < until):
            self.restart(until)
        if until is not None:
            return
        trimmed = self.rows.trim(self._ring.first)
        for name, rows in self._hidden_rows.items():
            setattr(self.hidden, name, getattr(self.hidden, name) - rows.trim(self._ring.first))
        if trimmed:
            self.version += 1
        if journal.cursor == self.place.cursor or len(self._waiting) > _MOST_WAITING:
            return
        changed = journal.changed_since(self.place.cursor)
        if changed is None:
            self.restart()
            return
        if self.by_message:
            self._read_messages()
        else:
            for opened in journal.exchanges.between(self._seen + 1, 1 << 62):
                self._place(opened, None)
                self._waiting.append((opened, None))
        known = self._seen if not self.by_message else 1 << 62
        for number in {number for number in changed if number <= known}:
            exchange = journal.exchange(number)
            if exchange is not None:
                self._updates.append(exchange)
        self.place = self._end()

    def _read_messages(self) -> None:
        journal = self.journal
        for message in journal.messages.between(self._seen + 1, journal.messages.last):
            exchange = journal.exchange(message.exchange)
            if exchange is not None:
                self._place(exchange, message)
                self._waiting.append((exchange, message))

    def _place(self, exchange: Exchange, message: Message | None) -> None:
        """Where a service told of it later, find out between which rows its time is. Hold the session's lock."""
        if exchange.kind is not Kind.TOLD:
            return
        number, at = exchange.number if message is None else message.seq, exchange.opened.at
        if not self.rows.is_told(number):
            journal = self.journal
            before = (
                journal.messages.first - 1 + journal.messages.count_until(at, self._message_came)
                if self.by_message
                else journal.exchanges.first - 1 + journal.exchanges.count_until(at, _came)
            )
            # By the clock of its service it may be of a time that is still to come.
            self.rows.tell(Told(min(before, number - 1), at, number))

    def _message_came(self, message: Message) -> float:
        """When it came to the journal."""
        exchange = self.journal.exchange(message.exchange) if message.kind is Kind.TOLD else None
        return message.at if exchange is None else _came(exchange)

    def work(self, budget: float, lock: AbstractContextManager[object]) -> None:
        """Decide over what `read` noted, for about `budget` seconds."""
        until = time.perf_counter() + budget
        while self.busy:
            if self._waiting:
                self._take_waiting()
            elif self._updates:
                self._take_updates()
            else:
                with lock:
                    entries = self._older_entries()
                self._take_older(entries)
            if time.perf_counter() > until:
                return

    def _take_waiting(self) -> None:
        shows = self.visibility.shows
        for _ in range(min(_BITE, len(self._waiting))):
            exchange, message = self._waiting.popleft()
            number = exchange.number if message is None else message.seq
            if shows(exchange, self.hidden):
                self.rows.append(number)
                self.version += 1
            elif self.hidden.last:
                self._hidden_rows.setdefault(self.hidden.last, RowNumbers()).append(number)

    def _take_updates(self) -> None:
        selective = self.visibility.changes_with_state
        for _ in range(min(_BITE, len(self._updates))):
            exchange = self._updates.popleft()
            numbers = [message.seq for message in exchange.messages] if self.by_message else [exchange.number]
            self.changed.update(numbers)
            self.version += 1
            if selective:
                change = self.rows.add if self.visibility.shows(exchange) else self.rows.remove
                for number in numbers:
                    # What the look backwards has not reached yet, it will decide over itself.
                    if number > self._scan:
                        change(number)

    def _older_entries(self) -> list[Entry]:
        journal = self.journal
        if not self.by_message:
            found: list[Entry] = [(one, None) for one in journal.exchanges.between(self._scan - _BITE + 1, self._scan)]
        else:
            found = []
            for message in journal.messages.between(self._scan - _BITE + 1, self._scan):
                exchange = journal.exchange(message.exchange)
                if exchange is not None:
                    found.append((exchange, message))
        for entry in found:
            self._place(*entry)
        self._scan -= _BITE
        if self._scan < self._ring.first:
            self._scan = 0
        return found

    def _take_older(self, entries: list[Entry]) -> None:
        shows = self.visibility.shows
        for exchange, message in reversed(entries):
            number = exchange.number if message is None else message.seq
            if shows(exchange, self.hidden):
                self.rows.prepend(number)
            elif self.hidden.last:
                self._hidden_rows.setdefault(self.hidden.last, RowNumbers()).prepend(number)
        if entries or not self._scan:
            self.version += 1

    # Looking ---------------------------------------------------------------------------------------------------

    def entry(self, number: int) -> Entry | None:
        """What the row of that number shows, or None when it is gone. Hold the session's lock."""
        if not self.by_message:
            exchange = self.journal.exchange(number)
            return None if exchange is None else (exchange, None)
        message = self.journal.messages.get(number)
        exchange = self.journal.exchange(message.exchange) if message is not None else None
        return None if exchange is None or message is None else (exchange, message)


def _came(exchange: Exchange) -> float:
    """When it came to the journal, which is later than it was where a service told of it."""
    return exchange.aside.came or exchange.opened.at
