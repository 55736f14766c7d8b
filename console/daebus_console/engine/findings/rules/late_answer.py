"""late-answer: the asker had given up, and the work was done all the same."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, numbers, to
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.records.record import Any_, Handled

_BOTH = Flag.LATE | Flag.DECLARED


class Found(Rule):
    """An answer that came after the time that the asker itself had named."""

    name = "late-answer"
    severity = Severity.INFO
    title = "timed out, although the work was done"
    page = """\
The asker waited as long as it had said, gave up, and the answer came after that: the work was done, and nobody
has its result. What changes something may so be done although its caller thinks that it failed.

It is thought so because the request names its timeout and its answer came later by the clock of this console.

Let the caller wait longer, make the handler faster, or answer at once and do the work after that. An action
that is called again after a timeout should bear to be done twice."""

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """Whether it was handled well for a caller to whom no answer came at all."""
        if not isinstance(record, Handled) or record.failed or exchange is None or exchange.answer is not None:
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
            where=numbers([exchange.number]),
        )

    def failed(self, exchange: Exchange) -> None:
        """Only those that are late and were handled."""
        answer, flags = exchange.answer, exchange.flags
        if flags & _BOTH != _BOTH or flags & Flag.TIMELESS or answer is None or answer.error:
            return
        service, action = exchange.target or "", exchange.action or ""
        waited, took = exchange.until - exchange.opened.at, answer.at - exchange.opened.at
        self.book.report(
            self.name,
            self.severity,
            answer.at,
            [exchange.number],
            service=service,
            action=action,
            text=f"{call(service, action)} did its work for nobody: the caller gave up after {duration(waited)},"
            f" the answer came after {duration(took)}",
            because="the request names how long its caller waits, and its answer came later",
            advice=f"wait longer than {duration(took)}, or find out what takes so long",
            where=f"{to(service, action)} is:late",
        )
