"""Figures by service and action: how many, how fast, how often wrong; and the same over time for plots. Pure.

Fed by `opened`, `settled`, `lost` and `dropped`; time comes with the exchanges. The memory is bounded: so many series,
so many time slots each, and what is beyond goes into one series named `…`.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from daebus_console.engine.bounded import remember
from daebus_console.engine.figures.histogram import LARGEST, Histogram
from daebus_console.engine.figures.rows import Row, Slow, row_of
from daebus_console.engine.figures.series import Series, Slot
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State

OTHERS = "…"
"""The service and action of the series that takes what there is no room for."""
Asked = tuple[str | None, str | None]
"""Whom and what for."""
_MOST_REMEMBERED = 20_000
_MOST_WAITING = 8_192
_MOST_SLOWEST = 100

# Looking a member up in its enum costs as much as all else in a line of what runs for every message.
_REQUEST, _ONE_WAY, _BROADCAST, _OK = Kind.REQUEST, Kind.ONE_WAY, Kind.BROADCAST, State.OK
_CONTROL = Flag.CONTROL
_NO_TIME = -5e-324
"""Less than nothing, and no less than that: what has no time, or seems to have less than none, is never slow."""
_SPECIAL = Flag.CONTROL | Flag.LATE | Flag.TIMELESS


class Stats:
    """The figures since the start or the last `clear`. Control traffic is left out.

    `slot` is the length of a time slot in seconds, `slots` how many are kept; `max_series` bounds the series.
    """

    def __init__(self, slot: float = 1.0, slots: int = 300, max_series: int = 500) -> None:
        if slot <= 0 or slots < 1 or max_series < 1:
            raise ValueError("statistics need at least one slot of some length, and one series")
        self.slot, self.slots, self.max_series = slot, slots, max_series
        self._last = 0
        self.clear()

    def clear(self) -> None:
        """Begin anew. Requests that are under way are not counted when they end."""
        self.broadcasts = 0
        self.orphans = 0
        self.unreadable = 0
        self._all = Series(self.slot, self.slots)
        self._series: dict[tuple[str | None, str | None], Series] = {}
        self._others: Series | None = None
        self._cleared = self._last
        self._lost = 0
        self._unanswered: dict[int, State] = {}
        self._slowest: list[Slow] = []
        self._fast_enough = _NO_TIME

    # What comes in ---------------------------------------------------------------------------------------------

    def opened(self, exchange: Exchange) -> None:
        """Count an exchange that has just been opened, but for what consoles and services say among themselves."""
        if exchange.flags & _CONTROL:
            return
        kind = exchange.kind
        if kind is not _REQUEST and kind is not _ONE_WAY:
            self._count_other(exchange)
            return
        at = exchange.opened.at
        self._last = exchange.number
        series = self._series.get((exchange.target, exchange.action)) or self._new_series(
            exchange.target, exchange.action
        )
        everything = self._all
        if at >= series.end:
            series.roll(at)
        if at >= everything.end:
            self._roll(at)
        series.count += 1
        everything.count += 1
        if kind is _REQUEST:
            series.in_flight += 1

    def opened_all(self, exchanges: Iterable[Exchange]) -> None:
        """The same for many of all kinds that came within one slot of time, those that ask nothing by the heap."""
        alone = 0
        sent: defaultdict[Asked, list[Exchange]] = defaultdict(list)
        for one in exchanges:
            kind = one.kind
            if kind is _BROADCAST:
                alone += not one.flags & _CONTROL
            elif kind is _ONE_WAY and not one.flags & _CONTROL:
                sent[one.target, one.action].append(one)
            else:
                self.opened(one)
        self.broadcasts += alone
        for some in sent.values():
            self.opened(some[0])
            more = len(some) - 1
            if more:
                last = some[-1]
                self._last = max(self._last, last.number)
                self._all.count += more
                (
                    self._series.get((last.target, last.action)) or self._new_series(last.target, last.action)
                ).count += more

    def opened_many(self, at: float, requests: Mapping[Asked, Sequence[Exchange]]) -> None:
        """The same for plain requests opened until `at`, within one slot of time, by whom was asked and for what."""
        everything = self._all
        if at >= everything.end:
            self._roll(at)
        for key, exchanges in requests.items():
            series = self._series.get(key) or self._new_series(*key)
            if at >= series.end:
                series.roll(at)
            count = len(exchanges)
            series.count += count
            series.in_flight += count
            everything.count += count
            self._last = max(self._last, exchanges[-1].number)

    def answered_many(self, at: float, answers: Mapping[Asked, Sequence[Exchange]]) -> None:
        """The same as `settled` for requests answered until `at`, within one slot of time: not late, and no errors.

        They were pending until then, so none of them was counted as unanswered.
        """
        if at >= self._all.end:
            self._roll(at)
        for key, answered in answers.items():
            series = self._series.get(key) or self._others
            if series is None:
                continue
            exchanges = [one for one in answered if one.number > self._cleared] if self._cleared else answered
            if not exchanges:
                continue
            if at >= series.end:
                series.roll(at)
            latencies = [one.answer.at - one.opened.at for one in exchanges]  # type: ignore[union-attr]  # answered
            series.in_flight -= len(exchanges)
            series.waiting += latencies
            series.waiting_handler += [
                elapsed for one in exchanges if (elapsed := one.elapsed) is not None and 0 <= elapsed <= LARGEST
            ]
            if max(latencies) > self._fast_enough:
                for exchange, latency in zip(exchanges, latencies, strict=True):
                    if latency > self._fast_enough:
                        self._keep_slow(exchange, latency)
            if len(series.waiting) >= _MOST_WAITING:
                series.fold()

    def settled(self, exchange: Exchange) -> None:
        """Count that a request was answered, or that its time ran out; again when it is answered after that."""
        if exchange.kind is not _REQUEST or exchange.flags & _CONTROL:
            return
        number = exchange.number
        series = self._series.get((exchange.target, exchange.action)) or self._others
        if series is None or number <= self._cleared:
            return
        answer = exchange.answer
        if answer is None:
            self._unmet(exchange, series)
            return
        if self._unanswered or number <= self._lost:
            self._take_back(number, series)
        everything = self._all
        at = answer.at
        latency = at - exchange.opened.at
        if at >= series.end:
            series.roll(at)
        if at >= everything.end:
            self._roll(at)
        series.in_flight -= 1
        if exchange.flags & Flag.TIMELESS:
            latency = _NO_TIME
        else:
            series.waiting.append(latency)
        # What a responder tells of itself may be anything that JSON can say.
        if exchange.elapsed is not None and 0 <= exchange.elapsed <= LARGEST:
            series.waiting_handler.append(exchange.elapsed)
        if exchange.state is not _OK:
            self._wrong(exchange, series)
        if latency > self._fast_enough:
            self._keep_slow(exchange, latency)
        if len(series.waiting) >= _MOST_WAITING:
            series.fold()

    def took_place(self, exchanges: Iterable[Exchange]) -> None:
        """Count exchanges as each stands when it comes, whenever it was: for rows and totals.

        Time slots mean nothing then.
        """
        plain: defaultdict[Asked, list[Exchange]] = defaultdict(list)
        left = _MOST_WAITING
        for one in exchanges:
            if one.state is _OK and one.kind is _REQUEST and not one.flags & _SPECIAL and one.answer is not None:
                asked = one.target, one.action
                if asked not in plain and asked not in self._series:
                    # Whatever came first has room, not what happens to be counted first.
                    self._new_series(*asked)
                plain[asked].append(one)
                left -= 1
                if not left:
                    self._answered(plain)
                    left = _MOST_WAITING
                continue
            self.opened(one)
            # One that was given up may be answered later than anybody waits for that.
            if one.state is not State.PENDING:
                self.settled(one)
        if plain:
            self._answered(plain)

    def merge(self, other: Stats) -> None:
        """Count what another has counted of exchanges that took place after these, for rows and totals.

        Raises ValueError where the other had no room for all its series: which they were is not known any more.
        """
        if other.full:
            raise ValueError("what had no room there cannot be told apart here")
        self.broadcasts += other.broadcasts
        self.orphans += other.orphans
        self.unreadable += other.unreadable
        for key, series in other._series.items():
            (self._series.get(key) or self._new_series(*key)).merge(series)
        self._all.merge(other._all)

    @property
    def full(self) -> bool:
        """Whether there was no room for all series."""
        return self._others is not None

    def _answered(self, requests: dict[Asked, list[Exchange]]) -> None:
        at = max(some[-1].opened.at for some in requests.values())
        self.opened_many(at, requests)
        self.answered_many(at, requests)
        requests.clear()

    def _unmet(self, exchange: Exchange, series: Series) -> None:
        """A request ran out of time, or its fate became unknown."""
        state = exchange.state
        remember(self._unanswered, exchange.number, state, _MOST_REMEMBERED)
        series.in_flight -= 1
        if state is State.UNKNOWN:
            series.unknown += 1
            return
        if exchange.until >= series.end:
            series.roll(exchange.until)
        if exchange.until >= self._all.end:
            self._roll(exchange.until)
        for one in (series, self._all):
            one.timeouts += 1

    def _wrong(self, exchange: Exchange, series: Series) -> None:
        """The answer is an error, or came too late."""
        for one in (series, self._all):
            if exchange.state is State.ERROR:
                one.errors += 1
            elif exchange.state is State.TIMEOUT:
                one.timeouts += 1

    def queued(self, service: str, action: str, seconds: float) -> None:
        """Count how long a message waited for a worker, as its service told; of actions that were seen being asked."""
        series = self._series.get((service, action))
        if series is not None and seconds <= LARGEST:
            series.waiting_queue.append(seconds)
            if len(series.waiting_queue) >= _MOST_WAITING:
                series.fold()

    def lost(self) -> None:
        """Count that everything under way became unknown now, since the connection was lost."""
        self._lost = self._last
        for series in self._every():
            series.unknown += max(0, series.in_flight)
            series.in_flight = 0

    def stepped(self) -> None:
        """The clock was set: what is under way cannot be measured, and time slots begin anew."""
        self.lost()
        for series in self._every():
            series.restart()

    def dropped(self, exchange: Exchange) -> None:
        """Forget that a request is under way, since the journal has no more room for it."""
        self._unanswered.pop(exchange.number, None)
        if exchange.state is State.PENDING and exchange.number > self._cleared:
            series = self._series.get((exchange.target, exchange.action)) or self._others
            if series is not None and not exchange.flags & Flag.CONTROL:
                series.in_flight -= 1

    def _count_other(self, exchange: Exchange) -> None:
        kind = exchange.kind
        if kind is Kind.BROADCAST:
            self.broadcasts += 1
        elif kind is Kind.RESPONSE:
            self.orphans += exchange.state is State.ORPHAN
        elif kind is Kind.UNREADABLE:
            self.unreadable += 1

    def _new_series(self, target: str | None, action: str | None) -> Series:
        if len(self._series) < self.max_series:
            series = self._series[(target, action)] = Series(self.slot, self.slots, self._all)
            return series
        if self._others is None:
            self._others = Series(self.slot, self.slots, self._all)
        return self._others

    def _take_back(self, number: int, series: Series) -> None:
        """A request that was counted as unanswered is answered after all."""
        before = self._unanswered.pop(number, State.UNKNOWN if number <= self._lost else None)
        if before is None:
            return
        series.in_flight += 1
        if before is State.UNKNOWN:
            series.unknown -= 1
        else:
            series.timeouts -= 1
            self._all.timeouts -= 1

    def _keep_slow(self, exchange: Exchange, latency: float) -> None:
        slow = Slow(latency, exchange.number, exchange.opened.at, exchange.target or "", exchange.action or "")
        if len(self._slowest) < _MOST_SLOWEST:
            heapq.heappush(self._slowest, slow)
        else:
            heapq.heapreplace(self._slowest, slow)
        if len(self._slowest) == _MOST_SLOWEST:
            self._fast_enough = self._slowest[0].latency

    def _roll(self, at: float) -> None:
        """Begin a new slot for all together: what still waits belongs to the one that ends."""
        self._fold()
        self._all.roll(at)

    def _fold(self) -> None:
        for series in self._every():
            series.fold()

    # What is asked ---------------------------------------------------------------------------------------------

    def rows(self, now: float) -> list[Row]:
        """A row for each service and action, the most used first."""
        rows = [
            row_of(target or "", action or "", one, one.rate(now)) for (target, action), one in self._series.items()
        ]
        if self._others is not None:
            rows.append(row_of(OTHERS, OTHERS, self._others, self._others.rate(now), self.max_series))
        rows.sort(key=lambda row: (-row.count, row.service, row.action))
        return rows

    def totals(self, now: float) -> Row:
        """All together in one row, whose service and action are empty."""
        self._fold()
        total = Series(self.slot, self.slots)
        for one in self._every():
            total.unknown += one.unknown
            total.in_flight += max(0, one.in_flight)
            total.handler.merge(one.handler)
            total.queue.merge(one.queue)
        total.count, total.errors, total.timeouts = self._all.count, self._all.errors, self._all.timeouts
        total.latency.merge(self._all.latency)
        return row_of("", "", total, self._all.rate(now))

    def series(self, service: str | None, action: str | None, now: float) -> list[Slot]:
        """The time slots of one action up to `now`, oldest first, without gaps; of all together where both are None.

        Empty for an action that was never seen.
        """
        self._fold()
        found = self._find(service, action)
        return found.slots_until(now) if found is not None else []

    def histogram(self, service: str | None, action: str | None) -> Histogram:
        """The latencies of one action, or of all together where both are None."""
        self._fold()
        found = self._find(service, action)
        return found.latency if found is not None else Histogram()

    def _find(self, service: str | None, action: str | None) -> Series | None:
        if service is None and action is None:
            return self._all
        return self._others if service == OTHERS else self._series.get((service, action or None))

    def slowest(self, count: int) -> list[Slow]:
        """The slowest answered requests, the slowest first; a hundred are kept."""
        return heapq.nlargest(count, self._slowest)

    def _every(self) -> Iterable[Series]:
        yield from self._series.values()
        if self._others is not None:
            yield self._others
