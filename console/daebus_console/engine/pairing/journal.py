"""What is remembered: the latest messages and exchanges, bounded by count and by bytes. Pure.

Rules of this module: an exchange is here exactly as long as the message that opened it, so every message of an
exchange that is here is here too, and dropping the oldest message drops at most the oldest exchange. Views follow
along with a Cursor: new messages and other changes are both read in order, never searched for.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import NamedTuple

from daebus_console.engine.message.exchange import Exchange, Message
from daebus_console.engine.pairing.ring import Ring

MESSAGE_OVERHEAD = 256
"""Bytes reckoned for a kept message beside its data: its record, its share of the exchange and of the indexes."""


class Cursor(NamedTuple):
    """How far a view has read: the last message and the last change it knows of."""

    message: int = 0
    change: int = 0


class Journal:
    """The bounded memory of the session.

    `max_messages` and `max_bytes` (data plus MESSAGE_OVERHEAD each) bound it; the oldest go first.
    """

    def __init__(
        self,
        max_messages: int = 1_000_000,
        max_bytes: int = 512 * 1024 * 1024,
    ) -> None:
        if max_messages < 1 or max_bytes < 1:
            raise ValueError("a journal needs room for one message at least")
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self.on_evict: Callable[[list[Exchange]], None] = lambda _gone: None
        """Told the exchanges that go."""
        self.messages: Ring[Message] = Ring()
        self.exchanges: Ring[Exchange] = Ring()
        self.changes: Ring[int] = Ring()
        self.bytes = 0
        self.kept = 0
        """Messages here now; `bytes` is what they are reckoned to take."""
        self.next_seq = 1
        """The number the next message gets."""
        self.next_number = 1
        """The number the next exchange gets."""
        self.evicted = 0
        """Messages dropped for want of room, since the start."""

    @property
    def cursor(self) -> Cursor:
        """Where the journal ends now."""
        return Cursor(self.messages.last, self.changes.last)

    def add(self, message: Message, exchange: Exchange) -> None:
        """Keep a message; an exchange that it opens is kept with it. Both bear the next numbers."""
        self.messages.append(message)
        self.next_seq += 1
        if exchange.opened is message:
            self.exchanges.append(exchange)
            self.next_number += 1
        self.grown(1, len(message.data))

    def grown(self, count: int, size: int) -> None:
        """Make room after `count` messages with `size` bytes of data were added, here or straight to the rings."""
        self.kept += count
        self.bytes += size + count * MESSAGE_OVERHEAD
        if self.kept > self.max_messages or self.bytes > self.max_bytes:
            self._make_room()

    def touch(self, exchange: Exchange) -> None:
        """Note that an exchange changed without a new message of its own."""
        self.changes.append(exchange.number)
        if len(self.changes) > self.max_messages:
            self.changes.drop()

    def exchange(self, number: int) -> Exchange | None:
        """The exchange of that number, or None when it is gone or was never there."""
        return self.exchanges.get(number)

    def changed_since(self, cursor: Cursor) -> list[int] | None:
        """Numbers of the exchanges that are new or changed since the cursor, with repetitions, oldest first.

        None when the journal has moved on too far for that: read it all again.
        """
        if cursor.message + 1 < self.messages.first or cursor.change + 1 < self.changes.first:
            return None
        numbers = [message.exchange for message in self.messages.between(cursor.message + 1, self.messages.last)]
        numbers += self.changes.between(cursor.change + 1, self.changes.last)
        return numbers

    def clear(self) -> None:
        """Forget everything kept; numbers go on."""
        self.on_evict(list(self.exchanges))
        self.messages.clear()
        self.exchanges.clear()
        self.changes.clear()
        self.kept = self.bytes = 0

    def _make_room(self) -> None:
        """Drop the oldest messages that are too many or too large together, and the exchanges that they opened."""
        gone = self.messages.oldest(max(0, self.kept - self.max_messages))
        size = self.bytes - sum([len(message.data) for message in gone]) - len(gone) * MESSAGE_OVERHEAD
        if size > self.max_bytes:
            for message in islice(self.messages, len(gone), None):
                # One message larger than all the room is still shown.
                if size <= self.max_bytes or len(gone) == self.kept - 1:
                    break
                gone.append(message)
                size -= len(message.data) + MESSAGE_OVERHEAD
        if not gone:
            return
        count, last = len(gone), gone[-1].seq
        self.messages.drop_many(count)
        self.evicted += count
        self.kept, self.bytes = self.kept - count, size
        opened = self.exchanges.oldest(self.exchanges.count_until(last, _opened_by))
        self.exchanges.drop_many(len(opened))
        self.on_evict(opened)


def _opened_by(exchange: Exchange) -> int:
    return exchange.opened.seq
