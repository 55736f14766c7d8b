"""late-answer: the asker had given up, and the work was done all the same."""

from __future__ import annotations

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.families import Family, longest_call
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, more_room, shown, to, who_holds
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.records.record import Any_, Handled

_BOTH = Flag.LATE | Flag.DECLARED
_MOST = 1_000


class Found(Rule):
    """An answer that came after the time that the asker itself had named."""

    name = "late-answer"
    severity = Severity.WARNING
    title = "timed out, although the work was done"
    page = """\
The asker waited as long as it had said, gave up, and the answer came after that: the work was done, and nobody
has its result. What changes something may so be done although its caller thinks that it failed.

It is thought so because the request names its timeout and its answer came later by the clock of this console.
Where one call of its handler took more than half of that time, that call is named; where the handler took less than
half of it, how long that was: the rest it waited. Where the service tells how long it waited before its handler
began, that is told, with what its workers were busy with; else its process stood still, or its connection.

Let the caller wait longer, make the handler faster, or answer at once and do the work after that. An action
that is called again after a timeout should bear to be done twice."""

    def begin(self) -> None:
        self._calls: dict[int, Family] = {}
        self._longest: dict[tuple[str, str], float] = {}
        """How long a late answer of each action took at the most."""
        self._outside: dict[int, None] = {}
        """Those that spent little of their time in their handler."""
        self._where: dict[tuple[str, str], tuple[Exchange, str, str]] = {}
        """What was told last of where the time of one of those went: the words stay until the next is told of."""

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """Whether it was handled well for a caller to whom no answer came at all, or where its time went."""
        if not isinstance(record, Handled) or record.failed or exchange is None:
            return
        if exchange.answer is not None:
            if exchange.number in self._outside and record.queued is not None:
                del self._outside[exchange.number]
                self._tell_where(exchange, record.queued)
            return
        if exchange.state is not State.TIMEOUT or exchange.kind is not Kind.REQUEST:
            return
        service, action = exchange.target or "", exchange.action or ""
        self.book.report(
            self.name,
            Severity.WARNING,
            exchange.until,
            [exchange.number],
            service=service,
            action=action,
            about="lost",
            text=f"{call(service, action)} did its work, and its caller got no answer",
            because="its service tells that the handler ended well, and no answer was seen on the reply channel",
            advice="look at the connection of the service, and whether it may publish on the reply channel",
        )

    def closed(self, parent: Exchange, family: Family) -> None:
        """Its time is over: what it calls is looked at once its answer has come, which may be never."""
        if parent.state is not State.TIMEOUT:
            return
        remember(self._calls, parent.number, family, _MOST)

    def lost(self) -> None:
        """Calls may be among what was not seen."""
        self._calls.clear()
        self._outside.clear()
        self._where.clear()

    def failed(self, exchange: Exchange) -> None:
        """Only those that are late and were handled."""
        answer, flags, family = exchange.answer, exchange.flags, self._calls.pop(exchange.number, None)
        if flags & _BOTH != _BOTH or flags & Flag.TIMELESS or answer is None or answer.error:
            return
        service, action = exchange.target or "", exchange.action or ""
        took = answer.at - exchange.opened.at
        slow = longest_call(family.calls if family is not None else (), exchange)
        longest = max(took, self._longest.get((service, action), 0.0))
        remember(self._longest, (service, action), longest, _MOST)
        longer = self._longer(exchange)
        within, advice = "", f"{longer}, or find out what takes so long"
        if slow:
            within = f", {duration(slow[1])} of it with its call to {call(slow[0].target, slow[0].action)}"
            advice += f": trace #{exchange.number}"
        elif exchange.elapsed is not None and 0 <= exchange.elapsed <= took / 2:
            within = f", only {duration(exchange.elapsed)} of it in the handler"
            advice = f"find out what it waited for, a free worker perhaps: services {shown(service)}; or {longer}"
            if action in self.world.instances.coroutines(service):
                advice = f"{who_holds(service, on_loop=True)}; or {longer}"
            remember(self._outside, exchange.number, None, _MOST)
            told = self._where.get((service, action))
            if told is not None:
                self._tell(*told, of=exchange)
                return
        self._tell(exchange, within, advice, of=exchange)

    def _tell_where(self, exchange: Exchange, queued: float) -> None:
        """Its service tells how long it waited before its handler began."""
        service, longer = exchange.target or "", self._longer(exchange)
        at = exchange.ended
        took, inside = at - exchange.opened.at, exchange.elapsed or 0.0
        if queued >= took / 2:
            within = f", {duration(queued)} of it before its handler began"
            on_loop = (exchange.action or "") in self.world.instances.coroutines(service)
            advice = f"{who_holds(service, on_loop=on_loop)}; or {longer}"
            held = self.world.held(service, at, exchange.action)
            if held is not None:
                within += f"; {held.text}"
                if held.below:
                    advice = f"{held.advice}; or {more_room(service, on_loop=on_loop)}"
            self._tell_found(exchange, within, advice)
        elif queued + inside < took / 2:
            within = f", only {duration(queued + inside)} of it in the handler and before it began"
            advice = f"its process, or its connection, stood still: look at the log of {shown(service)}; or {longer}"
            self._tell_found(exchange, within, advice)

    def _tell_found(self, exchange: Exchange, within: str, advice: str) -> None:
        remember(self._where, (exchange.target or "", exchange.action or ""), (exchange, within, advice), _MOST)
        self._tell(exchange, within, advice)

    def _longer(self, exchange: Exchange) -> str:
        waited = exchange.until - exchange.opened.at
        longest = self._longest.get((exchange.target or "", exchange.action or ""), 0.0)
        return "wait longer" if duration(longest) == duration(waited) else f"wait longer than {duration(longest)}"

    def _tell(self, exchange: Exchange, within: str, advice: str, of: Exchange | None = None) -> None:
        """Tell it in the words for that exchange; `of` is the one that is told of for the first time."""
        service, action = exchange.target or "", exchange.action or ""
        waited, took = exchange.until - exchange.opened.at, exchange.ended - exchange.opened.at
        self.book.report(
            self.name,
            self.severity,
            (of or exchange).ended,
            [(of or exchange).number],
            service=service,
            action=action,
            text=f"{call(service, action)} did its work for nobody: the caller gave up after {duration(waited)},"
            f" the answer came {_after(waited, took)}{within}",
            because="the request names how long its caller waits, and its answer came later",
            advice=advice,
            where=f"{to(service, action)} is:late",
            count=int(of is not None),
        )


def _after(waited: float, took: float) -> str:
    """When the answer came: where both times read the same, how long after the other."""
    return f"{duration(took - waited)} later" if duration(took) == duration(waited) else f"after {duration(took)}"
