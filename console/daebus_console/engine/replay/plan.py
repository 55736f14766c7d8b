"""What is to be replayed of what there is, and what that amounts to, said before anything is sent. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from daebus_console.engine.bounded import remember
from daebus_console.engine.filter.language import Filter, parse
from daebus_console.engine.message.exchange import DAEBUS, Exchange, Flag, Kind, State
from daebus_console.engine.message.steady import Steady
from daebus_console.engine.replay.item import Unsendable, where_to

_EVERYTHING = parse("")
_MOST_PARENTS = 10_000
"""Ids of what is sent that are remembered: what was made for it comes soon after it."""
# Members of an enum are slow to look up, and these are wanted for every exchange.
_GAP, _TOLD, _REQUEST, _BROADCAST, _CONTROL, _DEBUGGED = (
    State.GAP,
    Kind.TOLD,
    Kind.REQUEST,
    Kind.BROADCAST,
    Flag.CONTROL,
    Flag.DEBUGGED,
)
_NOUNS = {
    Kind.REQUEST: ("request", "requests"),
    Kind.ONE_WAY: ("one-way", "one-way"),
    Kind.BROADCAST: ("broadcast", "broadcasts"),
    Kind.UNREADABLE: ("unreadable message", "unreadable messages"),
    Kind.RESPONSE: ("stray answer", "stray answers"),
}
INCLUDABLE = {"request": Kind.REQUEST, "one-way": Kind.ONE_WAY, "broadcast": Kind.BROADCAST}
"""What may be named to be replayed, as users write it."""


@dataclass(frozen=True)
class Choice:
    """Which exchanges are replayed: of these kinds, that match; with `roots`, none made in handling another."""

    kinds: frozenset[Kind] = frozenset({Kind.REQUEST})
    matching: Filter = _EVERYTHING
    roots: bool = False
    to: str | None = None
    """The service or channel that all of it goes to, instead of where it went."""

    def takes(self, exchange: Exchange) -> bool:
        """Whether that exchange is to be replayed, if it can be."""
        return exchange.kind in self.kinds and self.considers(exchange) and not (self.roots and exchange.parent_id)

    def considers(self, exchange: Exchange) -> bool:
        """Whether it is spoken of at all: questions of consoles are not, and nothing that was not seen."""
        if exchange.state is _GAP or exchange.kind is _TOLD or exchange.flags & _CONTROL:
            return False
        return self.matching.accepts(exchange)

    def of(self, exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
        """Those to be replayed."""
        return (one for one in self.with_gaps(exchanges) if one.state is not _GAP)

    def with_gaps(self, exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
        """The same, with the gaps between them."""
        return (one for one in exchanges if one.state is _GAP or (self.takes(one) and self.why_not(one) is None))

    def why_not(self, exchange: Exchange) -> str | None:
        """Why one that is taken cannot be sent again; None where it can."""
        try:
            where_to(exchange, self.to)
        except Unsendable as error:
            return str(error)
        return None


@dataclass
class Plan:
    """What a replay would send: counts, to whom, over how many seconds; and what is left out."""

    kinds: Counter[Kind] = field(default_factory=Counter)
    left_out: Counter[Kind] = field(default_factory=Counter)
    unsendable: Counter[str] = field(default_factory=Counter)
    services: Counter[str] = field(default_factory=Counter)
    """Requests and one-way messages by the channel they go to."""
    channels: Counter[str] = field(default_factory=Counter)
    """Broadcasts by their channel."""
    foreign: set[str] = field(default_factory=set)
    """Of the services those of other frameworks, which may read by patterns."""
    nested: int = 0
    """Of the requests, those made for another message that is sent, too: whoever handles that makes them anew."""
    debugged: dict[str, list[Exchange]] = field(default_factory=dict)
    """By the id of what they were made for, the calls that a debugger had a hand in."""
    first: float | None = None
    last: float = 0.0
    times: Steady = field(default_factory=Steady)
    for_others: int = 0
    """Those made for what is not sent, or was before all that is known here."""
    _ids: dict[str, None] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Messages that are sent."""
        return self.kinds.total()

    @property
    def seconds(self) -> float:
        """Time between the first and the last, in seconds."""
        return 0.0 if self.first is None else max(0.0, self.last - self.first)

    def add(self, exchange: Exchange, choice: Choice) -> None:
        """Count an exchange."""
        if exchange.flags & _DEBUGGED and exchange.parent_id is not None:
            self.debugged.setdefault(exchange.parent_id, []).append(exchange)
        if exchange.state is _GAP:
            self.times.at(exchange)
            return
        if not choice.takes(exchange):
            if exchange.kind in _NOUNS and choice.considers(exchange):
                self.left_out[exchange.kind] += 1
            return
        try:
            channel = where_to(exchange, choice.to)
        except Unsendable as error:
            self.unsendable[str(error)] += 1
            return
        kind, at = exchange.kind, self.times.at(exchange)
        self.kinds[kind] += 1
        (self.channels if kind is _BROADCAST else self.services)[channel] += 1
        if kind is not _BROADCAST and exchange.dialect != DAEBUS:
            self.foreign.add(channel)
        if exchange.parent_id is not None and kind is _REQUEST:
            if exchange.parent_id in self._ids:
                self.nested += 1
            elif len(self._ids) < _MOST_PARENTS:
                self.for_others += 1
        self._remember(exchange)
        if self.first is None or at < self.first:
            self.first = at
        if at > self.last:
            self.last = at

    def add_all(self, exchanges: Iterable[Exchange], choice: Choice) -> Plan:
        """Count them all; returns itself."""
        for exchange in exchanges:
            self.add(exchange, choice)
        return self

    def know(self, exchange: Exchange, choice: Choice) -> None:
        """Know an exchange that is counted elsewhere, for those that were made for it."""
        if exchange.state is not _GAP and choice.takes(exchange) and choice.why_not(exchange) is None:
            self._remember(exchange)

    @property
    def known(self) -> list[str]:
        """The ids of what is sent, the latest last, as far as they are remembered."""
        return list(self._ids)

    def knows(self, ids: list[str]) -> bool:
        """Whether those are the latest of them: what begins with them finds then what this would find."""
        return self.known[len(self._ids) - len(ids) :] == ids

    def _remember(self, exchange: Exchange) -> None:
        if exchange.request_id is not None:
            self._ids.pop(exchange.request_id, None)
            remember(self._ids, exchange.request_id, None, _MOST_PARENTS)

    def merge(self, later: Plan) -> None:
        """Count what was counted of exchanges that come after these.

        No clock may have stepped between them, none be `debugged`, and none made `for_others`.
        """
        self.kinds.update(later.kinds)
        self.left_out.update(later.left_out)
        self.unsendable.update(later.unsendable)
        self.services.update(later.services)
        self.channels.update(later.channels)
        self.foreign |= later.foreign
        self.nested += later.nested
        if later.first is not None:
            self.first = later.first if self.first is None else min(self.first, later.first)
            self.last = max(self.last, later.last)

    def describe(self, seconds: float | None = None) -> str:
        """The plan in a sentence; `seconds` is how long it will take, where that is not how long it took."""
        sent = [_count(self.kinds[kind], kind) for kind in INCLUDABLE.values() if self.kinds[kind]]
        where = [_plural(len(self.services), "service")] if self.services else []
        where += [_plural(len(self.channels), "channel")] if self.channels else []
        text = f"{_and(sent)} to {_and(where)}" if sent else "nothing to send"
        if sent and self.total > 1:
            text += f" over {_seconds(self.seconds if seconds is None else seconds)}"
        left = [
            # Requests are left out only where those made in handling others are not wanted.
            _plural(count, "nested request") if kind is Kind.REQUEST else _count(count, kind)
            for kind, count in self.left_out.items()
            if count and kind is not Kind.RESPONSE
        ]
        left += [f"{count} that cannot be sent ({reason})" for reason, count in self.unsendable.items()]
        return f"{text}, {_and(left)} left out" if left else text

    def as_data(self) -> dict[str, Any]:
        """The plan for a program."""
        return {
            "requests": self.kinds[Kind.REQUEST],
            "one_way": self.kinds[Kind.ONE_WAY],
            "broadcasts": self.kinds[Kind.BROADCAST],
            "nested": self.nested,
            "seconds": round(self.seconds, 3),
            "services": dict(self.services),
            "channels": dict(self.channels),
            "left_out": {kind.value: count for kind, count in self.left_out.items()},
            "unsendable": dict(self.unsendable),
        }


def missing(plan: Plan, subscribers: Mapping[str, int]) -> dict[str, int]:
    """The services of a plan that nobody serves, with how many messages were to go to each."""
    return {name: count for name, count in plan.services.items() if subscribers.get(name, 0) == 0}


def _count(count: int, kind: Kind) -> str:
    return f"{count} {_NOUNS[kind][count != 1]}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _and(parts: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]])) if parts else ""


def _seconds(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"
