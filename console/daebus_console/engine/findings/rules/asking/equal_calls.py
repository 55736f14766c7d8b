"""equal-calls: one handler asks the same again and again, and is told the same."""

from __future__ import annotations

from collections import defaultdict

from daebus_console.engine.findings.families import Family
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import raw
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration
from daebus_console.engine.message.exchange import Exchange, Kind, State

LEAST = 3
_QUICKLY = 0.2


class Found(Rule):
    """Compares the calls of a handler once it is over."""

    name = "equal-calls"
    severity = Severity.WARNING
    title = "equal calls for one request"
    page = """\
While it handled one request, a service made the same call three times or more, with the same payload, and was
told the same each time: all but the first were for nothing.

It is thought so because the calls name the request they were made for (`parent_id`), their payloads are the
same byte by byte, and so are those of their answers. Calls with a pause between them, as whoever waits for
something makes them, are not counted.

Ask once and keep the answer for the rest of the handler; where it is a loop, ask before it."""

    least_calls = LEAST

    def closed(self, parent: Exchange, family: Family) -> None:
        """Group its calls by what they ask."""
        by_action: dict[tuple[str | None, str | None], list[Exchange]] = defaultdict(list)
        for one in family.calls:
            if one.kind is Kind.REQUEST and one.state is State.OK and one.answer is not None:
                by_action[one.target, one.action].append(one)
        for calls in by_action.values():
            if len(calls) >= LEAST:
                self._compare(parent, calls)

    def _compare(self, parent: Exchange, calls: list[Exchange]) -> None:
        equal: dict[tuple[bytes | None, bytes | None], list[Exchange]] = defaultdict(list)
        for one in calls:
            assert one.answer is not None
            asked, told = raw(one.asking.data), raw(one.answer.data)
            if asked is None or told is None:
                continue
            group = equal[asked, told]
            before = group[-1].answer if group else None
            if before is None or one.opened.at - before.at <= _QUICKLY:
                group.append(one)
        for group in equal.values():
            if len(group) >= LEAST:
                self._tell(parent, group)

    def _tell(self, parent: Exchange, group: list[Exchange]) -> None:
        above, below = call(parent.target, parent.action), call(group[0].target, group[0].action)
        took = sum(one.answer.at - one.opened.at for one in group[1:] if one.answer is not None)
        self.book.report(
            self.name,
            self.severity,
            group[-1].opened.at,
            [parent.number, *(one.number for one in group[:5])],
            service=parent.target or "",
            action=parent.action or "",
            about=f"{group[0].target} {group[0].action}",
            text=f"{above} asks {below} {len(group)} times for the same while it handles one request",
            because=f"calls made for one request, such as #{parent.number}, have the same payload, and so have their"
            " answers",
            advice=f"ask once and keep the answer: that saves {duration(took)} of each {above}",
        )
