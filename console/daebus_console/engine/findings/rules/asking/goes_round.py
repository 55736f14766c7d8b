"""goes-round: a message sets off another one, which sets off the first again, and so on."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import raw
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, numbers, shown
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.records.record import Heard, Published, key_of

_ROUNDS = 100
_WITHIN = 5.0
"""Seconds that so many rounds may take: what comes back ten times a second may be meant to, as a clock is, or to end,
as looking again until something is there."""
_TOLD = 20
"""Of so many, at the least, it is told what set them off: in a storm services tell of a part."""
_SHARE = 0.8
"""The part of equal messages that the one before must have set off: what others begin as often may come to an end."""
_LONGEST = 8
_MOST = 2_000


class _What(NamedTuple):
    """A message by what it says: where it goes, its action (none of a broadcast), checksum and length."""

    target: str
    action: str
    checksum: str
    length: int


class _Seen:
    """Equal messages that come quickly: when the latest came, and of those of which somebody tells how many what set
    off."""

    __slots__ = ("by", "latest", "new", "sender", "sent", "times")

    def __init__(self) -> None:
        self.sent = 0
        """How many services tell that they sent them; at a high rate of a part."""
        self.by: dict[_What, int] = {}
        """What of these was sent while that was handled."""
        self.sender = ""
        self.times: deque[float] = deque(maxlen=_ROUNDS)
        self.latest: int | None = None
        """The number of the latest."""
        self.new = 0
        """How many came since it was told of them."""

    def is_quick(self) -> bool:
        """Whether so many came within so short a time."""
        return len(self.times) == _ROUNDS and self.times[-1] - self.times[0] <= _WITHIN

    def cause(self) -> _What | None:
        """What set off nearly all of them."""
        most = max(self.by, key=lambda what: self.by[what], default=None)
        if most is None or self.by[most] < _TOLD or self.by[most] < _SHARE * self.sent:
            return None
        return most


class Found(Rule):
    """Joins what was sent with what was handled or heard meanwhile, and follows that back."""

    name = "goes-round"
    severity = Severity.WARNING
    title = "messages that set each other off, round and round"
    page = """\
A service sends a message for one that it hears, another one sends the first again for that, and so on: two
caches that tell each other what has changed, or services that ask each other for what neither has. It takes more and
more of the bus, and ends only when one of them is stopped, or nobody has time any more.

It is thought so because the same message, byte by byte, was sent a hundred times within five seconds while the one
before it was handled, all the way round, and hardly ever for another reason. Of requests and one-way messages their
`parent_id` tells that, of broadcasts the flight recorders of the services. Messages whose payload changes from round
to round may come to an end, and are not counted; nor are those that a handler sends to its own action, which may take
one step after the other that way.

