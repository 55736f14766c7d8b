"""misnamed-channel: broadcasts that nobody hears, while somebody listens to nearly the same name."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.seen import Seen, see
from daebus_console.engine.findings.words import near, one_and_many, quoted, term
from daebus_console.engine.message.exchange import Exchange

_MOST = 500
_SETTLES = 1.0
_LEAST = 3
"""Broadcasts without which it is not taken for a habit, where nobody lists who is subscribed."""


class Found(Rule):
    """Broadcasts to nobody are no fault by themselves: this is one only where a listener is near."""

    name = "misnamed-channel"
    severity = Severity.WARNING
    title = "broadcasts on a channel that is misspelled"
    page = """\
Broadcasts go to a channel that nobody is subscribed to, and a service listens to one with nearly the same name.
Broadcasts that nobody hears are no fault by themselves, and are not told.

It is thought so because Redis listed all subscribers after the broadcast, and the service told which channels
it listens to. Names that differ only in their digits are taken for different things, and so are one and many
(order, orders) where something comes on both. Where subscribers are not listed, as in a capture, it is worth to know
where services listen to the other name alone, and nothing came on that.

Write the same name in both places."""

    def begin(self) -> None:
        self._waiting: dict[str, Seen] = {}
        self._unlisted: dict[str, Seen] = {}
        """What came while nobody lists who is subscribed."""
        self._missed = False

    def cast(self, exchange: Exchange) -> None:
        """Remember what nobody was subscribed to at the last look."""
        channel = exchange.target or ""
        entry = self.world.directory.channels.get(channel)
        if self.world.polled is None:
            see(self._unlisted, channel, (exchange,), _MOST)
        if self.world.polled is None or entry is None or entry.subscribers or entry.listeners:
            return
        see(self._waiting, channel, (exchange,), _MOST)

    def look(self) -> None:
        """Tell of those that nobody has come for since."""
        polled = self.world.polled
        for channel, waiting in list(self._waiting.items()):
            since = waiting.first[0].opened.at
            if polled is None or polled < since + _SETTLES:
                continue
            del self._waiting[channel]
            if not self.world.is_unserved(channel, since):
                continue
            heard = [one for one in self.world.directory.channels.values() if one.listeners and one.subscribers]
            meant = near(
                channel, [one.name for one in heard if not (one.rate.total and one_and_many(channel, one.name))]
            )
            if meant is not None:
                self._tell(channel, waiting, meant)

    def lost(self) -> None:
        """Whoever was there meanwhile is not known, nor what came."""
        self._waiting.clear()
        self._unlisted.clear()
        self._missed = True

    def finish(self) -> None:
        """Nobody listed who was subscribed: what do services tell that they listen to?"""
        if self.world.polled is not None or self._missed or len(self._unlisted) >= _MOST:
            return
        heard = self.world.directory.listened
        silent = [name for name in heard if name not in self._unlisted]
        for channel, seen in list(self._unlisted.items()):
            meant = near(channel, silent) if channel not in heard and seen.count >= _LEAST else None
            if meant is not None:
                self._tell(channel, seen, meant, listed=False)
                del self._unlisted[channel]

    def _tell(self, channel: str, waiting: Seen, meant: str, *, listed: bool = True) -> None:
        text = f"broadcasts on {quoted(channel)} are heard by nobody; {quoted(meant)} has listeners"
        because = "Redis lists no subscriber of that channel, and a service told that it listens to the other"
        if not listed:
            silent = f"{quoted(meant)} has listeners, and nothing came on it"
            text = f"no service tells that it listens to {quoted(channel)}; {silent}"
            because = (
                "services told what they listen to; who else was subscribed is not known, nor what a filter left out"
            )
        self.book.report(
            self.name,
            self.severity if listed else Severity.INFO,
            waiting.last,
            [one.number for one in waiting.first],
            service=channel,
            text=text,
            because=because,
            advice=f"write {quoted(meant)} where {quoted(channel)} is sent, if that is meant",
            where=f"channel:{term(channel)}",
            count=waiting.count,
            since=waiting.first[0].opened.at,
        )
