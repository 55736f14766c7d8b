"""unreadable: what is no message on a channel where messages are expected: no JSON object, or one without an action."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.instances import Instance
from daebus_console.engine.findings.keys import slip
from daebus_console.engine.findings.payloads import value
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import shown, term
from daebus_console.engine.message.envelope import broken
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.text import beginning

_LONGEST = 200
_TELLS_WITHIN = 11.0
"""Seconds within which an instance that has come tells of itself."""
_STARTS = 0.2
"""Seconds within which one that has begun is subscribed."""
_MOST, _MOST_BYTES = 1_000, 2_000_000
"""Of what came before that is known, it is kept."""


class Found(Rule):
    """Channels of services, and of listeners that are declared."""

    name = "unreadable"
    severity = Severity.WARNING
    title = "messages that are no JSON, or name no action"
    page = """\
A message on the channel of a service, or on one that a service listens to, is no JSON object; or an object on the
channel of a service names no action: the service drops it, and only its log tells. On channels of others nothing
is said, whatever passes there.

It is thought so because a service of this framework reads that channel, and what came is in no dialect that
is known; or because the channel is one of ours (of answers, say), and the message begins as ours do.

Look at the message (enter): a text where an object is expected, bytes of pickle or MessagePack, an
object cut short; one of another framework, whose services have a channel of the same name; a name that is
misspelled; an event that is meant for listeners, who need a channel of their own."""

    def begin(self) -> None:
        self._early: list[Exchange] = []
        """What came on channels of which it was not told yet whose they are."""
        self._size = 0
        """Bytes of that."""

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """One that has an envelope, and in its payload what no service reads."""
        del action
        for one in exchanges:
            if one.opened.data.isascii():
                continue
            if service in self.world.directory.framework:
                self._judge_asked(one)
            else:
                self._keep(one)

    def unreadable(self, exchange: Exchange) -> None:
        """What is ours by its channel and its marks, and broken."""
        self._judge(exchange, "its channel is one of ours, and it begins as our messages do")

    def cast(self, exchange: Exchange) -> None:
        """A text or bytes are no fault, but for a service that takes objects."""
        channel, directory = exchange.opened.channel, self.world.directory
        if channel in directory.framework or channel in directory.listened:
            self._judge_cast(exchange)
        else:
            self._keep(exchange)

    def _keep(self, exchange: Exchange) -> None:
        """It may turn out whose it is."""
        size = self._size + len(exchange.opened.data)
        if size <= _MOST_BYTES and len(self._early) < _MOST:
            self._size = size
            self._early.append(exchange)

    def told(self, service: str, instance: Instance) -> None:
        """Was it there already when that came?"""
        began, listened = instance.began, self.world.directory.listened
        for exchange in self._take(lambda one: one.opened.channel == service or one.opened.channel in listened):
            if began is not None and exchange.opened.at > began + _STARTS:
                judge = self._judge_cast if exchange.kind is Kind.BROADCAST else self._judge_asked
                judge(exchange)

    def look(self) -> None:
        """What came long ago came to nobody who tells of himself."""
        since = self.world.now - _TELLS_WITHIN
        self._take(lambda one: one.opened.at < since)

    def _take(self, which: Callable[[Exchange], bool]) -> list[Exchange]:
        """Let go of these; returns them."""
        found = [one for one in self._early if which(one)]
        if found:
            self._early = [one for one in self._early if not which(one)]
            self._size = sum(len(one.opened.data) for one in self._early)
        return found

    def lost(self) -> None:
        """Who reads what may have changed."""
        self.begin()

    def _judge_asked(self, exchange: Exchange) -> None:
        self._judge(exchange, "a service reads that channel and takes JSON, which is UTF-8")

    def _judge_cast(self, exchange: Exchange) -> None:
        channel, directory = exchange.opened.channel, self.world.directory
        self._judge(exchange, "a service reads that channel and takes JSON objects")
        if channel in directory.framework and channel not in directory.listened:
            self._without_action(exchange)

    def _without_action(self, exchange: Exchange) -> None:
        channel, message = exchange.opened.channel, value(exchange.opened.data, whole=True)
        if not isinstance(message, dict) or message.get("action"):
            return
        found = slip("action", message, exchange.number)
        self.book.report(
            self.name,
            self.severity,
            exchange.opened.at,
            [exchange.number],
            service=channel,
            about=f"no action {'' if found is None else found.meant}",
            text=f"a message on {shown(channel)} names no action: the service drops it",
            because=found.because
            if found is not None
            else "a service reads that channel, and gives each message to the action that it names",
            advice=found.advice
            if found is not None
            else "let its sender, which may speak another framework, name an `action`, or use another channel",
            where=f"channel:{term(channel)} kind:{exchange.kind.value}",
        )

    def _judge(self, exchange: Exchange, because: str) -> None:
        channel, data = exchange.opened.channel, exchange.opened.data
        reason = broken(data)
        if reason is None:
            return
        self.book.report(
            self.name,
            self.severity,
            exchange.opened.at,
            [exchange.number],
            service=channel,
            about="" if exchange.kind is Kind.UNREADABLE else exchange.kind.value,
            text=f"a message on {shown(channel)} cannot be read: {beginning(reason, _LONGEST)}",
            because=because,
            advice="look at what sent it; services drop it",
            # Of requests and one-way messages all others on that channel are as they should be.
            where=""
            if exchange.kind in (Kind.REQUEST, Kind.ONE_WAY)
            else f"channel:{term(channel)} kind:{exchange.kind.value}",
        )
