"""Batches of records that nobody has read yet: what tells of trouble is seen without reading, and an id is found. Pure.

To read a record costs as much as to take in a message. So at a high rate those that tell that all is well wait here,
as the bytes that they came in, until somebody asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from daebus_console.engine.message.exchange import Message

ROOM = 4 * 1024 * 1024
"""Bytes of batches that wait; the oldest are let go."""


class Unread:
    """Messages with records, oldest first."""

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self._messages: deque[Message] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message) -> None:
        """Keep one more."""
        self._messages.append(message)
        self._bytes += len(message.data)
        while self._bytes > self.room:
            self._bytes -= len(self._messages.popleft().data)

    def take_all(self) -> Iterator[Message]:
        """All of them, which are then read."""
        while self._messages:
            message = self._messages.popleft()
            self._bytes -= len(message.data)
            yield message

    def take_with(self, part: bytes) -> list[Message]:
        """Those in which these bytes are."""
        found = [message for message in self._messages if part in message.data]
        if found:
            self._bytes -= sum(len(message.data) for message in found)
            taken = {id(message) for message in found}
            self._messages = deque(message for message in self._messages if id(message) not in taken)
        return found


def count_in(data: bytes) -> int:
    """How many records there are in a batch, about."""
    return data.count(b'"kind":')


def is_trouble(data: bytes, count: int) -> bool:
    """Whether a batch of so many records may tell of something that went wrong; one written otherwise than ours may."""
    well = data.count(b'"outcome":"ok"')
    if well == count:
        return False
    well += data.count(b'"outcome":"deferred"')
    return well != data.count(b'"outcome":') or b'"refused"' in data or b'"ERROR"' in data or b'"CRITICAL"' in data
