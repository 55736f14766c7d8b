"""waits-for-itself: a service whose workers wait for the service itself, straight or through others."""

from __future__ import annotations

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, shown, to
from daebus_console.engine.message.exchange import Exchange, Flag, Kind
from daebus_console.engine.records.cycles import Cycle
from daebus_console.engine.records.standing import cycle_text

_MOST = 1_000
_LEEWAY = 0.05
_TOGETHER = 5.0


class Found(Rule):
    """A call that got no worker, made for a request that held one of the same service all the while."""

    name = "waits-for-itself"
    severity = Severity.ERROR
    title = "a service that waits for itself while all its workers are busy"
    page = """\
A handler calls its own service, straight or through others, and waits for the answer. It holds a worker
meanwhile. Once every worker does so, none is left to answer: all wait for each other until they time out. The
handlers are quick, and yet nothing is answered.

It is thought so because the call names the request it was made for (`parent_id`), that request went to the same
service and was not answered until the call was given up, and the call got no worker: it was answered with
`expired`, or handled much later in hardly any time, or as many requests as there are workers waited so at once.
Before that it is thought so because the services themselves tell what their workers wait for, and told the same
twice: those that have all workers at work while messages wait are asked every few seconds.

Call the function instead of the action; or put what is called into a service of its own. More workers
(`max_workers`) only move the point at which it happens."""

    def begin(self) -> None:
        self._blocked: dict[int, tuple[Exchange, Exchange]] = {}
        self._told: dict[int, None] = {}
        self._standing: dict[str | None, None] = {}

    def expired(self, exchange: Exchange) -> None:
        """It got no answer: for want of a worker?"""
        holder = self._holder(exchange, exchange.until)
        if holder is None:
            return
        remember(self._blocked, holder.number, (exchange, holder), _MOST)
        service = exchange.target
        workers = self.world.instances.workers(service)
        since = exchange.opened.at - _TOGETHER
        together = [pair for pair in self._blocked.values() if pair[0].target == service and pair[0].opened.at >= since]
        if workers is not None and len(together) >= workers:
            for call_, held_by in together:
                held = (
                    "its only worker was held by a request"
                    if workers == 1
                    else f"its {workers} workers were all held by requests"
                )
                self._tell(call_, held_by, f"{held} that waited for it")

    def failed(self, exchange: Exchange) -> None:
        """It was answered too late, or told that it had waited too long."""
        answer, expired = exchange.answer, exchange.aside.code == "expired" and exchange.elapsed is None
        if answer is None or exchange.parent_id is None or not (expired or exchange.flags & Flag.LATE):
            return
        holder = self._holder(exchange, min(exchange.until, answer.at))
        took = answer.at - exchange.opened.at
        if holder is not None and (expired or (exchange.elapsed is not None and exchange.elapsed < took / 2)):
            self._tell(exchange, holder, "it waited for a worker until it was too late")

    def stood(self, at: float, seconds: float, circle: Cycle) -> None:
        """It waits just now, and nobody has given up yet."""
        # Where it is begun with differs from one time to the next; it is one circle all the same.
        queued = [step.wait for step in circle.steps if step.queued] or [circle.steps[-1].wait]
        last = min(queued, key=lambda wait: (wait.service, wait.action))
        ids = [step.doing.id for step in circle.steps] + [step.wait.id for step in circle.steps]
        found = {id: one for id in ids if id is not None and (one := self.world.find(id)) is not None}
        seen = sorted({one.number for one in found.values()})
        call_ = found.get(last.id or "")
        if last.id in self._standing or (call_ is not None and call_.number in self._told):
            return
        remember(self._standing, last.id, None, _MOST)
        if call_ is not None:
            remember(self._told, call_.number, None, _MOST)
        those = " and ".join(map(shown, circle.services))
        self.book.report(
            self.name,
            self.severity,
            at,
            seen,
            service=last.service,
            action=last.action,
            text=cycle_text(circle, lambda _id: None).removeprefix("a circle: "),
            because=f"{those} told so, and again {duration(seconds)} later: all workers wait, and none goes on",
            advice=f"running {shown(last.service)} shows where it stands; call the function instead of the action, or"
            " put what is called into a service of its own",
            where="" if seen else to(last.service),
        )

    def lost(self) -> None:
        """An answer may be among what was not seen."""
        self._blocked.clear()

    def _holder(self, exchange: Exchange, until: float) -> Exchange | None:
        """The request of the same service for which it was made, that held a worker until then."""
        if exchange.kind is not Kind.REQUEST or not exchange.flags & Flag.DECLARED:
            return None
        for one in self.world.ancestors(exchange):
            if one.target == exchange.target:
                free = one.answer is not None and one.answer.at < until - _LEEWAY
                return None if free else one
        return None

    def _tell(self, exchange: Exchange, holder: Exchange, why: str) -> None:
        if exchange.number in self._told:
            return
        remember(self._told, exchange.number, None, _MOST)
        between = self.world.ancestors(exchange)
        circle = between[: between.index(holder) + 1][::-1] if holder in between else [holder]
        way = " → ".join(call(one.target, one.action) for one in [*circle, exchange])
        waited = duration(exchange.until - exchange.opened.at)
        self.book.report(
            self.name,
            self.severity,
            exchange.until,
            [exchange.number, *(one.number for one in circle)],
            service=exchange.target or "",
            action=exchange.action or "",
            text=f"{shown(exchange.target or '?')} waits for itself: {way} got no worker within {waited}",
            because=f"#{exchange.number} was made for #{holder.number}, which held a worker of the same service until"
            f" it was given up; {why}",
            advice="call the function instead of the action, or put what is called into a service of its own",
        )
