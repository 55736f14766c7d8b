"""nobody-listens: requests or one-way messages to a service that nobody serves."""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Finding, Severity
from daebus_console.engine.findings.instances import Instance
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.seen import Seen, see
from daebus_console.engine.findings.words import near, quoted, shown, to
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.records.record import UNAVAILABLE, Any_, Called, key_of

_MOST = 200
_SETTLES = 1.0
_TELLS_WITHIN = 11.0
"""Seconds within which an instance that has come tells of itself."""
_APART = 0.5
"""Seconds by which the clock of a service may be ahead without anybody noticing."""
_UNLISTED = "Redis listed no subscriber of that channel, before and after they were sent"
_LOST = (
    "what was sent meanwhile is lost; where it was started anew, let the new instance start before the old one stops"
)


class Found(Rule):
    """Waits for a list of subscribers that is younger than the message."""

    name = "nobody-listens"
    severity = Severity.ERROR
    title = "messages to a service that nobody serves"
    page = """\
Requests or one-way messages went to a channel that no program is subscribed to. Redis keeps nothing: they are
gone, and who asked waits in vain or is told that nobody serves it.

It is thought so because Redis listed all subscribers after the message, and the channel had none. Where other
programs read by patterns, which Redis does not count, nothing is said. Where subscribers are not listed, as in a
capture, it is thought so where a service that asked tells that nobody was there. Where somebody came before that
was listed anew, it is thought so where all instances that are there began half a second or more after the message was
sent, since clocks differ by some.

Once it is there, that is said beside; also where it was there all the time, and had lost its connection.

Start the service, or correct its name where it is called: a service with nearly the same name is named. Look
whether both are connected to the same Redis."""

    def begin(self) -> None:
        self._waiting: dict[str, Seen] = {}
        self._missed: dict[str, tuple[Seen, float]] = {}
        """What was sent to those that came just then, and until when they may tell that they began later."""
        self._away: dict[str, tuple[str, Finding]] = {}
        """What was told of those that have not come since, and what had been sent."""
        self._come: dict[str, tuple[float, Finding]] = {}
        """What was told of those that have come, and when; until they tell of themselves."""

    def asked(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Remember what went where nobody was subscribed at the last look."""
        del action
        entry = self.world.directory.services.get(service)
        if self.world.polled is None or entry is None or entry.subscribers:
            return
        if entry.gone is not None:
            # What was sent before may have reached it yet.
            exchanges = [one for one in exchanges if one.opened.at > entry.gone]
        if exchanges:
            see(self._waiting, service, exchanges, _MOST)

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """Whether somebody was told that nobody serves it, where nothing else tells."""
        del exchange
        if self.world.polled is not None or not isinstance(record, Called) or record.outcome != UNAVAILABLE:
            return
        service = record.service
        asked = self.world.find(key_of(record.id) or "")
        text = f"requests went to {quoted(service)}, and nobody served it"
        advice = _start(service)
        if self.world.instances.of(service):
            text = f"requests went to {quoted(service)} while nobody served it; it was there at another time"
            advice = f"what was sent meanwhile is lost; see why {shown(service)} was not there"
        elif (meant := near(service, self.world.directory.framework)) is not None:
            text += f"; {quoted(meant)} was there"
            advice = _mean(service, meant)
        self.book.report(
            self.name,
            self.severity,
            record.at + record.source.off,
            [] if asked is None else [asked.number],
            service=service,
            text=text,
            because=f"{shown(record.source.service)}, which asked, tells that the channel had no subscriber",
            advice=advice,
            where=to(service),
        )

    def look(self) -> None:
        """Tell of those for whom nobody has come since."""
        for service, waiting in list(self._waiting.items()):
            latest = waiting.since
            if self.world.polled is None or self.world.polled < latest + _SETTLES:
                continue
            if self.world.is_unserved(service, latest) and not any(map(_was_answered, waiting.first)):
                self._tell(service, waiting)
            elif self.world.sees_all(waiting.first[0].opened.at):
                remember(self._missed, service, (waiting, self.world.now + _TELLS_WITHIN), _MOST)
            del self._waiting[service]
        for service, (waiting, until) in list(self._missed.items()):
            if self._has_missed(service, waiting) or self.world.now >= until:
                del self._missed[service]
        for service in list(self._away):
            entry = self.world.directory.services.get(service)
            if entry is not None and entry.subscribers:
                what, finding = self._away.pop(service)
                # What was sent before is lost all the same.
                self.book.retell(finding, _meanwhile(what, service), f"{_UNLISTED}, and lists one now", _LOST)
                remember(self._come, service, (self.world.now, finding), _MOST)

    def told(self, service: str, instance: Instance) -> None:
        """Whether what has come again was there before all that, and had only lost its way to Redis."""
        came, finding = self._come.get(service, (0.0, None))
        if finding is None or instance.last < came:
            return
        if instance.first < finding.first:
            self.book.retell(
                finding,
                finding.text.replace("; it is there now", ": it had lost its connection, and has one again"),
                f"{finding.because}; the same instance tells of itself as before",
                f"what was sent meanwhile is lost; the log of {shown(service)} tells when it lost its connection: Redis"
                " ends those that do not read what it sends them (client-output-buffer-limit)",
            )
        del self._come[service]

    def lost(self) -> None:
        """Whoever was there meanwhile is not known."""
        self._waiting.clear()
        self._missed.clear()
        self._come.clear()

    def finish(self) -> None:
        """Nobody looks any more who is there."""
        for service, waiting in list(self._waiting.items()):
            if self._has_missed(service, waiting):
                del self._waiting[service]

    def _has_missed(self, service: str, waiting: Seen) -> bool:
        """Whether what has come tells that it began when that was sent already."""
        began = self.world.began(service)
        if began is None or service in self._away:
            return False
        lost = [one for one in waiting.first if one.opened.at < began - _APART and not _was_answered(one)]
        if not lost:
            return False
        text = _meanwhile(self._what(waiting), service)
        because = (
            "Redis listed no subscriber of that channel before they were sent, and each instance that is there now"
            " tells that it began later"
        )
        self._report(service, lost, text, because, _LOST, len(lost))
        return True

    def _tell(self, service: str, waiting: Seen) -> None:
        here = [one.name for one in self.world.directory.services.values() if one.subscribers]
        meant = near(service, here)
        what = self._what(waiting)
        text = f"{what} went to {quoted(service)}, and nobody serves it"
        advice = _start(service)
        if meant is not None:
            text += f"; {quoted(meant)} is there"
            advice = _mean(service, meant)
        because = "Redis lists no subscriber of that channel, before and after they were sent"
        finding = self._report(service, waiting.first, text, because, advice, waiting.count, waiting.last)
        if finding is not None:
            remember(self._away, service, (what, finding), _MOST)

    def _report(
        self,
        service: str,
        some: Sequence[Exchange],
        text: str,
        because: str,
        advice: str,
        count: int,
        last: float | None = None,
    ) -> Finding | None:
        return self.book.report(
            self.name,
            self.severity,
            some[-1].opened.at if last is None else last,
            [one.number for one in some],
            service=service,
            text=text,
            because=because,
            advice=advice,
            where=to(service),
            count=count,
            since=some[0].opened.at,
        )

    @staticmethod
    def _what(waiting: Seen) -> str:
        return "one-way messages" if all(one.kind is Kind.ONE_WAY for one in waiting.first) else "requests"


def _was_answered(one: Exchange) -> bool:
    return one.answer is not None and not one.answered_by_another


def _start(service: str) -> str:
    return f"start {shown(service)}, or look at which Redis it is"


def _mean(service: str, meant: str) -> str:
    return f"send to {quoted(meant)} where {quoted(service)} is called, if that is meant"


def _meanwhile(what: str, service: str) -> str:
    return f"{what} went to {quoted(service)} while nobody served it; it is there now"
