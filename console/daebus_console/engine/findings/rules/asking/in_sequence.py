"""in-sequence: many calls one after the other, none of which needs what the one before was told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from daebus_console.engine.findings.families import Family
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import raw, value
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, numbers
from daebus_console.engine.message.exchange import Exchange, Kind, State

LEAST = 5
_SHORTEST = 0.02
_MOST_VALUES = 200
_DEEPEST = 6


class Found(Rule):
    """Calls of one handler to one action, with different payloads."""

    name = "in-sequence"
    severity = Severity.INFO
    title = "calls one after the other that do not depend on each other"
    page = """\
While it handled one request, a service made five or more calls to the same action, each after the one before
was answered, and no call carries anything that an earlier answer told: they take as long as all of them
together.

It is thought so because the calls name the request they were made for (`parent_id`), all went well, and no
value of an answer stands in a later payload. Only calls to one and the same action are looked at: of different
ones nobody can tell whether one is made only because the other went well.

Let the action take a list and ask once, or make the calls at the same time: `asyncio.gather`, or threads on one
caller."""

    least_calls = LEAST

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
            if len(different) >= LEAST and self._independent(different):
                self._tell(parent, different)

    def _independent(self, calls: list[Exchange]) -> bool:
        if any(one.state is not State.OK or one.answer is None for one in calls):
            return False
        told: set[Any] = set()
        until = 0.0
        for one in calls:
            assert one.answer is not None
            asked = set(_leaves(value(one.asking.data)))
            if one.opened.at < until or asked & told:
                return False
            until = one.answer.at
            told |= set(_leaves(value(one.answer.data))) - asked
        return until - calls[0].opened.at >= _SHORTEST

    def _tell(self, parent: Exchange, calls: list[Exchange]) -> None:
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
            where=numbers([parent.number, *(one.number for one in calls[:10])]),
        )


def _leaves(found: Any, deep: int = 0) -> Iterator[Any]:
    """The values in a payload that say something: texts and numbers that hardly occur twice by chance."""
    if isinstance(found, dict | list):
        if deep < _DEEPEST:
            items = list(found.values() if isinstance(found, dict) else found)[:_MOST_VALUES]
            for item in items:
                yield from _leaves(item, deep + 1)
    elif isinstance(found, str):
        if len(found) >= 2:
            yield found
    elif isinstance(found, int | float) and not isinstance(found, bool) and abs(found) >= 10:
        yield found
