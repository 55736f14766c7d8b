"""Looks at what passes by and has every rule judge it. Pure: time comes with the exchanges.

What a debugger had a hand in is judged by those rules alone that judge what others make of it: harm done on purpose is
nothing that is wrong.

The session tells it of each batch. Beyond so many exchanges a second only the first are looked at, and the rest
counted: what is found is then found in a part. Errors, late answers and the like are counted apart from what goes well,
so that a flood of those does not hide these.

Batches that bring a few plain exchanges wait for others, since to ask a rule costs as much for one as for ten: at most
a tenth of a second, until one brings what is not plain, or until somebody asks what was found.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from daebus_console.engine.directory import Asked, Directory
from daebus_console.engine.findings.book import Book
from daebus_console.engine.findings.judges import Judges
from daebus_console.engine.findings.rule import SLOW, World
from daebus_console.engine.findings.rules import RULES
from daebus_console.engine.message.exchange import DAEBUS, Exchange, Flag, Kind, Message, State
from daebus_console.engine.pairing.taken import Taken
from daebus_console.engine.records.cycles import Cycle
from daebus_console.engine.records.record import Any_, Handled, Heard, Published, Ran, key_of
from daebus_console.engine.records.running import Report

A_SECOND = 2_000
"""Plain exchanges that are looked at in a second, and as many others; answers count as well."""
TOGETHER = 0.1
"""Seconds for which batches wait for others."""
_CONTROL, _DEBUGGED = Flag.CONTROL, Flag.DEBUGGED
_REQUEST, _ONE_WAY, _BROADCAST, _UNREADABLE = Kind.REQUEST, Kind.ONE_WAY, Kind.BROADCAST, Kind.UNREADABLE
_RESPONSE = Kind.RESPONSE


class Findings:
    """All rules, on one bus. `book` has what they found; `world` is what they know.

    `find` gives the newest exchange with a request_id; `patterns` are how many patterns this console reads by, and
    `answerable` tells whether an answer to a request would have been seen.
    """

    def __init__(
        self,
        directory: Directory,
        find: Callable[[str], Exchange | None],
        patterns: int = 1,
        answerable: Callable[[Exchange], bool] = lambda _request: True,
    ) -> None:
        self._book = Book()
        self.world = World(directory, find, patterns, answerable)
        self._skipped = 0
        self.judges = Judges(rule(self.world, self._book) for rule in RULES.values())
        self._requests: dict[Asked, list[Exchange]] = {}
        self._answers: dict[Asked, list[Exchange]] = {}
        self._odd: list[Exchange] = []
        self._batches, self._since = 0, 0.0
        """How many batches wait to be judged together, and since when."""
        self._second = 0
        self._plain = self._others = self._records = self._slow = self._linked = A_SECOND

    @property
    def book(self) -> Book:
        """What was found in all that has passed by. Hold the session's lock."""
        if self._batches:
            self._judge()
        return self._book

    @property
    def skipped(self) -> int:
        """How many exchanges were not looked at, since there were too many. Hold the session's lock."""
        if self._batches:
            self._judge()
        return self._skipped

    @property
    def problem(self) -> str | None:
        """What kept a rule from judging, which is a fault of ours. Hold the session's lock."""
        if self._batches:
            self._judge()
        return self.judges.problem

    # What the session tells ------------------------------------------------------------------------------------

    def take(self, at: float, taken: Taken) -> None:
        """What a batch did, which arrived until `at`."""
        second = int(at)
        if second != self._second:
            if self._batches:
                self._judge()
            self._begin(at, second)
        if self._plain:
            if taken.requests:
                _put(taken.requests, self._requests)
            if taken.answers:
                _put(taken.answers, self._answers)
        else:
            self._skip(sum(map(len, taken.requests.values())) + sum(map(len, taken.answers.values())))
        self._batches += 1
        if not self._since <= at < self._since + TOGETHER or taken.opened or taken.answered or taken.extra:
            self._others_came(at, taken)

    def _others_came(self, at: float, taken: Taken) -> None:
        """A batch brought what is not plain, or is the last that waits."""
        self._odd += taken.opened
        if (
            taken.answered
            or taken.extra
            or not self._since <= at < self._since + TOGETHER
            or any(one.kind is _REQUEST and not one.flags & _CONTROL for one in taken.opened)
        ):
            self._judge(taken.answered, taken.extra)
            self._since = at

    def idle(self, at: float) -> None:
        """Nothing more has come until then."""
        if self._batches and not self._since <= at < self._since + TOGETHER:
            self._judge()

    def _judge(self, answered: Sequence[Exchange] = (), extra: Sequence[tuple[Exchange, Message]] = ()) -> None:
        """Judge what waits, and at last answers that are not plain."""
        requests, odd, answers = self._requests, self._odd, self._answers
        self._requests, self._odd, self._answers, self._batches = {}, [], {}, 0
        try:
            self._plain_requests(requests)
            self._opened(odd)
            self._plain_answers(answers)
            self._irregular_answers(answered)
            for exchange, message in extra:
                if exchange.flags & _DEBUGGED:
                    continue
                for told in self.judges.extra:
                    told(exchange, message)
        except Exception as error:  # noqa: BLE001 - whatever a rule makes of odd messages, the bus is still shown
            self.judges.broken(error)

    def skip(self, count: int) -> None:
        """So many were not looked at, since there were too many."""
        self._skipped += count

    def expired(self, exchanges: Iterable[Exchange]) -> None:
        """Requests ran out of time, or nobody can know what became of them."""
        if self._batches:
            self._judge()
        try:
            for exchange in exchanges:
                if exchange.state is not State.TIMEOUT or exchange.flags & _CONTROL or not self._others:
                    continue
                if exchange.dialect != DAEBUS:
                    # What is right in other dialects may be wrong in ours.
                    continue
                self._others -= 1
                touched = exchange.flags & _DEBUGGED
                for expired in self.judges.of_harm["expired"] if touched else self.judges.expired:
                    expired(exchange)
                self._ended(exchange)
        except Exception as error:  # noqa: BLE001 - see _judge
            self.judges.broken(error)

    def told(self, at: float, info: Mapping[str, Any]) -> None:
        """An instance has answered `info`."""
        if self._batches:
            self._judge()
        try:
            self.world.now = max(self.world.now, at)
            found = self.world.instances.take(at, info)
            if found is not None:
                for told in self.judges.told:
                    told(*found)
        except Exception as error:  # noqa: BLE001 - see _judge
            self.judges.broken(error)

    def recorded(self, at: float, records: Collection[Any_], exchange_of: Callable[[Any_], Exchange | None]) -> None:
        """Services told of what they did; `exchange_of` gives the exchange that a record is of."""
        if self._batches:
            self._judge()
        if int(at) > self._second:
            self._begin(at, int(at))
        try:
            for source in dict.fromkeys(record.source for record in records):
                for clocked in self.judges.clocked:
                    clocked(at, source)
            for record in records:
                if isinstance(record, Published | Heard) and self._linked:
                    self._linked -= 1
                    for linked in self.judges.linked:
                        linked(record)
                # What went well takes no room from what failed: there may be a thousand of those, all at once.
                if record.failed or isinstance(record, Ran) or self._given_up(record):
                    if not self._records:
                        self._skipped += 1
                        continue
                    self._records -= 1
                elif self._slow and _is_slow(record):
                    self._slow -= 1
                else:
                    continue
                exchange = exchange_of(record)
                if exchange is not None and exchange.flags & _DEBUGGED:
                    continue
                for recorded in self.judges.recorded:
                    recorded(record, exchange)
        except Exception as error:  # noqa: BLE001 - see _judge
            self.judges.broken(error)

    def _given_up(self, record: Any_) -> bool:
        """Whether it tells of a message that was handled for nobody: who asked had given up."""
        if not isinstance(record, Handled):
            return False
        exchange = self.world.find(key_of(record.id) or "")
        return exchange is not None and exchange.state is State.TIMEOUT

    def stood(self, at: float, circles: Iterable[tuple[float, Cycle]]) -> None:
        """Services wait in these circles, each for so many seconds at least."""
        for seconds, circle in circles:
            for stood in self.judges.stood:
                stood(at, seconds, circle)

    def reported(self, reports: Iterable[Report]) -> None:
        """Instances told what they are doing just now."""
        for report in reports:
            for reported in self.judges.reported:
                reported(report)

    def polled(self, at: float, *, complete: bool) -> None:
        """The directory has just taken who is subscribed; all of it where that was `complete`."""
        if self._batches:
            self._judge()
        if complete:
            self.world.polled = at
        self._look_now(at)

    def lost(self) -> None:
        """From here on messages are missing, or times are."""
        if self._batches:
            self._judge()
        self.world.families.clear()
        for lost in self.judges.lost:
            lost()

    def stepped(self) -> None:
        """The clock stepped: what was told before belongs to another time."""
        self.world.now = self.world.in_part = 0.0
        self.world.polled = None
        self.world.instances.stepped()
        self.lost()

    def finish(self) -> None:
        """Nothing more comes: judge what waits for more by what there is."""
        if self._batches:
            self._judge()
        self._look_now(self.world.now)
        for finish in self.judges.finish:
            finish()

    # What it does with it --------------------------------------------------------------------------------------

    def _begin(self, at: float, second: int) -> None:
        self._second = second
        self._plain = self._others = self._records = self._slow = self._linked = A_SECOND
        self._look_now(at)

    def _look_now(self, at: float) -> None:
        self.world.now = max(self.world.now, at)
        for look in self.judges.look:
            look()

    def _plain_requests(self, requests: Mapping[tuple[str | None, str | None], Sequence[Exchange]]) -> None:
        families = self.world.families
        for (service, action), exchanges in requests.items():
            some = self._some_plain(exchanges)
            if not some:
                continue
            for one in some:
                if one.parent_id is not None:
                    families.add(one.parent_id, one)
            for asked in self.judges.asked:
                asked(service or "", action or "", some)

    def _plain_answers(self, answers: Mapping[tuple[str | None, str | None], Sequence[Exchange]]) -> None:
        families, take = self.world.families, self.world.families.take
        for (service, action), exchanges in answers.items():
            some = self._some_plain(exchanges)
            if not some:
                continue
            for answered in self.judges.answered:
                answered(service or "", action or "", some)
            if families:
                for one in some:
                    family = take(one.request_id, None)
                    if family is not None:
                        self.judges.close(one, family)

    def _some_plain(self, exchanges: Sequence[Exchange]) -> Sequence[Exchange]:
        count = len(exchanges)
        left = self._plain
        if count <= left:
            self._plain = left - count
            return exchanges
        self._plain = 0
        self._skip(count - left)
        return exchanges[:left]

    def _skip(self, count: int) -> None:
        self._skipped += count
        self.world.in_part = self._second + 1.0

    def _opened(self, exchanges: Sequence[Exchange]) -> None:
        one_way: dict[tuple[str | None, str | None], list[Exchange]] = {}
        for one in exchanges:
            if one.flags & _CONTROL:
                continue
            if not self._others:
                self._skipped += 1
                continue
            self._others -= 1
            kind = one.kind
            if kind is _BROADCAST:
                for cast in self.judges.cast:
                    cast(one)
                continue
            if kind is _UNREADABLE:
                for unreadable in self.judges.unreadable:
                    unreadable(one)
                continue
            if kind is _RESPONSE:
                for stray in self.judges.stray:
                    stray(one)
                continue
            if one.parent_id is not None and (kind is _REQUEST or kind is _ONE_WAY):
                self.world.families.add(one.parent_id, one)
            if kind is _ONE_WAY:
                one_way.setdefault((one.target, one.action), []).append(one)
            elif kind is _REQUEST:
                self._odd_request(one)
        for (service, action), some in one_way.items():
            for asked in self.judges.asked:
                asked(service or "", action or "", some)

    def _odd_request(self, one: Exchange) -> None:
        for asked in self.judges.asked:
            asked(one.target or "", one.action or "", (one,))
        if one.flags & Flag.REUSED_ID:
            for reused in self.judges.reused:
                reused(one)

    def _irregular_answers(self, exchanges: Sequence[Exchange]) -> None:
        for one in exchanges:
            if one.flags & _CONTROL or one.kind is not _REQUEST or one.answered_by_another:
                continue
            if not self._others:
                self._skipped += 1
                continue
            self._others -= 1
            alone, touched = (one,), one.flags & _DEBUGGED
            for answered in self.judges.of_harm["answered"] if touched else self.judges.answered:
                answered(one.target or "", one.action or "", alone)
            if one.state is not State.OK or one.flags & Flag.LATE:
                for failed in self.judges.of_harm["failed"] if touched else self.judges.failed:
                    failed(one)
            self._ended(one)

    def _ended(self, parent: Exchange) -> None:
        family = self.world.families.take(parent.request_id, None)
        if family is not None:
            self.judges.close(parent, family)


def _is_slow(record: Any_) -> bool:
    if isinstance(record, Heard):
        return (record.elapsed or 0.0) >= SLOW
    return isinstance(record, Handled) and ((record.queued or 0.0) >= SLOW or (record.elapsed or 0.0) >= SLOW)


def _put(some: Mapping[Asked, list[Exchange]], others: dict[Asked, list[Exchange]]) -> None:
    """Put some to the others of their action."""
    for key, exchanges in some.items():
        known = others.get(key)
        if known is None:
            others[key] = exchanges
        else:
            known += exchanges
