"""listener-raised: a listener, or the handler of a one-way message, failed, and nobody was told."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.places import in_place, place_in
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import quoted, shown, term, to
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.records.record import Any_, Handled, Heard
from daebus_console.text import beginning

_LONGEST = 200


class Found(Rule):
    """What services tell of listeners, and of handlers of messages that nobody answers."""

    name = "listener-raised"
    severity = Severity.ERROR
    title = "a listener, or the handler of a one-way message, that raises"
    page = """\
A listener raised an exception for a broadcast, or a handler for a one-way message. Nothing answers these, so
that whoever sent it does not know, and the work was not done.

It is thought so because the service itself tells it: its flight recorder notes how each listener and handler
ended.

`logs #N` shows the traceback, `trace #N` what it was part of. Mend it where the traceback ends; a message that
must not be lost is better a request, whose sender is told."""

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """Did it fail, and nobody was told?"""
        if not record.failed:
            return
        service = record.source.service
        if isinstance(record, Heard):
            who, for_what = (
                f"the listener {shown(record.listener, text=True)} of {shown(service)}",
                quoted(record.channel),
            )
            where, about, action = f"to:{term(record.channel)}", f"{record.channel} {record.listener} {record.type}", ""
        elif isinstance(record, Handled) and exchange is not None and exchange.kind is Kind.ONE_WAY:
            who, for_what = f"the handler of {shown(service)} {shown(record.action, text=True)}", "a one-way message"
            where, about, action = f"{to(service, record.action)} kind:one_way", record.type or "", record.action
        else:
            return
        error = ": ".join(part for part in (record.type, record.error) if part) or record.outcome
        number = [exchange.number] if exchange is not None else []
        self.book.report(
            self.name,
            self.severity,
            record.at + record.source.off,
            number,
            service=service,
            action=action,
            about=about,
            text=f"{who} raised for {for_what}: {beginning(error, _LONGEST)}" + in_place(place_in(record.traceback)),
            because="the service tells so: its flight recorder has the traceback",
            advice=f"logs #{number[0]} shows where" if number else f"logs {shown(service)} level:error shows where",
            where=where,
        )
