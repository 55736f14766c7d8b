"""What is made of what passed: who is on the bus, how fast and how well, what is wrong, and what services tell.

Each batch is told to all four of them, in an order in which each knows what it needs. For one thread at a time; time
comes with what is told.
"""

from __future__ import annotations

from collections.abc import Sequence

from daebus_console.engine.directory import Directory
from daebus_console.engine.figures.stats import Stats
from daebus_console.engine.findings.engine import Findings
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.control import speaks_for
from daebus_console.engine.message.exchange import Exchange, Kind, Message
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.taken import Guests, Taken
from daebus_console.engine.records.record import Any_
from daebus_console.engine.telling import Telling


class Reckoning:
    """`directory`, `stats`, `findings` and `telling`, of what the correlator takes; `patterns` are how many are read.

    Where it asks `since` when, it means since when everything is seen.
    """

    def __init__(self, correlator: Correlator, patterns: int) -> None:
        self._correlator = correlator
        self.directory = Directory()
        self.stats = Stats()
        self.findings = Findings(
            self.directory, correlator.find, patterns, lambda request: correlator.answerable(request)
        )
        self.telling = Telling(correlator, self.directory)

    def take(self, at: float, taken: Taken) -> None:
        """Take what a batch did, which arrived until `at`."""
        self._tally(at, taken)
        self.findings.take(at, taken)
        self._tally(at, taken.guests)
        for message in taken.guests.announcing:
            told = self._correlator.recogniser.announced(message.dialect, message.channel, message.data)
            if told is not None:
                self.directory.announced(message.at, told, message.dialect)
        while self._correlator.dropped:
            self.stats.dropped(self._correlator.dropped.pop())

    def _tally(self, at: float, did: Taken | Guests) -> None:
        """Tell directory and figures; plain requests by the heap, for they are nearly all of it."""
        directory, stats = self.directory, self.stats
        if did.requests:
            directory.asked(at, did.requests)
            stats.opened_many(at, did.requests)
        if did.answers:
            directory.answered(did.answers)
            stats.answered_many(at, did.answers)
        if did.opened:
            directory.saw(did.opened)
            stats.opened_all(did.opened)
        if did.answered:
            directory.settled(did.answered)
            for exchange in did.answered:
                stats.settled(exchange)

    def learn(self, answer: Message, since: float) -> None:
        """Take an answer of a control channel; not one that tells of another service than was asked."""
        asked = self._correlator.journal.exchange(answer.exchange)
        if asked is not None and asked.kind is Kind.REQUEST and not speaks_for(answer.data, asked.target):
            return
        records = None if answer.error else self.telling.answered(answer, since)
        if records is not None:
            self._told(answer.at, records, since)
            if not records:
                self.findings.reported(self.telling.reports_at(answer.at))
                self.findings.stood(answer.at, self.telling.standing_circles(answer.at))
            return
        told = {} if answer.error else wire.told_in(answer.data)
        if told:
            self.directory.info(answer.at, told)
            self.findings.told(answer.at, told)

    def watch(self, at: float, opened: list[Exchange], since: float) -> None:
        """Take what of these exchanges are records that services tell."""
        self._told(at, self.telling.watched(opened, since), since)
        self.findings.skip(self.telling.unjudged)
        self.telling.unjudged = 0

    def _told(self, at: float, records: list[Any_], since: float) -> None:
        """Services told something new."""
        if records:
            self.telling.count(records, self.stats, since)
            self.findings.recorded(at, records, self.telling.exchange_of)

    def expired(self, exchanges: Sequence[Exchange]) -> None:
        """Requests ran out of time, or nobody can know what became of them."""
        if exchanges:
            self.directory.settled(exchanges)
            for exchange in exchanges:
                self.stats.settled(exchange)
            self.findings.expired(exchanges)
            self.telling.gave_up(exchanges)

    def lost(self) -> None:
        """From here on messages are missing."""
        self.stats.lost()
        self.findings.lost()

    def stepped(self, seconds: float) -> None:
        """The clock went that far at once."""
        self.stats.stepped()
        self.findings.stepped()
        self.directory.stepped(seconds)
        self.telling.stepped()
