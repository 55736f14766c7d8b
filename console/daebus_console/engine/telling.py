"""What services tell of themselves, as it comes in: records, what they are doing, and rows for the time before. Pure.

The session tells it of each batch, under its lock; it asks for nothing itself (see `live.asking`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from daebus_console.engine.bounded import remember
from daebus_console.engine.directory import Directory
from daebus_console.engine.entries import ServiceEntry
from daebus_console.engine.figures.stats import Stats
from daebus_console.engine.figures.told import figures
from daebus_console.engine.live.asking import Asking, Question, tells
from daebus_console.engine.live.standstill import LATELY, Standstill
from daebus_console.engine.message.envelope import WATCH_PREFIX
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, State
from daebus_console.engine.pairing.casts import Casts
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.records import before
from daebus_console.engine.records.cycles import Cycle, cycles
from daebus_console.engine.records.joining import Links, Told, cast_of, told_by_id
from daebus_console.engine.records.record import Any_, Handled, Heard, Ran, Refused, batch_in, key_of
from daebus_console.engine.records.running import Report, report_in
from daebus_console.engine.records.standing import Standing, cycle_text, standing
from daebus_console.engine.records.store import ROOM, Cast, Records
from daebus_console.engine.records.unread import Unread, count_in, is_trouble
from daebus_console.engine.records.withheld import Withheld

_CONTROL, _BROADCAST = Flag.CONTROL, Kind.BROADCAST
_A_MESSAGE = 60
"""Bytes that records may take for each message that is remembered."""
_LEAST_ROOM = 4 * 1024 * 1024
_AROUND = 20_000
"""Exchanges before and after a broadcast among which others with its bytes are looked for."""
A_SECOND = 100
"""Records that tell that all is well which are read in a second as they come; others when somebody asks."""
TROUBLE_A_SECOND = 2_000
_MOST_REPORTS = 1_000


class Telling:
    """`records` of all instances, and their latest `reports` of what they are doing, by service and instance."""

    def __init__(self, correlator: Correlator, directory: Directory) -> None:
        self._records = Records()
        self.wanted = False
        """Whether somebody asked for what was recorded: then it may take all the room there is for it."""
        self.unread = Unread()
        self.version = 0
        """Rises whenever a service told something."""
        self.unjudged = 0
        """Records of trouble that were too many to be read as they came."""
        self._second = 0
        self._plain, self._trouble = A_SECOND, TROUBLE_A_SECOND
        self.reports: dict[tuple[str, str], Report] = {}
        self.withheld = Withheld()
        self.asking = Asking(directory)
        self._standstill = Standstill(directory)
        self._correlator, self._directory = correlator, directory
        self._journal = correlator.journal
        self._casts = Casts(self._journal)
        self._joined: dict[Cast, Links] = {}
        """What is joined to broadcasts, as far as it was asked for since anything was told, or seen."""
        self._known = 0, 0
        self.rows_at_end = False
        """Whether rows for the time before wait for `finish`, so that they take no number of what is yet to come."""
        self._waiting: list[Any_] = []
        self._rows = 0
        self._of_before: set[str] = set()

    @property
    def records(self) -> Records:
        """All that was told, read."""
        for message in self.unread.take_all():
            self._read_late(message)
        return self._records

    def watched(self, opened: list[Exchange], since: float) -> list[Any_]:
        """Take what of these exchanges are batches of records; returns the new ones among those that are read now."""
        new: list[Any_] = []
        for exchange in opened:
            message = exchange.opened
            if exchange.kind is _BROADCAST and exchange.flags & _CONTROL and message.channel.startswith(WATCH_PREFIX):
                self.version += 1
                if self._is_read_now(message):
                    new += self._take(message, since, watched=True) or ()
                else:
                    self.unread.add(message)
        return new

    def _is_read_now(self, message: Message) -> bool:
        """Whether a batch is read as it comes: so many records a second, and more of trouble."""
        second = int(message.at)
        if second != self._second:
            # What was too much in one second is made up for in those that follow.
            passed = max(1, min(second - self._second, 60))
            self._second = second
            self._plain = min(A_SECOND, self._plain + passed * A_SECOND)
            self._trouble = min(TROUBLE_A_SECOND, self._trouble + passed * TROUBLE_A_SECOND)
        count = count_in(message.data)
        if is_trouble(message.data, count):
            now = self._trouble > 0
            self._trouble -= count if now else 0
            self.unjudged += 0 if now else count
        else:
            now = self._plain > 0
            self._plain -= count if now else 0
        return now

    def _read_late(self, message: Message) -> None:
        batch = batch_in(message.channel, message.data)
        if batch is not None:
            self.count(self._records.take(message.at, batch, watched=True, late=True), None, 0.0)

    def _read_about(self, part: str) -> None:
        """Read what waits and is about an id, or another text that stands in records as it is."""
        if not self.unread:
            return
        if not part.isascii() or not part.isalnum():
            _ = self.records
            return
        for message in self.unread.take_with(part.encode()):
            self._read_late(message)

    def answered(self, message: Message, since: float) -> list[Any_] | None:
        """Take an answer of a control channel; the new records in it, None where it is no answer to us here."""
        report = report_in(message.at, message.data)
        if report is not None:
            self.reports.pop((report.service, report.instance), None)
            remember(self.reports, (report.service, report.instance), report, _MOST_REPORTS)
            return []
        if self.withheld.take(message.data):
            self.version += 1
            return []
        return self._take(message, since, watched=False)

    def _take(self, message: Message, since: float, *, watched: bool) -> list[Any_] | None:
        batch = batch_in(message.channel, message.data)
        if batch is None:
            return None
        self.version += 1
        usual = min(ROOM, max(_LEAST_ROOM, self._journal.kept * _A_MESSAGE))
        self._records.room = ROOM if self.wanted else usual
        new = self._records.take(message.at, batch, watched=watched)
        for record in new:
            if record.came < since and before.row_id(record) is not None:
                if not self.rows_at_end:
                    self._tell_before(record, message.at)
                elif len(self._waiting) < before.MOST:
                    self._waiting.append(record)
        return new

    def count(self, records: list[Any_], stats: Stats | None, since: float) -> None:
        """Count what is new: how long messages waited that were seen, and how listeners and tasks ended."""
        for record in records:
            source = record.source
            if isinstance(record, Handled):
                if stats is not None and record.queued is not None and record.came >= since:
                    stats.queued(source.service, record.action, record.queued)
            elif isinstance(record, Heard | Ran):
                if isinstance(record, Heard):
                    key = "listener", record.listener, record.channel
                else:
                    key = record.what, record.name, ""
                error = (record.error or record.type or record.outcome) if record.failed else None
                entry = self._directory.services.get(source.service)
                if entry is not None:
                    entry.runs.add(record.at + source.off, key, record.elapsed or 0.0, error)
            elif isinstance(record, Refused) and record.debugged:
                # It bears no mark itself: nobody answers it.
                exchange = self.exchange_of(record)
                if exchange is not None:
                    exchange.flags |= Flag.DEBUGGED
                    self._journal.touch(exchange)

    def finish(self) -> None:
        """Nothing more comes: make the rows that waited for that."""
        for record in self._waiting:
            # It stands behind all there is, whenever that was.
            self._tell_before(record, math.inf)
        self._waiting.clear()

    def _tell_before(self, record: Any_, came: float) -> None:
        """Make a row for a record of the time before this console looked, where nothing of it was seen."""
        id = before.row_id(record)
        if id is None or id in self._of_before or self._rows >= before.MOST or self._correlator.find(id) is not None:
            return
        self._of_before.add(id)
        self._rows += 1
        self._journal.add(*before.row_of(record, came, self._journal.next_number, self._journal.next_seq))

    def stepped(self) -> None:
        """The clock of the tap stepped: how far others are off is not known any more."""
        for source in self._records.sources.values():
            source.forget_clock()
        self._standstill.forget()

    # What is asked ---------------------------------------------------------------------------------------------

    def of(self, exchange: Exchange) -> Told:
        """What services told of an exchange."""
        if exchange.kind is _BROADCAST:
            self._read_about(cast_of(exchange)[1])
            for record in self._records.of_cast(cast_of(exchange)):
                self._read_about(key_of(record.id) or "-" if isinstance(record, Heard) else "-")
        elif exchange.request_id is not None:
            self._read_about(exchange.request_id)
        return self._of(exchange)

    def _of(self, exchange: Exchange) -> Told:
        """The same, of what is read."""
        records = self._records
        if exchange.kind is not _BROADCAST:
            return told_by_id(records, exchange, self._correlator.find)
        if not records.has_channel(exchange.target or ""):
            return Told()
        data, number = exchange.opened.data, exchange.number
        around = self._journal.exchanges.between(max(1, number - _AROUND), number + _AROUND)
        near = [one for one in around if one.kind is _BROADCAST and one.target == exchange.target]
        same = [one for one in near if one.opened.data == data]
        return Links(records, same, self._correlator.find).told(exchange)

    def exchange_of(self, record: Any_) -> Exchange | None:
        """The exchange that a record is of, where that is certain; of a broadcast only among the latest ones."""
        if isinstance(record, Heard) or (isinstance(record, Refused) and record.channel):
            return self._cast_of(record)
        id = key_of(record.id) if isinstance(record, Handled | Refused) else None
        exchange = self._correlator.find(id) if id is not None else None
        if exchange is None:
            return None
        told = told_by_id(self._records, exchange, self._correlator.find)
        return exchange if any(one is record for one in (*told.handled, *told.refused)) else None

    def _cast_of(self, record: Heard | Refused) -> Exchange | None:
        known = self._records.version, self._journal.exchanges.last
        if known != self._known:
            self._known = known
            self._joined.clear()
        cast = record.channel or "", record.digest, record.length
        links = self._joined.get(cast)
        if links is None:
            # Many records of equal broadcasts may come at once.
            links = self._joined[cast] = Links(self._records, self._casts.of(cast), self._correlator.find)
        return links.cast_of_run(record)

    def due(self, now: float) -> list[Question]:
        """What services are to be asked now (monotonic seconds)."""
        return [*self.asking.due(now), *self._standstill.due(now, self.reports)]

    def gave_up(self, expired: Iterable[Exchange]) -> None:
        """Requests ran out of time: what their services do then is worth to know."""
        for exchange in expired:
            if exchange.kind is Kind.REQUEST and exchange.state is State.TIMEOUT and not exchange.flags & _CONTROL:
                self._standstill.gave_up(exchange.target or "")

    def reports_at(self, at: float) -> list[Report]:
        """What was told at that time of what is being done."""
        return [one for one in self.reports.values() if one.at == at]

    def standing_circles(self, at: float) -> list[tuple[float, Cycle]]:
        """The circles in which services wait at that time, as they have told twice; each with the seconds between."""
        lately = [one for one in self.reports.values() if 0 <= at - one.at <= LATELY]
        return self._standstill.stand(self.cycles(lately), lately)

    def links(self, exchanges: list[Exchange]) -> Links:
        """What records add to what the wire tells, for all of these exchanges."""
        return Links(self.records, exchanges, self._correlator.find)

    def questions(self, exchange: Exchange) -> list[Question]:
        """Whom to ask for what was recorded of an exchange, and what; nobody where none of them tells."""
        target = exchange.target or ""
        asked: list[Question] = []
        if exchange.kind is _BROADCAST:
            channel = self._directory.channels.get(target)
            listeners = sorted(channel.listeners) if channel is not None else []
            asked = [(name, "recent", {"kinds": ["heard", "logged"]}) for name in listeners]
        elif exchange.request_id is not None:
            asked = [(target, "recent", {"id": exchange.request_id})]
        return [question for question in asked if self.tells(question[0])]

    def tells(self, service: str | None) -> bool | None:
        """Whether a service tells what it does; None where that is not known."""
        return tells(self._directory.services.get(service or ""))

    def standing(self, exchange: Exchange) -> list[Standing]:
        """Where a request stands that has no answer yet, as far as it was told lately."""
        reports = list(self.reports.values())
        here = [one for one in self.reports_of(exchange.target or "") if one.at >= exchange.opened.at]
        return standing(exchange, here, self.cycles(reports), self._correlator.find)

    def reports_of(self, service: str) -> list[Report]:
        """What the instances of a service told lately that they are doing."""
        return [one for one in self.reports.values() if one.service == service]

    def circles_of(self, service: str, since: float) -> list[str]:
        """The circles that a service waits in, in a sentence each, out of what was told since then."""
        circles = self.cycles([one for one in self.reports.values() if one.at >= since])
        return [cycle_text(one, self._correlator.find) for one in circles if service in one.services]

    def cycles(self, reports: list[Report]) -> list[Cycle]:
        """The circles in which services wait, among those reports."""
        names = {report.service for report in reports}
        entries = [entry for name in names if (entry := self._directory.services.get(name)) is not None]
        return cycles(reports, {entry.name: workers_of(entry) for entry in entries})


def workers_of(service: ServiceEntry) -> int:
    """How many workers its instances have together, as they tell."""
    return sum(figures(one.info, one.heard).workers or 0 for one in service.instances.values())
