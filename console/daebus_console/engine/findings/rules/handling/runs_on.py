"""runs-on: a handler that is still running long after its caller has given up."""

from __future__ import annotations

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, shown, to
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.records.running import Doing, Report
from daebus_console.engine.records.standing import short

_LEAST = 2.0
_MOST = 1_000


class Found(Rule):
    """What services tell of what they are doing, when they are asked since requests to them got no answer."""

    name = "runs-on"
    severity = Severity.WARNING
    title = "a handler that runs on, long after its caller gave up"
    page = """\
A request got no answer in its time, and its handler is still running, after twice that time or more: it waits for a
lock, or for something without a timeout of its own, or goes round in a loop. It holds a worker meanwhile; when all
are held so, nothing is answered any more.

It is thought so because the service itself tells what it is doing, and where: one to which requests were in vain is
asked every few seconds. Handlers that wait for a call of their own are left out: that has a timeout.

`running SERVICE --stack` shows every frame of it, when asked twice also whether it goes on. Give what it waits for a
timeout; two locks are always to be taken in the same order."""

    def begin(self) -> None:
        self._told: dict[int, tuple[str, str]] = {}
        """What runs on, as far as is known, with the service and the action."""

    def reported(self, report: Report) -> None:
        """Is somebody's request among what it does, who does not wait any more?"""
        for doing in sorted(report.doing, key=lambda one: one.age):
            exchange = self.world.find(doing.id or "")
            if exchange is None or exchange.target != report.service or doing.waits:
                # Another service may be asked under the same id.
                continue
            if self._is_in_vain(exchange, report.at):
                new = exchange.number not in self._told
                remember(self._told, exchange.number, (exchange.target or "", exchange.action or ""), _MOST)
                self._tell_of(report, doing, exchange, new=new)

    def failed(self, exchange: Exchange) -> None:
        """Its answer may come after all; where none else runs on, that is past."""
        of = self._told.pop(exchange.number, None)
        if of is not None and exchange.answer is not None and of not in self._told.values():
            took = exchange.answer.at - exchange.opened.at
            what = f"ran on for nobody: {_gave_up(exchange)}, and its answer came after {duration(took)}"
            because = f"{shown(of[0])} told that #{exchange.number} was in its handler"
            self._tell(
                exchange, exchange.answer.at, what, because, f"see what it waited for: why #{exchange.number}", 0
            )

    @staticmethod
    def _is_in_vain(exchange: Exchange, at: float) -> bool:
        if exchange.kind is not Kind.REQUEST or exchange.state is not State.TIMEOUT or exchange.answer is not None:
            return False
        if not exchange.flags & Flag.DECLARED or exchange.flags & (Flag.DEBUGGED | Flag.TIMELESS):
            return False
        return at - exchange.until >= max(_LEAST, exchange.until - exchange.opened.at)

    def _tell_of(self, report: Report, doing: Doing, exchange: Exchange, *, new: bool) -> None:
        at = f", at {shown(short(doing.at), text=True)}" if doing.at else ""
        service = shown(exchange.target or "")
        self._tell(
            exchange,
            report.at,
            f"runs on for nobody: {_gave_up(exchange)}, and it has run for {duration(doing.age)}{at}",
            f"{service} tells that #{exchange.number} is in its handler",
            f"see what it waits for there, and give that a timeout: running {service} --stack",
            int(new),
        )

    def _tell(self, exchange: Exchange, at: float, what: str, because: str, advice: str, count: int) -> None:
        service, action = exchange.target or "", exchange.action or ""
        self.book.report(
            self.name,
            self.severity,
            at,
            [exchange.number],
            service=service,
            action=action,
            text=f"the handler of {call(service, action)} {what}",
            because=because,
            advice=advice,
            where=f"{to(service, action)} status:timeout",
            count=count,
        )


def _gave_up(exchange: Exchange) -> str:
    return f"its caller gave up after {duration(exchange.until - exchange.opened.at)}"
