"""misnamed-channel: broadcasts that nobody hears, while somebody listens to nearly the same name."""

from __future__ import annotations

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.seen import Seen
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
        self._waiting: dict[str, Seen] = {}

    def cast(self, exchange: Exchange) -> None:
        """Remember what nobody was subscribed to at the last look."""
        channel = exchange.target or ""
        entry = self.world.directory.channels.get(channel)
        if self.world.polled is None or entry is None or entry.subscribers or entry.listeners:
            return
        waiting = self._waiting.get(channel)
        if waiting is None:
            if len(self._waiting) >= _MOST:
                return
            waiting = self._waiting[channel] = Seen()
        waiting.add([exchange])

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
            heard = [one.name for one in self.world.directory.channels.values() if one.listeners and one.subscribers]
            meant = near(channel, heard)
            if meant is not None:
                self._tell(channel, waiting, meant)

    def lost(self) -> None:
        """Whoever was there meanwhile is not known."""
        self._waiting.clear()

    def _tell(self, channel: str, waiting: Seen, meant: str) -> None:
        self.book.report(
            self.name,
            self.severity,
            waiting.last,
            [one.number for one in waiting.first],
            service=channel,
            text=f"broadcasts on {quoted(channel)} are heard by nobody; {quoted(meant)} has listeners",
            because="Redis lists no subscriber of that channel, and a service told that it listens to the other",
            advice=f"write {quoted(meant)} where {quoted(channel)} is sent, if that is meant",
            where=f"channel:{term(channel)}",
            count=waiting.count,
            since=waiting.first[0].opened.at,
        )
