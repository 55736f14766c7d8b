"""Which records are about which exchange: by id, and for broadcasts, which have none, by their bytes and order. Pure.

Rules of this module: an id that two exchanges bear joins nothing. A record of a handler is one of an exchange only
where service and action are its own. Of broadcasts with equal bytes a record belongs to one only where no other could
be meant: it began within seconds after that one alone, or as many were told as were seen, in the same order.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from daebus_console.engine.message.exchange import Exchange, Flag, Kind
from daebus_console.engine.records.record import (
    Any_,
    Called,
    Handled,
    Heard,
    Logged,
    Published,
    Ran,
    Refused,
    batch_in,
    key_of,
)
from daebus_console.engine.records.store import Cast, Records

Find = Callable[[str], Exchange | None]
_BEFORE = 0.5
"""Seconds by which a record may seem to begin before its broadcast: so far clocks are taken for one."""
_WAITED = 10.0
"""Seconds that a broadcast may wait for a listener, among several with equal bytes."""
_ASKED = (Kind.REQUEST, Kind.ONE_WAY)


@dataclass
class Told:
    """What services told of one exchange. `unsure` says why nothing is joined to it, where something might be."""

    handled: list[Handled] = field(default_factory=list)
    called: list[Called] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    published: Published | None = None
    logged: list[Logged] = field(default_factory=list)
    """Lines of the log of its handlers, or of its listeners."""
    unsure: str = ""

    def __bool__(self) -> bool:
        return bool(self.handled or self.called or self.refused or self.heard or self.published or self.logged)

    @property
    def runs(self) -> list[Handled | Heard]:
        """The handlers or listeners that ran."""
        return [*self.handled, *self.heard]

    @property
    def queued(self) -> float | None:
        """Seconds that it waited for a worker, where just one instance handled it."""
        return self.handled[0].queued if len(self.handled) == 1 else None


def told_by_id(records: Records, exchange: Exchange, find: Find) -> Told:
    """What was told of a request or a one-way message."""
    told = Told()
    found = records.of(exchange.request_id)
    if not found or exchange.kind is Kind.BROADCAST:
        return told
    newest = find(exchange.request_id or "")
    if exchange.flags & Flag.REUSED_ID or (newest is not None and _is_shared(newest, exchange)):
        told.unsure = "its id was used more than once, so that nobody can tell which of them a record is of"
        return told
    for record in found:
        _sort(told, record, exchange)
    told.logged.sort(key=lambda one: (one.source.instance, one.seq))
    return told


def _is_shared(newest: Exchange, exchange: Exchange) -> bool:
    if newest.kind not in _ASKED:
        return False
    # What was passed on to another service tells by that which of them a record is of.
    same = newest is exchange or any(one is exchange for one in newest.originals)
    return not same or newest.aside.namesake is not None


def _sort(told: Told, record: Any_, exchange: Exchange) -> None:
    service = record.source.service
    if isinstance(record, Called):
        if record.service == exchange.target and record.action == exchange.action:
            told.called.append(record)
    elif service != exchange.target:
        return
    elif isinstance(record, Handled):
        if record.action == exchange.action:
            told.handled.append(record)
    elif isinstance(record, Refused):
        told.refused.append(record)
    elif isinstance(record, Logged):
        told.logged.append(record)


class Links:
    """What records add to what the wire tells, for those exchanges: which broadcast was whose, who listened."""

    def __init__(self, records: Records, exchanges: Iterable[Exchange], find: Find) -> None:
        self.records = records
        self._find = find
        self._casts: dict[Cast, list[Exchange]] = {}
        self._joined: dict[Cast, dict[int, list[Any_]]] = {}
        self._whose: dict[int, Exchange] = {}
        """The broadcasts of records that are joined, by the `id()` of those."""
        channels: dict[str | None, bool] = {}
        for one in exchanges:
            if one.kind is Kind.BROADCAST:
                told = channels.get(one.target)
                if told is None:
                    told = channels[one.target] = records.has_channel(one.target or "")
                if told:
                    self._casts.setdefault(cast_of(one), []).append(one)

    @staticmethod
    def among(exchanges: Sequence[Exchange]) -> Links:
        """What the batches and answers among these exchanges tell of the others, as in a capture."""
        records, newest = Records(), {one.request_id: one for one in exchanges if one.request_id is not None}
        for one in exchanges:
            if one.flags & Flag.CONTROL:
                for message in one.messages:
                    batch = batch_in(message.channel, message.data)
                    if batch is not None:
                        records.take(message.at, batch, watched=one.kind is Kind.BROADCAST)
        return Links(records, exchanges, newest.get)

    def told(self, exchange: Exchange) -> Told:
        """What was told of that exchange."""
        if exchange.kind is not Kind.BROADCAST:
            return told_by_id(self.records, exchange, self._find)
        told = Told()
        cast = cast_of(exchange)
        for record in self._of(cast).get(exchange.number, ()):
            if isinstance(record, Published):
                told.published = record
            elif isinstance(record, Heard | Refused):
                if isinstance(record, Heard):
                    told.heard.append(record)
                else:
                    told.refused.append(record)
                lines = self.records.of(key_of(record.id))
                told.logged += [one for one in lines if isinstance(one, Logged) and one.source is record.source]
        if not told and self.records.of_cast(cast):
            told.unsure = "broadcasts with the same bytes came close together, so that nobody can tell them apart"
        return told

    def parent_of(self, exchange: Exchange) -> str | None:
        """The id of what it was sent from: told on the wire, or of a broadcast by who published it."""
        if exchange.kind is not Kind.BROADCAST:
            return exchange.parent_id
        published = self.told(exchange).published if cast_of(exchange) in self._casts else None
        return None if published is None else key_of(published.parent)

    def casts(self) -> Iterable[Exchange]:
        """The broadcasts of which something was told."""
        for cast, exchanges in self._casts.items():
            if self.records.of_cast(cast):
                yield from exchanges

    def run(self, id: str) -> Heard | Ran | None:
        """The run of a listener, a task, a thread or a hook that has that id; None where it was not told of."""
        found = [one for one in self.records.of(id) if isinstance(one, Heard | Ran)]
        return found[0] if len(found) == 1 else None

    def cast_of_run(self, run: Heard | Refused | Ran) -> Exchange | None:
        """The broadcast that a listener ran for, or refused."""
        if isinstance(run, Ran) or run.channel is None:
            return None
        self._of((run.channel, run.digest, run.length))
        return self._whose.get(id(run))

    def _of(self, cast: Cast) -> dict[int, list[Any_]]:
        found = self._joined.get(cast)
        if found is None:
            found = self._joined[cast] = {}
            told = self.records.of_cast(cast)
            exchanges = self._casts.get(cast, [])
            if told and exchanges:
                for group, waited in _groups(told):
                    for exchange, record in matched(exchanges, group, waited):
                        found.setdefault(exchange.number, []).append(record)
                        self._whose[id(record)] = exchange
        return found


def cast_of(exchange: Exchange) -> Cast:
    """What tells a broadcast, which has no id, from others."""
    data = exchange.opened.data
    return exchange.target or "", f"{zlib.crc32(data):08x}", len(data)


def _groups(records: Sequence[Any_]) -> Iterable[tuple[list[Any_], float]]:
    """The records of which each broadcast has one at most, with the seconds that they may come after it."""
    groups: dict[object, list[Any_]] = {}
    for record in records:
        if isinstance(record, Published):
            groups.setdefault(None, []).append(record)
        elif isinstance(record, Heard | Refused):
            groups.setdefault((id(record.source), record.listener), []).append(record)
        else:
            groups.setdefault(id(record.source), []).append(record)
    for key, group in groups.items():
        group.sort(key=lambda one: (one.begun, one.seq))
        yield group, _BEFORE if key is None else _WAITED


def matched(exchanges: Sequence[Exchange], records: Sequence[Any_], waited: float) -> list[tuple[Exchange, Any_]]:
    """Broadcasts of equal bytes with their records (as they began), where there is no doubt."""
    those = sorted(exchanges, key=lambda one: one.opened.at)
    times = [one.opened.at for one in those]
    longest = waited * (6 if len(those) == len(records) == 1 else 1)
    told: list[tuple[Any_, range]] = []
    meant: list[int] = []
    beyond = 0
    for record in records:
        places = range(bisect_left(times, record.begun - longest), bisect_right(times, record.begun + _BEFORE))
        if places:
            told.append((record, places))
            meant += range(max(beyond, places.start), places.stop)
            beyond = places.stop
    if len(meant) != len(told) or any(
        place not in places for place, (_record, places) in zip(meant, told, strict=True)
    ):
        return []
    return [(those[place], record) for place, (record, _places) in zip(meant, told, strict=True)]
