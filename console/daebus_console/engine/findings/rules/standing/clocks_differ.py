"""clocks-differ: the clock of a sender is not that of this console."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import sent_at
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import duration, shown, term
from daebus_console.engine.message.exchange import Exchange, Flag

_LEAST = 5
_AHEAD = 1.0
_BEHIND = 5.0
_STEADY = 1.0
_EVERY = 0.5
_MOST = 1_000


class Found(Rule):
    """Requests of this framework say when they were sent; once in half a second one of each sender is looked at."""

    name = "clocks-differ"
    severity = Severity.WARNING
    title = "clocks that differ"
    page = """\
Messages of a program say that they were sent more than a second after they came, or more than five seconds
before: its clock and that of this machine differ. Times in its logs and in its payloads do not fit those shown
here.

It is thought so because five messages or more, half a second apart, are off by the same amount, within a
second.

All times of this console are by its own clock. Let a time server set both machines' clocks (chrony,
systemd-timesyncd)."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as Rule has them
        self._next: dict[str, float] = {}
        self._off: dict[str, list[float]] = {}

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Look at one of them."""
        del service, action
        one = exchanges[0]
        source, at = one.source, one.opened.at
        if not source or self._next.get(source, 0.0) > at or one.flags & Flag.OURS:
            return
        if len(self._next) >= _MOST:
            self._next.clear()
            self._off.clear()
        self._next[source] = at + _EVERY
        sent = sent_at(one.opened.data)
        if sent is None:
            return
        off = self._off.setdefault(source, [])
        off.append(at - sent)
        del off[:-_LEAST]
        if len(off) < _LEAST or max(off) - min(off) > _STEADY or -_AHEAD <= min(off) <= _BEHIND:
            return
        seconds = min(off)
        self.book.report(
            self.name,
            self.severity,
            at,
            [one.number],
            service=source,
            text=f"the clock of {shown(source)} is {duration(abs(seconds))} {'behind' if seconds > 0 else 'ahead'}",
            because=f"{_LEAST} of its messages in a row say so, against the clock of this console",
            advice="let a time server set the clocks of both machines",
            where=f"from:{term(source)}",
        )

    def lost(self) -> None:
        """Our own clock may have stepped."""
        self._next.clear()
        self._off.clear()
