"""anothers-data: answers that carry what another request had asked for, which was under way at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import value
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, numbers, shown
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State

_A_SECOND = 100
"""Answers that are looked at in a second."""
_LATEST = 300
_OWN, _OTHERS = 3, 5
_MOST = 500
_MOST_FIELDS = 20
_LONGEST = 80


class _Field:
    """A field that requests and answers have: in how many answers it was their own, and in which another's."""

    __slots__ = ("others", "own", "strange")

    def __init__(self) -> None:
        self.own = self.strange = 0
        self.others: deque[tuple[int, int]] = deque(maxlen=_OTHERS)


class Found(Rule):
    """Compares fields of the same name in a request and its answer."""

    name = "anothers-data"
    severity = Severity.ERROR
    title = "answers with the data of another request"
    page = """\
An action that answers with a field of its request (an id, say) has in some answers that of another request, which
was under way at the same time: its caller gets what somebody else had asked for.

It is thought so because five answers or more had just the value of another request that was under way, which hardly
any other had asked for; some had their own; and none had a value that came from nowhere.

Handlers run beside each other in several threads, or take turns on the event loop. Look for what they share and
change: a dict or an object of the module, an attribute, a connection of which each reads the next reply. Make it
anew in the handler, or hold a lock around all of it."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as Rule has them
        self._asked: dict[tuple[str, str], deque[Exchange]] = {}
        self._fields: dict[tuple[str, str, str], _Field] = {}
        self._second, self._room = 0, _A_SECOND

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Remember the latest, which may be under way."""
        latest = self._asked.get((service, action))
        if latest is None:
            latest = deque(maxlen=_LATEST)
            remember(self._asked, (service, action), latest, _MOST)
        latest.extend(exchanges[-_LATEST:])

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Has each what it asked for?"""
        second = int(self.world.now)
        if second != self._second:
            self._second, self._room = second, _A_SECOND
        for one in exchanges[: self._room]:
            if one.state is State.OK and one.answer is not None and not one.flags & (Flag.TIMELESS | Flag.LATE):
                self._room -= 1
                for name, own in _fields(value(one.asking.data)):
                    self._compare(service, action, name, own, one)

    def lost(self) -> None:
        """What was under way may not have been seen."""
        self._asked.clear()
        self._fields.clear()

    def _compare(self, service: str, action: str, name: str, own: Any, one: Exchange) -> None:
        answer = value(one.answer.data) if one.answer is not None else None
        told = answer.get(name) if isinstance(answer, dict) else None
        if not _says_something(told) or type(told) is not type(own):
            return
        field = self._fields.get((service, action, name))
        if field is None:
            field = _Field()
            remember(self._fields, (service, action, name), field, _MOST)
        if told == own:
            field.own += 1
            return
        if field.strange:
            # To look for whose it is takes its time, and nothing can come of it.
            return
        other = self._whose(service, action, name, told, one)
        if other is None:
            field.strange += 1
            return
        field.others.append((one.number, other.number))
        if len(field.others) == _OTHERS and field.own >= _OWN and not field.strange:
            self._tell(service, action, name, field, one)

    def _whose(self, service: str, action: str, name: str, told: Any, one: Exchange) -> Exchange | None:
        """The only other request with that value, where it was under way when that one was."""
        begun, ended = one.opened.at, one.answer.at if one.answer is not None else one.until
        asked = [
            other
            for other in self._asked.get((service, action), ())
            if other.kind is Kind.REQUEST and other is not one and _has(value(other.asking.data), name, told)
        ]
        if len(asked) != 1:
            return None
        (other,) = asked
        over = other.answer is not None and other.answer.at < begun
        return None if over or other.opened.at > ended else other

    def _tell(self, service: str, action: str, name: str, field: _Field, one: Exchange) -> None:
        number, other = field.others[-1]
        pairs = [each for pair in field.others for each in pair]
        self.book.report(
            self.name,
            self.severity,
            one.answer.at if one.answer is not None else one.until,
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
            where=numbers(pairs),
        )


def _fields(payload: Any) -> Iterator[tuple[str, Any]]:
    """The fields of a payload whose values say which of many it is about."""
    if isinstance(payload, dict):
        for name, own in list(payload.items())[:_MOST_FIELDS]:
            if _says_something(own):
                yield name, own


def _says_something(found: Any) -> bool:
    if isinstance(found, str):
        return 3 <= len(found) <= _LONGEST
    return isinstance(found, int) and not isinstance(found, bool) and abs(found) >= 10


def _has(payload: Any, name: str, told: Any) -> bool:
    return isinstance(payload, dict) and payload.get(name) == told
