"""What was told so far, bounded, and by what it is about: an id, or a broadcast. Pure.

What tells of trouble is kept apart from what tells that all is well, so that a flood of this does not drive out that.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from daebus_console.engine.bounded import remember
from daebus_console.engine.message.names import Names
from daebus_console.engine.records.record import (
    Any_,
    Batch,
    Called,
    Handled,
    Heard,
    Logged,
    Published,
    Ran,
    Refused,
    Source,
    key_of,
)

ROOM = 24 * 1024 * 1024
"""Bytes that all records may take together."""
MOST_SOURCES = 1_000
_PLAIN = 420
"""Bytes that a record takes, about, with its place in the indexes, beside long texts."""
_NAMES: dict[type, tuple[str, ...]] = {
    Handled: ("action", "sender", "outcome"),
    Heard: ("channel", "listener", "outcome"),
    Ran: ("what", "name", "outcome"),
    Called: ("service", "action", "outcome"),
    Published: ("channel",),
    Refused: ("action", "code", "channel", "listener"),
    Logged: ("level", "logger"),
}
"""The fields whose values repeat."""
_CASTS = (Heard, Published, Refused)
_TEXTS = ("text", "error", "traceback", "payload")

Cast = tuple[str, str, int]
"""A channel, and digest and length of a message on it."""


class Records:
    """The records of all instances. `version` rises with every change. Told twice counts once.

    `forgotten` counts those that had no room any more.
    """

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self.version = self.forgotten = 0
        self.sources: dict[tuple[str, str], Source] = {}
        """Who has told anything, the one that told last at the end."""
        self._by_id: dict[str, list[Any_]] = {}
        self._by_cast: dict[Cast, list[Any_]] = {}
        self._channels: dict[str, int] = {}
        self._nameless: set[tuple[Source, int]] = set()
        """Those that are in neither index, by their numbers."""
        self._well: deque[tuple[Any_, int]] = deque()
        self._trouble: deque[tuple[Any_, int]] = deque()
        self._bytes = {True: 0, False: 0}
        self._names = Names()

    def __len__(self) -> int:
        return len(self._well) + len(self._trouble)

    def __iter__(self) -> Iterator[Any_]:
        """Oldest first, as far as clocks tell."""
        found = [record for record, _size in chain(self._well, self._trouble)]
        return iter(sorted(found, key=lambda one: one.at + one.source.off))

    def _source(self, service: str, instance: str) -> Source:
        """Who tells just now under these names."""
        key = service, instance
        found = self.sources.pop(key, None) or Source(service, instance)
        # Each restart is another instance: who has told nothing for longest goes.
        remember(self.sources, key, found, MOST_SOURCES)
        return found

    def take(self, at: float, batch: Batch, *, watched: bool, late: bool = False) -> list[Any_]:
        """Take a batch that was seen at `at`; returns what was new in it.

        `watched` are records that were just made then; `late` tells that later ones may have been taken before.
        """
        source = self._source(batch.service, batch.instance)
        if watched:
            source.lost += batch.lost
            source.left_out += batch.left_out
            if batch.records:
                source.compare(at, max(one.at for one in batch.records))
                if not late and batch.records[-1].seq < source.seq and not self._has(source, batch.records[-1]):
                    # An instance under that name has begun anew.
                    source.seq = 0
        new = [one for one in batch.records if one.seq > source.seq or not self._has(source, one)]
        for one in new:
            self._keep(source, one)
        if new or batch.lost or batch.left_out:
            self.version += 1
        return new

    def _has(self, source: Source, record: Any_) -> bool:
        key, cast = _key(record), _cast(record)
        if key is not None:
            known: Sequence[Any_] = self._by_id.get(key, ())
        elif cast is not None:
            known = self._by_cast.get(cast, ())
        else:
            return (source, record.seq) in self._nameless
        return any(one.seq == record.seq and one.source is source for one in known)

    def _keep(self, source: Source, record: Any_) -> None:
        record.source = source
        if record.seq > source.seq:
            source.seq = record.seq
        names, kind = self._names, record.__class__
        for field in _NAMES[kind]:
            setattr(record, field, names[getattr(record, field)])
        key = _key(record)
        if key is not None:
            known = self._by_id.get(key)
            if known is None:
                self._by_id[key] = [record]
            else:
                known.append(record)
        cast = _cast(record) if kind in _CASTS else None
        if cast is not None:
            self._by_cast.setdefault(cast, []).append(record)
            self._channels[cast[0]] = self._channels.get(cast[0], 0) + 1
        elif key is None:
            self._nameless.add((source, record.seq))
        bad = kind is Logged or record.failed
        size = size_of(record)
        (self._trouble if bad else self._well).append((record, size))
        self._bytes[bad] += size
        if self._bytes[bad] > self.room // 2:
            self._make_room(bad)

    def _make_room(self, bad: bool) -> None:
        kept = self._trouble if bad else self._well
        while self._bytes[bad] > self.room // 2 and kept:
            record, size = kept.popleft()
            self.forgotten += 1
            self._bytes[bad] -= size
            key, cast = _key(record), _cast(record) if record.__class__ in _CASTS else None
            if key is not None:
                _remove(self._by_id, key, record)
            if cast is not None:
                _remove(self._by_cast, cast, record)
                self._channels[cast[0]] -= 1
                if not self._channels[cast[0]]:
                    del self._channels[cast[0]]
            elif key is None:
                self._nameless.discard((record.source, record.seq))

    # What is asked ---------------------------------------------------------------------------------------------

    def of(self, id: str | None) -> Sequence[Any_]:
        """What was told of that id: of what was handled under it, called by it, logged or published in it."""
        return self._by_id.get(id, ()) if id is not None else ()

    def of_cast(self, cast: Cast) -> Sequence[Any_]:
        """What was told of a broadcast with these bytes: published, heard, refused; of every such broadcast."""
        return self._by_cast.get(cast, ())

    def has_channel(self, channel: str) -> bool:
        """Whether anything was told of broadcasts on that channel."""
        return channel in self._channels


def _key(record: Any_) -> str | None:
    id = record.parent if record.__class__ is Published else record.id  # type: ignore[union-attr]  # it has a parent
    return id if id.__class__ is str else key_of(id)


def _cast(record: Any_) -> Cast | None:
    if isinstance(record, Heard | Published | Refused) and record.channel:
        return record.channel, record.digest, record.length
    return None


def _remove(index: dict[Any, list[Any_]], key: Any, record: Any_) -> None:
    found = index[key]
    # The oldest goes first.
    place = next(place for place, one in enumerate(found) if one is record)
    del found[place]
    if not found:
        del index[key]


def size_of(record: Any_) -> int:
    """Bytes that a record takes, about."""
    if record.__class__ is Called or record.__class__ is Published:
        return _PLAIN
    size = _PLAIN
    for field in _TEXTS:
        text = getattr(record, field, None)
        if text is not None:
            size += sys.getsizeof(text)
    for frame in getattr(record, "frames", None) or ():
        size += 200 + sum(100 + len(name) + len(value) for name, value in frame.locals.items())
    return size
