"""in-sequence: many calls one after the other, none of which needs what the one before was told."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.families import Family
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import raw, value
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration
from daebus_console.engine.message.exchange import Exchange, Kind, State

LEAST = 5
_SHORTEST = 0.02
_MOST_VALUES = 200
_DEEPEST = 6
_OFTEN, _MANY = 3, 20
"""So often, or so many at once, are no chance: calls that are made at the same time may come one by one, too."""
_MOST = 1_000
_PAGE = re.compile(r"page|offset|skip|cursor|token|position|^(?:start|after|from)$", re.IGNORECASE)

_Calls = tuple[str | None, str | None, str | None, str | None]
"""A handler, by its service and action, and the service and action that it asks."""


class Found(Rule):
    """Calls of one handler to one action, with different payloads."""

    name = "in-sequence"
    severity = Severity.INFO
    title = "calls one after the other that do not depend on each other"
    page = """\
While it handled one request, a service made five or more calls to the same action, each after the one before
was answered, and no call carries anything that an earlier answer told: they take as long as all of them
together.

It is thought so because the calls name the request they were made for (`parent_id`), all went well, and nothing
that an answer told came up in a later payload; and that so it was three times, or with twenty calls, and never
otherwise. Only calls to one and the same action are looked at: of different ones nobody can tell whether one is made
only because the other went well. Nor are those that go from page to page: an answer may say that there is no more.

Let the action take a list and ask once, or make the calls at the same time: `asyncio.gather`, or threads on one
caller."""

    least_calls = LEAST

    def begin(self) -> None:
        self._often: dict[_Calls, int] = {}
        """How often each handler made such calls to each action, which were not told of yet."""
        self._otherwise: dict[_Calls, None] = {}
        """Handlers that make those calls at the same time, or by what they are told."""

    def closed(self, parent: Exchange, family: Family) -> None:
        """Group its calls by what they ask."""
        by_action: dict[tuple[str | None, str | None], list[Exchange]] = defaultdict(list)
        for one in family.calls:
            if one.kind is Kind.REQUEST:
                by_action[one.target, one.action].append(one)
        for calls in by_action.values():
            # Equal calls are another fault, which has a rule of its own.
            first: dict[bytes | None, Exchange] = {}
            for one in calls:
                first.setdefault(raw(one.asking.data), one)
            different = list(first.values())
            if len(different) >= LEAST and all(one.state is State.OK and one.answer for one in different):
                self._judge(parent, different)

    def _judge(self, parent: Exchange, calls: list[Exchange]) -> None:
        key = parent.target, parent.action, calls[0].target, calls[0].action
        if key in self._otherwise:
            return
        if not _are_independent(calls):
            remember(self._otherwise, key, None, _MOST)
            return
        first, end = calls[0], calls[-1].answer
        if end is None or end.at - first.opened.at < _SHORTEST:
            return
        often = self._often.pop(key, 0) + 1
        if often < _OFTEN and len(calls) < _MANY:
            remember(self._often, key, often, _MOST)
            return
        remember(self._often, key, _OFTEN, _MOST)
        self._tell(parent, calls, often if often <= _OFTEN else 1)

    def _tell(self, parent: Exchange, calls: list[Exchange], count: int) -> None:
        above, below = call(parent.target, parent.action), call(calls[0].target, calls[0].action)
        end = calls[-1].answer
        took = end.at - calls[0].opened.at if end is not None else 0.0
        self.book.report(
            self.name,
            self.severity,
            calls[-1].opened.at,
            [parent.number, *(one.number for one in calls[:5])],
            service=parent.target or "",
            action=parent.action or "",
            about=f"{calls[0].target} {calls[0].action}",
            text=f"{above} makes {len(calls)} calls to {below} one after the other, which takes {duration(took)}",
            because="each began after the one before was answered, and carries nothing that an earlier answer told",
            advice="ask once with a list, or make the calls at the same time",
            count=count,
        )


def _are_independent(calls: list[Exchange]) -> bool:
    """Whether each began when the one before had its answer, and asks for nothing that was told before."""
    payloads = [value(one.asking.data) for one in calls]
    if _turns_pages(payloads):
        return False
    told: set[Any] = set()
    known: set[Any] = set()
    until = 0.0
    for one, payload in zip(calls, payloads, strict=True):
        asked = set(_leaves(payload)) - known
        if one.answer is None or one.opened.at < until or asked & told:
            return False
        known |= asked
        until = one.answer.at
        told |= set(_leaves(value(one.answer.data))) - known
    return True


def _turns_pages(payloads: list[Any]) -> bool:
    """Whether a field differs that says where to go on."""
    objects = [one for one in payloads if isinstance(one, dict)]
    names = {name for one in objects for name in one if _PAGE.search(name)}
    return any(one.get(name) != objects[0].get(name) for name in names for one in objects)


def _leaves(found: Any, deep: int = 0) -> Iterator[Any]:
    """The texts and numbers in a payload."""
    if isinstance(found, dict | list):
        if deep < _DEEPEST:
            items = list(found.values() if isinstance(found, dict) else found)[:_MOST_VALUES]
            for item in items:
                yield from _leaves(item, deep + 1)
    elif isinstance(found, str | int | float) and not isinstance(found, bool):
        yield found
