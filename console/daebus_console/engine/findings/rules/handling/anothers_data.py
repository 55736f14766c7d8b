"""anothers-data: answers that carry what another request had asked for, which was under way at the same time."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import value
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, numbers, shown
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State

_A_SECOND, _LOOKS = 100, 20
"""Answers that are looked at in a second, and for how many fields it is looked for whose they are."""
_LATEST = 300
_LARGEST = 8 * 1024
"""Bytes of a request beyond which it is not looked into."""
_OWN, _OTHERS = 3, 5
_MOST = 500
_MOST_FIELDS = 20
_LONGEST = 80
_OF_TRACES = re.compile("trace|span|correlation|batch|parent|request_?id", re.IGNORECASE)
"""Fields that say what belongs together, and not what was asked for: what is handled together has one of all."""


class _Pair(NamedTuple):
    """An answer with the value of another request: the numbers of both, and whether it is greater than its own."""

    number: int
    other: int
    greater: bool


class _Field:
    """A field that requests and answers have: in how many answers it was their own, and in which another's."""

    __slots__ = ("others", "own", "strange")

    def __init__(self) -> None:
        self.own = self.strange = 0
        self.others: deque[_Pair] = deque(maxlen=_OTHERS)

    @property
    def is_certain(self) -> bool:
        """Whether nothing else explains it: where all are greater, the answer may be the latest of a sequence."""
        both_ways = len({one.greater for one in self.others}) > 1
        return both_ways and len(self.others) == _OTHERS and self.own >= _OWN and not self.strange


class Found(Rule):
    """Compares fields of the same name in a request and its answer."""

    name = "anothers-data"
    severity = Severity.ERROR
    title = "answers with the data of another request"
    page = """\
An action that answers with a field of its request (an id, say) has in some answers that of another request, which
was under way at the same time: its caller gets what somebody else had asked for.

It is thought so because five answers or more had just the value of another request that was under way, which hardly
any other had asked for; some had their own; and none had a value that came from nowhere. Where both requests are
about the same thing (a lock, a room), where all values are greater or all are less than their own (the latest of a
sequence), and where the field is one of tracing, nothing is said.

Handlers run beside each other in several threads, or take turns on the event loop. Look for what they share and
change: a dict or an object of the module, an attribute, a connection of which each reads the next reply. Make it
anew in the handler, or hold a lock around all of it."""

    def begin(self) -> None:
        self._asked: dict[tuple[str, str], deque[str]] = {}
        """The ids of the latest requests of each action: what they said is not kept from being forgotten."""
        self._fields: dict[tuple[str, str, str], _Field] = {}
        self._second, self._room, self._looks = 0, _A_SECOND, _LOOKS

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Remember the latest, which may be under way."""
        latest = self._asked.get((service, action))
        if latest is None:
            latest = deque(maxlen=_LATEST)
            remember(self._asked, (service, action), latest, _MOST)
        latest.extend([one.request_id for one in exchanges[-_LATEST:] if one.request_id is not None])

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Has each what it asked for?"""
        second = int(self.world.now)
        if second != self._second:
            self._second, self._room, self._looks = second, _A_SECOND, _LOOKS
        for one in exchanges[: self._room]:
            if one.state is State.OK and one.answer is not None and not one.flags & (Flag.TIMELESS | Flag.LATE):
                self._room -= 1
                asked = _fields_of(one)
                answer = value(one.answer.data) if asked else None
                if isinstance(answer, dict):
                    for name in asked:
                        self._compare(service, action, name, asked, answer, one)

    def lost(self) -> None:
        """What was under way may not have been seen."""
        self._asked.clear()
        self._fields.clear()

    def _compare(
        self,
        service: str,
        action: str,
        name: str,
        asked: Mapping[str, Any],
        answer: Mapping[str, Any],
        one: Exchange,
    ) -> None:
        own: Any = asked[name]
        told: Any = answer.get(name)
        if not _says_something(told) or type(told) is not type(own):
            return
        field = self._fields.get((service, action, name))
        if field is None:
            field = _Field()
            remember(self._fields, (service, action, name), field, _MOST)
        if told == own:
            field.own += 1
            return
        if field.strange or not self._looks:
            # To look for whose it is takes its time, and nothing can come of it.
            return
        self._looks -= 1
        latest = list(self._latest(service, action, one))
        other = _whose(latest, name, told, one)
        if other is None:
            field.strange += 1
        elif not _are_about_the_same(asked, answer, *other, latest):
            field.others.append(_Pair(one.number, other[0].number, told > own))
            if field.is_certain:
                self._tell(service, action, name, field, one)

    def _latest(self, service: str, action: str, one: Exchange) -> Iterator[tuple[Exchange, Mapping[str, Any]]]:
        """The latest requests for that action which are still known, but for that one, and what they asked for."""
        for key in self._asked.get((service, action), ()):
            other = self.world.find(key)
            if other is not None and other is not one and other.kind is Kind.REQUEST:
                yield other, _fields_of(other)

    def _tell(self, service: str, action: str, name: str, field: _Field, one: Exchange) -> None:
        number, other, _ = field.others[-1]
        pairs = dict.fromkeys(each for pair in field.others for each in pair[:2])
        self.book.report(
            self.name,
            self.severity,
            one.ended,
            [number],
            service=service,
            action=action,
            about=name[:_LONGEST],
            text=f"{call(service, action)} answers with the data of others: #{number} was told the"
            f" {shown(name[:_LONGEST], text=True)} that #{other} had asked for at the same time",
            because=f"{_OTHERS} answers or more had that of another request that was under way, {field.own} their own,"
            " and none any other",
            advice="look for what its handlers share and change, such as a dict of the module, and make it anew in the"
            " handler",
            where=numbers(list(pairs)),
        )


def _whose(
    latest: Sequence[tuple[Exchange, Mapping[str, Any]]], name: str, told: Any, one: Exchange
) -> tuple[Exchange, Mapping[str, Any]] | None:
    """The only other request with that value, where it was under way when that one was."""
    begun, ended = one.opened.at, one.ended
    asked = [(other, fields) for other, fields in latest if fields.get(name) == told]
    if len(asked) != 1:
        return None
    other = asked[0][0]
    over = other.answer is not None and other.answer.at < begun
    return None if over or other.opened.at > ended else asked[0]


def _are_about_the_same(
    asked: Mapping[str, Any],
    answer: Mapping[str, Any],
    other: Exchange,
    others: Mapping[str, Any],
    latest: Sequence[tuple[Exchange, Mapping[str, Any]]],
) -> bool:
    """Whether both requests name the same thing: one that the answer names as well, or that hardly any other does."""
    for name, own in asked.items():
        if others.get(name) == own and (
            answer.get(name) == own
            or sum(fields.get(name) == own for one, fields in latest if one is not other) < len(latest) / 2
        ):
            return True
    return False


def _fields_of(exchange: Exchange) -> dict[str, Any]:
    """The fields of a request whose values say which of many it is about."""
    data = exchange.asking.data
    payload = value(data) if len(data) <= _LARGEST else None
    if not isinstance(payload, dict):
        return {}
    some = islice(payload.items(), _MOST_FIELDS)
    return {name: own for name, own in some if _says_something(own) and not _OF_TRACES.search(name)}


def _says_something(found: Any) -> bool:
    if isinstance(found, str):
        return 3 <= len(found) <= _LONGEST
    return isinstance(found, int) and not isinstance(found, bool) and abs(found) >= 10
