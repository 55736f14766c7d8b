"""gone-meanwhile: a service went away while requests to it were under way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from daebus_console.dates import clock
from daebus_console.engine.bounded import remember
from daebus_console.engine.entries import ServiceEntry
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import quoted, shown, to
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.records.record import UNAVAILABLE, Any_, Called, key_of

_SURE = 0.1
"""Seconds before a look at who is subscribed, for which what it found was so."""
_UNSEEN = 3.0
"""Seconds for which a service that is started anew may not be there between two of those looks."""
_GRACE = 11.0
"""Seconds for which one that is stopped may finish what runs, and answer it, though nobody is subscribed any more."""
_MOST = 1_000
_MOST_INSTANCES = 20
_A_BATCH = 20
"""Answers that are looked at of those that came together."""


class _Unanswered(NamedTuple):
    """A request that ran out of time, and until when it may be answered all the same.

    Its service went away `at` some time, known by `how`, and had been there at the time `left`. It is `sure` where it
    was not sent in between.
    """

    exchange: Exchange
    until: float
    left: float
    at: float
    how: str
    sure: bool


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

Where nobody listed the subscribers meanwhile, as in a capture, or as one is started anew within a second or two,
they may also have been sent just before that, while nobody served it: this is said, also where it was back three
seconds after they were sent, and who asked had given up before; but for those of which whoever asked tells that nobody
was there. It is known to be another one by the instances that told of themselves, or answered, before.

Look at its log, at what ended it (`dmesg` names processes that were killed for want of memory), and at what it was
asked last."""

    def begin(self) -> None:
        self._here: dict[str, float] = {}
        self._left: dict[str, float] = {}
        """When services were seen to be there the last time, now and before they went the last time."""
        self._back: dict[str, float] = {}
        """When those that had gone were seen to be there again."""
        self._went: dict[str, float] = {}
        """When those were first seen not to be there, the last time."""
        self._looked: float | None = None
        self._waiting: dict[int, _Unanswered] = {}
        """By the number of the exchange, what may be answered yet."""
        self._told: dict[str, float] = {}
        """When services went away of which it is sure that requests to them were under way."""
        self._missed: dict[int, None] = {}
        """What nobody was there to get, as whoever asked tells."""
        self._undecided: dict[int, tuple[Exchange, float]] = {}
        """What nothing is known of yet, and until when it may be: a new instance tells of itself in its time."""
        self._answered: dict[tuple[str, str], None] = {}
        """Actions that are answered at all."""
        self._answers: dict[str, dict[str, float]] = {}
        """When the latest request was sent that an instance answered, by service and instance; one that does not tell
        its name has an empty one."""

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """Whether whoever asked was told that nobody was there: then nothing went away while that was under way."""
        del exchange
        if not isinstance(record, Called) or record.outcome != UNAVAILABLE:
            return
        asked = self.world.find(key_of(record.id) or "")
        if asked is not None:
            remember(self._missed, asked.number, None, _MOST)
            self._undecided.pop(asked.number, None)
            self._waiting.pop(asked.number, None)

    def look(self) -> None:
        """Who is there? And what has got no answer by now?"""
        self._look()
        self._decide()
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
        self._went = {name: at for name, at in self._went.items() if name in self.world.directory.services}
        self._went |= dict.fromkeys(gone, polled)
        self._left = {name: at for name, at in {**self._left, **gone}.items() if name in self.world.directory.services}
        self._back = {name: at for name, at in self._back.items() if name in here}
        self._here = here

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """What reached them? One that is stopped answers for a while yet, and is sent nothing any more."""
        remember(self._answered, (service, action), None, _MOST)
        known = self._answers.get(service)
        if known is None:
            known = {}
            remember(self._answers, service, known, _MOST)
        for one in exchanges[-_A_BATCH:]:
            if one.answer is not None:
                name = one.instance or ""
                latest = max(one.opened.at, known.pop(name, 0.0))
                remember(known, name, latest, _MOST_INSTANCES)

    def lost(self) -> None:
        """Whoever was there meanwhile is not known."""
        self._undecided.clear()
        self._answers.clear()
        self._answered.clear()
        self._here.clear()
        self._left.clear()
        self._went.clear()
        self._back.clear()
        self._waiting.clear()

    def finish(self) -> None:
        """Nobody looks any more whether an answer comes."""
        self._decide()
        for one in self._waiting.values():
            if one.exchange.answer is None:
                self._judge(one, Severity.WARNING)
        self._waiting.clear()

    def expired(self, exchange: Exchange) -> None:
        """It got no answer: is anybody left to give it?"""
        entry = self.world.directory.services.get(exchange.target or "")
        if exchange.kind is not Kind.REQUEST or exchange.answer is not None or entry is None or not entry.framework:
            return
        if exchange.number in self._missed:
            return
        self._look()
        until = self.world.now + _GRACE
        if not self._find(exchange, entry, until):
            remember(self._undecided, exchange.number, (exchange, until), _MOST)

    def _decide(self) -> None:
        """Has an instance told of itself since, which began later?"""
        for number, (exchange, until) in list(self._undecided.items()):
            entry = self.world.directory.services.get(exchange.target or "")
            found = entry is not None and entry.gone is None and self._find(exchange, entry, until)
            if found or exchange.answer is not None or self.world.now >= until:
                del self._undecided[number]

    def _find(self, exchange: Exchange, entry: ServiceEntry, until: float) -> bool:
        """Whether its service went away while it was under way; it is judged when its answer cannot come any more."""
        sent, left, sure = exchange.opened.at, self._left.get(entry.name), True
        if entry.gone is not None:
            at, how, until = entry.gone, "Redis listed no subscriber of its channel any more at", entry.gone + _GRACE
        else:
            first = self._first(entry)
            if first is None:
                return False
            at, how = first, "each instance that is there now was started later, the first at"
            if left is None or sent > self._back.get(entry.name, sent):
                is_answered = (entry.name, exchange.action or "") in self._answered
                before = self._before(entry) if is_answered else None
                left, sure = at - _UNSEEN, self.world.polled is not None
                if before is not None and sent >= left - _SURE:
                    left, sure = at, sent <= before
            elif left - _SURE <= sent < self._went.get(entry.name, 0.0):
                # It went between two looks: before that was sent, or after.
                left, sure = at, False
        # One that is started anew at once may take longer for that than who asked waits.
        latest = exchange.until if sure else max(exchange.until, sent + _UNSEEN)
        # What is sent in the moment between the last look and its end may have reached nobody. And whoever began
        # before that look had only lost its way to Redis.
        if left is None or not sent < left - _SURE < at <= latest:
            return False
        remember(
            self._waiting, exchange.number, _Unanswered(exchange, until, min(left, at - _SURE), at, how, sure), _MOST
        )
        return True

    def _first(self, entry: ServiceEntry) -> float | None:
        """When the first of all its instances began; None where that is not known, or others answer beside them."""
        first, reached = self.world.began(entry.name), self._reached(entry)
        return None if first is None or any(at > first for at in reached.values()) else first

    def _reached(self, entry: ServiceEntry) -> dict[str, float]:
        """When the latest request was sent that each answered which is none of the instances that are there."""
        here = {one.name for one in self.world.instances.here(entry.name)}
        return {name: at for name, at in self._answers.get(entry.name, {}).items() if name not in here}

    def _before(self, entry: ServiceEntry) -> float | None:
        """Until when it is certain that an instance got what was sent which has been replaced; None where none has."""
        reached, here = self._reached(entry), self.world.instances.here(entry.name)
        there = reached or len(here) < len(self.world.instances.of(entry.name))
        return max(reached.values(), default=0.0) if there else None

    def _judge(self, one: _Unanswered, severity: Severity = Severity.ERROR) -> None:
        exchange, service = one.exchange, one.exchange.target or ""
        entry = self.world.directory.services.get(service)
        if entry is not None and entry.gone is None:
            first = self.world.began(service)
            if first is not None and (first <= one.left or self._first(entry) is None):
                # It is back, and was there all the time; or others are there that do not tell of themselves.
                return
        sent, sure = exchange.opened.at, severity is Severity.ERROR
        stopped = "answers all the same" if sure else "may answer for ten seconds more"
        text = f"{quoted(service)} went away while requests to it were under way"
        advice = f"look at the log of {shown(service)}, and at what it was asked just before: was it killed?"
        if one.sure:
            remember(self._told, service, one.at, _MOST)
        elif abs(one.at - self._told.get(service, 0.0)) > _UNSEEN:
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
