"""id-reused: two requests with one id."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, quoted, shown, to
from daebus_console.engine.message.exchange import Exchange


class Found(Rule):
    """The correlator has noticed it."""

    name = "id-reused"
    severity = Severity.WARNING
    title = "an id used twice"
    page = """\
A request has the id of an earlier one that is answered on the same channel: which of the two an answer belongs
to nobody can tell, neither the caller nor this console.

It is thought so because both were seen, with the same `request_id` and the same `reply_to`. One that is passed
on to another channel with the same action and payload, while it waits for its answer, is taken for the same request.

Make an id for each request (`uuid.uuid4().hex`), also when one is sent again. Callers of this framework do so."""

    def reused(self, exchange: Exchange) -> None:
        """It has the id of another."""
        service, action = exchange.target or "", exchange.action or ""
        who = f"who asks on {quoted(exchange.reply_to)}" if exchange.reply_to else "who asks"
        whose = f"{shown(exchange.source) if exchange.source else who} uses"
        self.book.report(
            self.name,
            self.severity,
            exchange.opened.at,
            [exchange.number],
            service=service,
            action=action,
            text=f"{whose} one request_id for several requests to {call(service, action)}",
            because="the request_id and the reply channel of an earlier request are the same",
            advice="make a new id for each request, such as uuid.uuid4().hex",
            where=f"{to(service, action)} is:reused",
        )