Send only where something has changed; or let a message name who began, and let that one not pass it on."""

    def begin(self) -> None:
        self._seen: dict[_What, _Seen] = {}
        self._places: dict[tuple[str, str], None] = {}
        """Where there is one of them: channels, and actions."""
        self._runs: dict[str, _What] = {}
        """What the listeners heard, by the ids of their runs."""
        self._waiting: dict[str, list[tuple[_What, str, float]]] = {}
        """What was sent in runs of which nothing is told yet."""

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Requests and one-way messages tell themselves for what they were sent."""
        known = (service, action) in self._places
        for one in exchanges:
            known = known or one.parent_id is not None
            if known:
                what = _what(one)
                if what is not None:
                    self._came(what, one)
                    self._sent(what, one.parent_id, one.source or "", one.opened.at)
                    self._came(what, one)

    def cast(self, exchange: Exchange) -> None:
        """The service tells a moment later for what it was sent."""
        if (exchange.target or "", "") in self._places:
            what = _what(exchange)
            if what is not None:
                self._came(what, exchange)

    def linked(self, record: Published | Heard) -> None:
        """A service tells what it sent, and in which run; or what that run was for."""
        what = _What(record.channel, "", record.digest, record.length)
        if isinstance(record, Published):
            self._sent(what, key_of(record.parent), record.source.service, record.at + record.source.off)
            return
        run = key_of(record.id)
        if run is not None:
            remember(self._runs, run, what, _MOST)
            for sent, sender, at in self._waiting.pop(run, ()):
                self._join(what, sent, sender, at)

    def lost(self) -> None:
        """What others sent meanwhile was not seen."""
        self._seen.clear()
        self._places.clear()
        self._runs.clear()
        self._waiting.clear()

    def _came(self, what: _What, exchange: Exchange) -> None:
        """Another one."""
        seen = self._seen.get(what)
        if seen is not None and seen.latest != exchange.number:
            seen.latest = exchange.number
            seen.times.append(exchange.opened.at)
            if len(seen.times) == _ROUNDS and not seen.is_quick():
                seen.by.clear()
                seen.sent = seen.new = 0
            seen.new += 1

    def _sent(self, what: _What, parent: str | None, sender: str, at: float) -> None:
        """It was sent while that was handled."""
        if what in self._seen:
            self._seen[what].sent += 1
        if parent is None:
            return
        found = self.world.find(parent)
        cause = self._runs.get(parent) if found is None else _what(found)
        if cause is not None:
            self._join(cause, what, sender, at)
        elif found is None:
            waiting = self._waiting.get(parent, [])
            if len(waiting) < _LONGEST:
                remember(self._waiting, parent, [*waiting, (what, sender, at)], _MOST)

    def _join(self, cause: _What, what: _What, sender: str, at: float) -> None:
        """What it was sent for is known."""
        for one in (cause, what):
            if one not in self._seen:
                remember(self._seen, one, _Seen(), _MOST)
                remember(self._places, (one.target, one.action), None, _MOST)
        seen = self._seen[what]
        seen.sent = max(seen.sent, 1)
        seen.sender = sender
        seen.by[cause] = seen.by.get(cause, 0) + 1
        if len(seen.by) > _LONGEST:
            del seen.by[min(seen.by, key=lambda other: seen.by[other])]
        if seen.is_quick() and (circle := self._circle(what)):
            last = min(circle)
            if self._seen[last].is_quick() and self._seen[last].new:
                place = circle.index(last) + 1
                self._tell(circle[place:] + circle[:place], at)

    def _circle(self, what: _What) -> list[_What]:
        """What leads back to it, each set off by the one before; none where something else does."""
        way = [what]
        while len(way) <= _LONGEST:
            seen = self._seen.get(way[0])
            cause = seen.cause() if seen is not None else None
            if cause == what:
                # Whoever asks its own action for the next step means to.
                return way if len(way) > 1 or not what.action else []
            if cause is None or cause in way:
                return []
            way.insert(0, cause)
        return []

    def _tell(self, circle: list[_What], at: float) -> None:
        first, seen = circle[-1], self._seen[circle[-1]]
        steps = ", and ".join(
            f"{shown(self._seen[sent].sender)} sends {_name(sent)} for each {_name(cause)}"
            for cause, sent in zip([first, *circle[:-1]], circle, strict=True)
        )
        evidence = [number for one in circle if (number := self._seen[one].latest) is not None]
        self.book.report(
            self.name,
            self.severity,
            at,
            evidence,
            service=first.target,
            action=first.action,
            text=f"the same message comes back again and again: {steps}",
            because="each was sent while the one before was handled, with the same payload as the last time; the latest"
            f" {_ROUNDS} rounds took {duration(seen.times[-1] - seen.times[0])}",
            advice="send only where something has changed, or let whoever began it not pass on what comes back",
            where=numbers(evidence),
            count=seen.new,
            since=seen.times[0],
        )
        seen.new = 0


def _name(what: _What) -> str:
    return call(what.target, what.action)


def _what(exchange: Exchange) -> _What | None:
    """What it says; None where that is too large to be looked at."""
    kind, target = exchange.kind, exchange.target or ""
    if kind is Kind.BROADCAST:
        data: bytes | None = exchange.opened.data
    elif kind is Kind.REQUEST or kind is Kind.ONE_WAY:
        data = raw(exchange.asking.data)
    else:
        return None
    if data is None:
        return None
    action = "" if kind is Kind.BROADCAST else exchange.action or ""
    return _What(target, action, f"{zlib.crc32(data):08x}", len(data))
