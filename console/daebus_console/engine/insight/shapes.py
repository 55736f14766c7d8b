"""What the messages of each action and channel look like, learned from exchanges. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from daebus_console.engine import payloads
from daebus_console.engine.insight.departing import Departure, Judge
from daebus_console.engine.insight.shape import Shape
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message

MOST_PLACES = 2_000
PARTS = ("request", "answer", "partial answer", "error", "one-way message", "broadcast")
_OPENED = {Kind.REQUEST: "request", Kind.ONE_WAY: "one-way message", Kind.BROADCAST: "broadcast"}

Redact = Callable[[bytes], bytes]
Unread = wire.Unreadable


class Place(NamedTuple):
    """Of what a shape is: a service or channel, an action if there is one, and which of its messages."""

    target: str
    action: str | None
    part: str


class Shapes:
    """The shape of the messages at each place, learned from the exchanges that are added.

    `wanted` tells, if given, whether messages with that target and action are looked into at all. `redact` is what
    may be shown of a message's bytes. `left_out` counts messages for whose place there was no room.
    """

    def __init__(self, wanted: Callable[[str, str | None], bool] | None = None, redact: Redact | None = None) -> None:
        self._wanted, self._redact = wanted, redact
        self.found: dict[Place, Shape] = {}
        self.unreadable: dict[Place, int] = {}
        self.left_out = 0
        self._judges: dict[Place, tuple[Judge | None, int]] = {}

    def add(self, exchange: Exchange) -> None:
        """Learn from the messages of an exchange."""
        for place, message in self.messages(exchange):
            self._see(place, message)

    def add_all(self, exchanges: Iterable[Exchange]) -> Shapes:
        """Learn from many; returns itself."""
        for exchange in exchanges:
            self.add(exchange)
        return self

    def looks_into(self, exchange: Exchange) -> bool:
        """Whether anything is learned from it: not from what was only told, say, whose messages nobody saw."""
        if exchange.kind not in _OPENED or exchange.flags & Flag.CONTROL:
            return False
        return self._wanted is None or self._wanted(exchange.target or "", exchange.action)

    def messages(self, exchange: Exchange) -> Iterator[tuple[Place, Message]]:
        """The messages of an exchange that are looked into, each with its place."""
        if not self.looks_into(exchange):
            return
        target, action = exchange.target or "", exchange.action
        yield Place(target, action, _OPENED[exchange.kind]), exchange.asking
        for part in exchange.parts:
            yield Place(target, action, "partial answer"), part
        if exchange.answer is not None:
            yield Place(target, action, "error" if exchange.answer.error else "answer"), exchange.answer

    def departing(self, exchange: Exchange) -> list[tuple[Place, Departure]]:
        """Where the messages of an exchange depart from what was learned of their like."""
        found: list[tuple[Place, Departure]] = []
        for place, message in self.messages(exchange):
            judge = self._judge(place)
            if judge is None:
                continue
            try:
                payload = payloads.plain_payload_of(message.data, whole=message.whole)
            except Unread:
                continue
            found += [(place, one) for one in judge.departures(payload)]
        return found

    def _judge(self, place: Place) -> Judge | None:
        shape, (judge, count) = self.found.get(place), self._judges.get(place, (None, 0))
        if shape is not None and (judge is None or count != shape.count):
            judge = Judge(shape)
            self._judges[place] = judge, shape.count
        return judge

    def _see(self, place: Place, message: Message) -> None:
        shape = self.found.get(place)
        if shape is None:
            if len(self.found) >= MOST_PLACES:
                self.left_out += 1
                return
            shape = self.found[place] = Shape()
        data = message.data
        try:
            payload = payloads.plain_payload_of(data, whole=message.whole)
            shape.see(payload, self._shown(message, payload))
        except Unread:
            self.unreadable[place] = self.unreadable.get(place, 0) + 1

    def _shown(self, message: Message, payload: Any) -> Any:
        data = message.data
        if self._redact is None:
            return payload
        if payloads.is_packed(data):
            return payloads.plain_payload_of(data, self._redact, whole=message.whole)
        masked = self._redact(data)
        return payload if masked is data else wire.plain_payload_of(masked, whole=message.whole)
