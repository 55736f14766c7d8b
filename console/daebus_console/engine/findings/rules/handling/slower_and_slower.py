"""slower-and-slower: a handler that takes longer with each call."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.bounded import Lately
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.growing import RUN, Growing
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, to
from daebus_console.engine.message.exchange import DAEBUS, Exchange, State

_FROM = 0.02
"""Seconds in the handler from which on it matters."""
_MOST = 1_000


class Found(Rule):
    """Follows how long the handlers of each instance take."""

    name = "slower-and-slower"
    severity = Severity.WARNING
    title = "a handler that takes longer and longer"
    page = """\
The handler of an action takes longer with each call, and ends as a slow one: a list that is searched from its
beginning and only grows, a table without an index, a cache from which nothing goes. Or more is asked of it each time.

It is thought so because answers tell how long their handler took: five times in a row twenty or more took longer,
to the last one, than all of those before, and twice as long by now. Those that called others meanwhile are not looked
at.

Look for what it adds to, and what it goes through, each time. A restart helps for a while, where it is in the memory
of the process: that it does tells that it is there."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as Rule has them
        self._times: Lately[tuple[str, str, str], Growing] = Lately(_MOST, Growing)

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Compare what went well, by instance."""
        by_instance: dict[str, list[Exchange]] = {}
        for one in exchanges:
            is_told = one.state is State.OK and one.elapsed is not None and one.dialect == DAEBUS
            if is_told and one.request_id not in self.world.families:
                by_instance.setdefault(one.instance or "", []).append(one)
        for instance, some in by_instance.items():
            times = self._times.use((service, action, instance), self.world.now)
            grown = times.grow([one.elapsed or 0.0 for one in some]) if times is not None else None
            if grown is None or grown.least < _FROM:
                continue
            last = some[grown.at]
            self.book.report(
                self.name,
                self.severity,
                last.ended,
                [last.number],
                service=service,
                action=action,
                text=f"the handler of {call(service, action)} takes longer and longer: {duration(grown.began)} at"
                f" first, and {duration(grown.now)} now",
                because=f"{grown.runs} times in a row each of {RUN} or more took longer than all of those before",
                advice="look for what it adds to, or goes through, each time: a list, a table without an index; or"
                " whether more is asked of it",
                where=to(service, action),
            )

    def lost(self) -> None:
        """What was not seen may have been as quick as before."""
        self._times.clear()
