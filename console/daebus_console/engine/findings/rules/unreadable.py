"""unreadable: bytes that are no JSON object, on a channel where JSON is expected."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import shown, term
from daebus_console.engine.message.envelope import Unreadable, read
from daebus_console.engine.message.exchange import Exchange

_READABLE = 5
_LONGEST = 200


class Found(Rule):
    """Channels of services, of listeners that are declared, and those that carried JSON before."""

    name = "unreadable"
    severity = Severity.WARNING
    title = "messages that are no JSON"
    page = """\
A message on the channel of a service, or on one that a service listens to, is no JSON object: the service drops
it, and only its log tells. On channels that carry something else from the start nothing is said.

It is thought so because a service of this framework reads that channel, or five messages before it were JSON
objects.

Look at the message (enter): a text where an object is expected, bytes of pickle or MessagePack, an
object cut short."""

    def unreadable(self, exchange: Exchange) -> None:
        """Is it expected to be readable there?"""
        channel, directory = exchange.opened.channel, self.world.directory
        service = directory.services.get(channel)
        entry = service or directory.channels.get(channel)
        of_service = service is not None and service.framework
        readable = 0 if entry is None else entry.rate.total
        if not of_service and channel not in directory.listened and readable < _READABLE:
            return
        try:
            read(exchange.opened.data)
            reason = "it has no form that is known"
        except Unreadable as error:
            reason = str(error)
        self.book.report(
            self.name,
            self.severity,
            exchange.opened.at,
            [exchange.number],
            service=channel,
            text=f"a message on {shown(channel)} cannot be read: {shown(reason[:_LONGEST], text=True)}",
            because="a service reads that channel and takes JSON objects"
            if of_service or channel in directory.listened
            else "all messages before it on that channel were JSON objects",
            advice="look at what sent it; services drop it",
            where=f"channel:{term(channel)} kind:unreadable",
        )
