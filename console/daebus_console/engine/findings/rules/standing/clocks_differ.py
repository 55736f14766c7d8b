"""clocks-differ: the clock of a sender is not that of this console."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import sent_at
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import duration, shown, term
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.engine.records.record import Source

_LEAST = 5
_AHEAD = 1.0
_BEHIND = 5.0
_STEADY = 1.0
_EVERY = 0.5
_MOST = 1_000


class Found(Rule):
    """Requests of this framework say when they were sent, and its services when they did what they tell of.

    Once in half a second one of each sender is looked at, and what each instance told.
    """

    name = "clocks-differ"
    severity = Severity.WARNING
    title = "clocks that differ"
    page = """\
Messages of a program say that they were sent more than a second after they came, or more than five seconds
before: its clock and that of this machine differ. Times in its logs and in its payloads do not fit those shown
here.

It is thought so because five messages or more, half a second apart, are off by the same amount, within a
second. Or a service that tells what it does says that it did so at times that are off as far.

All times of this console are by its own clock. Let a time server set both machines' clocks (chrony,
systemd-timesyncd)."""

    def begin(self) -> None:
        self._next: dict[str | Source, float] = {}
        self._off: dict[str | Source, list[float]] = {}

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Look at one of them."""
        del service, action
        one = exchanges[0]
        source, at = one.source, one.opened.at
        if not source or one.flags & Flag.OURS or not self._is_due(source, at):
            return
        sent = sent_at(one.opened.data)
        seconds = self._steadily(source, at - sent) if sent is not None else None
        if seconds is not None:
            because = f"{_LEAST} of its messages in a row say so"
            self._tell(source, at, seconds, because, f"from:{term(source)}", [one.number])

    def clocked(self, at: float, source: Source) -> None:
        """Look at when it did what it tells of, which it says a moment later: it may ask nobody."""
        seconds = self._steadily(source, source.off) if self._is_due(source, at) else None
        if seconds is None:
            return
        service, several = source.service, len(self.world.instances.here(source.service)) > 1
        because = f"the times of what it did say so, which it told {_LEAST} times in a row"
        self._tell(service, at, seconds, because, f"service:{term(service)}", instance=source.instance * several)

    def _is_due(self, of: str | Source, at: float) -> bool:
        """Whether it was not looked at just before; it is now."""
        if self._next.get(of, 0.0) > at:
            return False
        if len(self._next) >= _MOST:
            self._next.clear()
            self._off.clear()
        self._next[of] = at + _EVERY
        return True

    def _steadily(self, of: str | Source, seconds: float) -> float | None:
        """By how much it is off, where it was off as much each time."""
        off = self._off.setdefault(of, [])
        off.append(seconds)
        del off[:-_LEAST]
        if len(off) < _LEAST or max(off) - min(off) > _STEADY or -_AHEAD <= min(off) <= _BEHIND:
            return None
        return min(off)

    def _tell(
        self,
        service: str,
        at: float,
        seconds: float,
        because: str,
        where: str,
        evidence: Sequence[int] = (),
        instance: str = "",
    ) -> None:
        whose = f"{shown(service)} instance {shown(instance)}" if instance else shown(service)
        self.book.report(
            self.name,
            self.severity,
            at,
            evidence,
            service=service,
            about=instance,
            text=f"the clock of {whose} is {duration(abs(seconds))} {'behind' if seconds > 0 else 'ahead'}",
            because=f"{because}, against the clock of this console",
            advice="let a time server set the clocks of both machines",
            where=where,
        )

    def lost(self) -> None:
        """Our own clock may have stepped."""
        self._next.clear()
        self._off.clear()
