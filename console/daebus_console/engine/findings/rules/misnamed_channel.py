"""misnamed-channel: broadcasts that nobody hears, while somebody listens to nearly the same name."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import near, quoted, term
from daebus_console.engine.message.exchange import Exchange

_MOST = 500
_SETTLES = 1.0


class Found(Rule):
    """Broadcasts to nobody are no fault by themselves: this is one only where a listener is near."""

    name = "misnamed-channel"
    severity = Severity.WARNING
    title = "broadcasts on a channel that is misspelled"
    page = """\
Broadcasts go to a channel that nobody is subscribed to, and a service listens to one with nearly the same name.
Broadcasts that nobody hears are no fault by themselves, and are not told.

It is thought so because Redis listed all subscribers after the broadcast, and the service told which channels
it listens to. Names that differ only in their digits are taken for different things.

Write the same name in both places."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as Rule has them
        self._waiting: dict[str, tuple[Exchange, int]] = {}

    def cast(self, exchange: Exchange) -> None:
        """Remember what nobody was subscribed to at the last look."""
        channel = exchange.target or ""
        entry = self.world.directory.channels.get(channel)
        if self.world.polled is None or entry is None or entry.subscribers or entry.listeners:
            return
        known = self._waiting.get(channel)
        if known is not None:
            self._waiting[channel] = known[0], known[1] + 1
        elif len(self._waiting) < _MOST:
            self._waiting[channel] = exchange, 1

    def look(self) -> None:
        """Tell of those that nobody has come for since."""
        polled = self.world.polled
        for channel, (exchange, count) in list(self._waiting.items()):
            if polled is None or polled < exchange.opened.at + _SETTLES:
                continue
            del self._waiting[channel]
            if not self.world.is_unserved(channel, exchange.opened.at):
                continue
            heard = [one.name for one in self.world.directory.channels.values() if one.listeners and one.subscribers]
            meant = near(channel, heard)
            if meant is not None:
                self._tell(channel, exchange, count, meant)

    def lost(self) -> None:
        """Whoever was there meanwhile is not known."""
        self._waiting.clear()

    def _tell(self, channel: str, exchange: Exchange, count: int, meant: str) -> None:
        self.book.report(
            self.name,
            self.severity,
            exchange.opened.at,
            [exchange.number],
            service=channel,
            text=f"broadcasts on {quoted(channel)} are heard by nobody; {quoted(meant)} has listeners",
            because="Redis lists no subscriber of that channel, and a service told that it listens to the other",
            advice=f"write {quoted(meant)} where {quoted(channel)} is sent, if that is meant",
            where=f"channel:{term(channel)}",
            count=count,
        )
