"""unreadable: bytes that are no JSON object, on a channel where JSON is expected."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import shown, term
from daebus_console.engine.message.envelope import Unreadable, read
from daebus_console.engine.message.exchange import Exchange
from daebus_console.text import clean

_LONGEST = 200


class Found(Rule):
    """Channels of services, and of listeners that are declared."""

    name = "unreadable"
    severity = Severity.WARNING
    title = "messages that are no JSON"
    page = """\
A message on the channel of a service, or on one that a service listens to, is no JSON object: the service drops
it, and only its log tells. On channels of others nothing is said, whatever passes there.

It is thought so because a service of this framework reads that channel, and what came is in no dialect that
is known; or because the channel is one of ours (of answers, say), and the message begins as ours do.

Look at the message (enter): a text where an object is expected, bytes of pickle or MessagePack, an
object cut short."""

    def unreadable(self, exchange: Exchange) -> None:
        """What is ours by its channel and its marks, and broken."""
        self._judge(exchange, "its channel is one of ours, and it begins as our messages do")

    def cast(self, exchange: Exchange) -> None:
        """A text or bytes are no fault, but for a service that takes objects."""
        channel, directory = exchange.opened.channel, self.world.directory
        if channel in directory.framework or channel in directory.listened:
            self._judge(exchange, "a service reads that channel and takes JSON objects")

    def _judge(self, exchange: Exchange, because: str) -> None:
        channel = exchange.opened.channel
        try:
            read(exchange.opened.data)
        except Unreadable as error:
            reason = str(error)
        else:
            return
        self.book.report(
            self.name,
            self.severity,
            exchange.opened.at,
            [exchange.number],
            service=channel,
            text=f"a message on {shown(channel)} cannot be read: {clean(reason[:_LONGEST])}",
            because=because,
            advice="look at what sent it; services drop it",
            where=f"channel:{term(channel)} kind:{exchange.kind.value}",
        )
