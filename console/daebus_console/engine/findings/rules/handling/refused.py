"""refused: a service turned work away, for want of room or of a free worker."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.families import Family
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.instances import Instance
from daebus_console.engine.findings.keys import slip
from daebus_console.engine.findings.payloads import value
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, more_room, quoted, shown, term, to, who_holds
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.records.record import Any_, Refused
from daebus_console.text import beginning

_WHY = {
    "busy": ("its queue was full", "the queue of the service is full: more comes than its workers get done"),
    "expired": ("no worker was free in time", "the request waited for a worker longer than its caller would"),
}
_BY_ITS_LOOP = (
    "its event loop did not come to it in time",
    "the request waited for the event loop longer than its caller would",
)
"""Of an async handler, which needs no worker."""

_BY_REDIS = "redis_refused"
_LONGEST = 300
_MOST = 2_000
_UNTOLD = {
    "busy": "its queue was full",
    "expired": "no worker was free in time",
    "bad_request": "it could not read it, or its fields do not fit",
    "shutting_down": "it was stopping",
}


class Found(Rule):
    """Answers with the codes `busy` and `expired`; and what the service counts of one-way messages."""

    name = "refused"
    severity = Severity.WARNING
    title = "messages that a service refused"
    page = """\
A service answered `busy` (its queue was full), `expired` (no worker was free before the caller's time was over)
or `redis_refused` (Redis has no memory left, say); one-way messages and broadcasts that came then were dropped,
which their senders were not told. So are those whose fields are not what their handler takes (a broadcast that does
not fit one listener is heard by the others), and one-way messages that cannot be read.

It is thought so because the answers say so, and that no handler ran, and for one-way messages and broadcasts because
the service tells of each in its flight recorder, or, where it keeps none, counts them.

Where one action took most of the time that the handlers of the service took just before, it is named, and the
call that it waited for meanwhile: that is then to be made quicker, or to be waited for less long.

Look with `services NAME` how many of its workers are busy: more workers (`max_workers`), more instances
(`shared=True`), or quicker handlers. A service that calls itself may hold all its workers: see
waits-for-itself."""

    def begin(self) -> None:
        self._telling: dict[tuple[str, str], None] = {}
        """Instances that tell of each message that they drop."""
        self._counted: dict[tuple[str, str], tuple[float, int]] = {}
        """What others have counted, and when they told so."""

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Remember what handlers took their time for."""
        self.world.holders.answered(service, action, exchanges)

    def closed(self, parent: Exchange, family: Family) -> None:
        """And which calls they waited for."""
        self.world.holders.closed(parent, family)

    def lost(self) -> None:
        """Answers may have gone unseen."""
        self.world.holders.lost()

    def failed(self, exchange: Exchange) -> None:
        """Was it refused?"""
        code = exchange.aside.code or ""
        if code == _BY_REDIS:
            self._by_redis(exchange)
        why = _WHY.get(code)
        if why is None or exchange.answer is None or exchange.elapsed is not None:
            # Where a handler ran it is the answer of that, or it was cut off.
            return
        service, action = exchange.target or "", exchange.action or ""
        on_loop = code == "expired" and action in self.world.instances.coroutines(service)
        if on_loop:
            why = _BY_ITS_LOOP
        held = self.world.held(service, exchange.answer.at, action)
        text, because = (
            f"{call(service, action)} was refused with {code}: {why[0]}",
            f"the answer says {code}: {why[1]}",
        )
        advice = who_holds(service, on_loop=on_loop)
        if held is not None:
            text, because = f"{text}; {held.text}", f"{because}; {held.because}"
            if held.below:
                advice = f"{held.advice}; or {more_room(service, on_loop=on_loop)}"
        self.book.report(
            self.name,
            self.severity,
            exchange.answer.at,
            [exchange.number],
            service=service,
            action=action,
            about=code,
            text=text,
            because=because,
            advice=advice,
            where=f"{to(service, action)} code:{code}",
        )

    def _by_redis(self, exchange: Exchange) -> None:
        answer, service, action = exchange.answer, exchange.target or "", exchange.action or ""
        payload = value(answer.data) if answer is not None else None
        error = payload.get("error") if isinstance(payload, dict) else None
        self.book.report(
            self.name,
            self.severity,
            exchange.ended,
            [exchange.number],
            service=service,
            action=action,
            about=_BY_REDIS,
            text=f"Redis refused {call(service, action)}: {beginning(str(error), _LONGEST)}",
            because=f"the answer says {_BY_REDIS}: Redis took no claim for the request, or not its answer",
            advice=f"see the log of Redis, its memory, whether it is a replica, and the rights of {shown(service)}",
            where=f"{to(service, action)} code:{_BY_REDIS}",
        )

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """Whether a message that nobody answers was refused, as the service tells of each."""
        if not isinstance(record, Refused) or (exchange is not None and exchange.kind is Kind.REQUEST):
            return
        if (exchange is None and record.channel is None) or record.code == "unknown_action" or record.debugged:
            # It may be a request, whose answer tells; of actions that are missing there is a rule of their own; and
            # what a debugger keeps from its handler somebody wants so.
            return
        service, action = record.source.service, record.action or ""
        if record.code in _WHY:
            remember(self._telling, (service, record.source.instance), None, _MOST)
            self._counted.pop((service, record.source.instance), None)
        if exchange is not None and exchange.kind is Kind.RESPONSE:
            self._without_action(record, exchange)
            return
        what = (
            f"a broadcast on {quoted(record.channel)}"
            if record.channel
            else f"a one-way message for {call(service, action)}"
        )
        why = _UNTOLD.get(record.code, f"it says {shown(record.code, text=True)}")
        if record.listener:
            why = f"it does not fit the listener {shown(record.listener, text=True)}"
        numbers = [exchange.number] if exchange is not None else []
        self.book.report(
            self.name,
            self.severity,
            record.at + record.source.off,
            numbers,
            service=service,
            action=action,
            about=f"one-way {record.code} {record.channel or ''}" + (record.listener and f" {record.listener}"),
            text=f"{shown(service)} refused {what}, and nobody was told: {why}",
            because="the service tells so: its flight recorder notes what it refuses",
            advice=f"look at the workers of {shown(service)}: services {shown(service)}"
            if record.code in _WHY
            else f"logs #{numbers[0]} tells more"
            if numbers
            else f"logs {shown(service)} tells more",
            where=f"to:{term(record.channel)}" if record.channel else f"{to(service, action)} kind:one_way",
        )

    def _without_action(self, record: Refused, exchange: Exchange) -> None:
        """It has the id of a request, and names no action: whoever sent it was told so, if it said where."""
        message = value(exchange.opened.data, whole=True)
        found = slip("action", message if isinstance(message, dict) else (), exchange.number)
        self.book.report(
            self.name,
            self.severity,
            record.at + record.source.off,
            [exchange.number],
            service=record.source.service,
            about="no action",
            text=f"{shown(record.source.service)} refused a request that names no action",
            because="the service tells so: its flight recorder notes what it refuses"
            + (f"; {found.has}" if found is not None else ""),
            advice=found.advice if found is not None else f"let whoever sent #{exchange.number} name an `action`",
        )

    def told(self, service: str, instance: Instance) -> None:
        """Whether messages were dropped since it was asked before; it may have records of them, which come later."""
        key = service, instance.name
        self._tell_counted(key)
        dropped = instance.rise("dropped")
        if key not in self._telling and dropped and instance.rise("busy") + instance.rise("expired"):
            remember(self._counted, key, (instance.last, dropped), _MOST)

    def finish(self) -> None:
        """No record comes any more."""
        for key in list(self._counted):
            self._tell_counted(key)

    def _tell_counted(self, key: tuple[str, str]) -> None:
        at, dropped = self._counted.pop(key, (0.0, 0))
        if not dropped:
            return
        service = key[0]
        self.book.report(
            self.name,
            self.severity,
            at,
            service=service,
            about="one-way",
            text=f"{shown(service)} dropped messages that nobody answers, as it had no room or no free worker for them",
            because="the service counts what it refuses, and one-way messages or broadcasts among that",
            advice=f"look at the workers of {shown(service)}: services {shown(service)}",
            where=to(service),
            count=dropped,
        )
