"""action-on-some: an action that only some instances of the service have."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.instances import are_strangers
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, shown, to
from daebus_console.engine.message.envelope import error_code
from daebus_console.engine.message.exchange import Exchange, Message


class Found(Rule):
    """A request is answered `unknown_action`, though an instance has the action."""

    name = "action-on-some"
    severity = Severity.ERROR
    title = "an action that only some instances of the service have"
    page = """\
A request was answered with `unknown_action`, though an instance of the service has that action: whether a
caller gets its answer depends on which instance is the first.

It is thought so because the instances told their actions, and one that has it and one that has not are among
them.

Bring all instances to the same version. Where they have no action in common, two apps run under one name: give one
of them another. Where two services share a channel on purpose, let each ignore what it does not know:
`unknown_action="ignore"`."""

    def failed(self, exchange: Exchange) -> None:
        """The first answer may say so."""
        if exchange.aside.code == "unknown_action":
            self._judge(exchange, exchange.answer)

    def extra(self, exchange: Exchange, message: Message) -> None:
        """Or the second."""
        if message.error and error_code(message.data) == "unknown_action":
            self._judge(exchange, message)

    def _judge(self, exchange: Exchange, message: Message | None) -> None:
        service, action = exchange.target or "", exchange.action or ""
        here = self.world.instances.here(service)
        having = [one for one in here if action in one.actions]
        if not having or len(having) == len(here) or message is None:
            return
        entry = self.world.directory.services.get(service)
        if self.world.polled is not None and (entry is None or entry.subscribers < len(here)):
            # Some have gone that told of themselves just before: the action perhaps with them.
            return
        one_has, one_lacks = len(having) == 1, len(here) - len(having) == 1
        advice = 'bring all instances to one version; or let them ignore it with unknown_action="ignore"'
        if are_strangers(having, [one for one in here if one not in having]):
            advice = (
                f"give one of them another name, since they have no action in common: two apps run as {shown(service)};"
                ' or let both ignore what the other has, with unknown_action="ignore"'
            )
        self.book.report(
            self.name,
            self.severity,
            message.at,
            [exchange.number],
            service=service,
            action=action,
            text=f"only {len(having)} of {len(here)} instances {'has' if one_has else 'have'} {call(service, action)}:"
            f" the other{' answers that it does' if one_lacks else 's answer that they do'} not know it",
            because="each instance told its actions, and a request was answered with unknown_action",
            advice=advice,
            # Among others that went well, these are to be told apart by their numbers alone.
            where=to(service, action) if message is exchange.answer else "",
        )
