"""gone-meanwhile: a service went away while requests to it were under way."""

from __future__ import annotations

from typing import NamedTuple

from daebus_console.dates import clock
from daebus_console.engine.bounded import remember
from daebus_console.engine.entries import ServiceEntry
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import quoted, shown, to
from daebus_console.engine.message.exchange import Exchange, Kind

_SURE = 0.1
"""Seconds before a look at who is subscribed, for which what it found was so."""
_UNSEEN = 3.0
"""Seconds for which a service that is started anew may not be there between two of those looks."""
_GRACE = 11.0
"""Seconds for which one that is stopped may finish what runs, and answer it, though nobody is subscribed any more."""
_MOST = 1_000


class _Unanswered(NamedTuple):
    """A request that ran out of time, and until when it may be answered all the same.

    Its service went away `at` some time, known by `how`, and had been there at the time `left`.
    """

    exchange: Exchange
    until: float
    left: float
    at: float
    how: str


class Found(Rule):
    """Looks at what became of a service where a request to it ran out of time."""

    name = "gone-meanwhile"
    severity = Severity.ERROR
    title = "a service that went away while requests were under way"
    page = """\
Requests were sent to a service that was there, and got no answer: before their time was over nobody was subscribed
to its channel any more, or all its instances had been started anew. What they were to do may be done in part.

It is thought so because Redis listed its subscribers, and none since then; or because each instance that is there
tells that it began later than the requests were sent. A service of this framework that is stopped finishes what
runs and answers what waits, so that no answer came for ten seconds more: this one was killed, ran out of memory, or
ended by itself (os._exit, a fault in a library written in C). Or it has lost its way to Redis, and is not back yet.

Where nobody listed the subscribers, as in a capture, they may also have been sent just before it was started anew,
while nobody served it.

Look at its log, at what ended it (`dmesg` names processes that were killed for want of memory), and at what it was
asked last."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as Rule has them
        self._here: dict[str, float] = {}
        self._left: dict[str, float] = {}
        """When services were seen to be there the last time, now and before they went the last time."""
        self._back: dict[str, float] = {}
        """When those that had gone were seen to be there again."""
        self._looked: float | None = None
        self._waiting: dict[int, _Unanswered] = {}
        """By the number of the exchange, what may be answered yet."""

    def look(self) -> None:
        """Who is there? And what has got no answer by now?"""
        self._look()
        over = [one for one in self._waiting.values() if one.exchange.answer or self.world.now >= one.until]
        for one in over:
            del self._waiting[one.exchange.number]
            if one.exchange.answer is None:
                self._judge(one)

    def _look(self) -> None:
        polled, looked = self.world.polled, self.world.directory.polled
        if polled is None or looked == self._looked:
            return
        self._looked = looked
        here: dict[str, float] = {}
        for one in self.world.directory.services.values():
            if one.framework and one.subscribers:
                here[one.name] = polled
        self._back |= {name: polled for name in here if name not in self._here and name in self._left}
        gone = {name: at for name, at in self._here.items() if name not in here}
        self._left = {name: at for name, at in {**self._left, **gone}.items() if name in self.world.directory.services}
        self._back = {name: at for name, at in self._back.items() if name in here}
        self._here = here

    def lost(self) -> None:
        """Whoever was there meanwhile is not known."""
        self._here.clear()
        self._left.clear()
        self._back.clear()
        self._waiting.clear()

    def finish(self) -> None:
        """Nobody looks any more whether an answer comes."""
        for one in self._waiting.values():
            if one.exchange.answer is None:
                self._judge(one, Severity.WARNING)
        self._waiting.clear()

    def expired(self, exchange: Exchange) -> None:
        """It got no answer: is anybody left to give it?"""
        service = exchange.target or ""
        entry = self.world.directory.services.get(service)
        if exchange.kind is not Kind.REQUEST or exchange.answer is not None or entry is None or not entry.framework:
            return
        self._look()
        sent, left, until = exchange.opened.at, self._left.get(service), self.world.now + _GRACE
        if entry.gone is not None:
            at, how, until = entry.gone, "Redis listed no subscriber of its channel any more at", entry.gone + _GRACE
        else:
            first = self._first(entry)
            if first is None:
                return
            at, how = first, "each instance that is there now was started later, the first at"
            if left is None or sent > self._back.get(service, sent):
                left = at - _UNSEEN
        # What is sent in the moment between the last look and its end may have reached nobody. And whoever began
        # before that look had only lost its way to Redis.
        if left is not None and sent < left - _SURE and left < at <= exchange.until:
            remember(self._waiting, exchange.number, _Unanswered(exchange, until, left, at, how), _MOST)

    def _first(self, entry: ServiceEntry) -> float | None:
        """When the first of the instances that are there began; None where one of them does not tell."""
        here = self.world.instances.here(entry.name)
        began = [one.last - one.figures.up for one in here if one.figures.up is not None]
        return min(began) if began and len(began) >= max(len(here), entry.subscribers) else None

    def _judge(self, one: _Unanswered, severity: Severity = Severity.ERROR) -> None:
        exchange, service = one.exchange, one.exchange.target or ""
        entry = self.world.directory.services.get(service)
        first = self._first(entry) if entry is not None and entry.gone is None else None
        if first is not None and first <= one.left:
            # It is back, and was there all the time.
            return
        sent, sure = exchange.opened.at, severity is Severity.ERROR
        stopped = "answers all the same" if sure else "may answer for ten seconds more"
        text = f"{quoted(service)} went away while requests to it were under way"
        advice = f"look at the log of {shown(service)}, and at what it was asked just before: was it killed?"
        if self.world.polled is None:
            text = f"{quoted(service)} was started anew while requests to it were under way, or just before that"
            advice = f"look at the log of {shown(service)}: was it killed, or were they sent while it was not there?"
        self.book.report(
            self.name,
            severity,
            one.at,
            [exchange.number],
            service=service,
            text=f"{text}: they got no answer" + ("" if sure else " yet"),
            because=f"{one.how} {clock(one.at)}, and #{exchange.number} had been sent at {clock(sent)}; one that is"
            f" stopped {stopped}",
            advice=advice,
            where=f"{to(service)} status:timeout",
            since=sent,
        )
