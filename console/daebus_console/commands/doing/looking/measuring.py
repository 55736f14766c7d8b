"""stats: requests counted by service and action."""

from __future__ import annotations

import math
import time
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from daebus.errors import DaebusError
from daebus_console.commands.context import Context
from daebus_console.commands.doing.shared.asking import ask
from daebus_console.commands.doing.shared.inputs import no_other, tell_warnings, whole
from daebus_console.commands.doing.shared.material import (
    LOOK_FOR,
    check_remembers,
    file_among,
    recording_of,
    status_of,
    wait,
)
from daebus_console.commands.doing.shared.numbered import named_by
from daebus_console.commands.grammar.command import Command, filter_of
from daebus_console.commands.verbs import Face
from daebus_console.engine.figures.rows import Row
from daebus_console.engine.figures.stats import Stats
from daebus_console.engine.filter import language as filters
from daebus_console.engine.filter.language import Filter
from daebus_console.engine.message.envelope import WATCH_PREFIX
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message
from daebus_console.engine.records.record import Handled, batch_in
from daebus_console.engine.replay.halves import Halves, Unfit
from daebus_console.engine.replay.source import Recording
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import why_missed
from daebus_console.naming import fields, shown
from daebus_console.render import Line, Span, duration, no_room_for, table_within

_AT_ONCE = 1_000
"""Records that are looked at while the tap waits."""
# Members of an enum are slow to look up, and these are wanted for every exchange.
_TOLD, _BROADCAST = Kind.TOLD, Kind.BROADCAST
_CONTROL, _TIMELESS = Flag.CONTROL, Flag.TIMELESS
_LEAST_WANTED = (["QUEUE P95"], ["HANDLER P95"], ["P99"], ["RATE/S"], ["MAX"], ["P95"])
"""Columns that a narrow terminal does without, the first ones first."""


def run_stats(command: Command, context: Context) -> int:
    """Count what is in a capture, or for a while, or at a prompt what is remembered, and print the figures."""
    file, words = file_among(command["what"] or ())
    no_other(words, "first or last")
    wanted = filters.parse(filter_of(words, command.line) or "")
    seconds = command["for"] if context.session.passing else None
    now, interrupted, missed = None, False, None
    if file is not None:
        whole(command, file.text)
        recording = recording_of(file, context)
        named_by(wanted, words, recording.exchanges())
        stats, looked, now = _recorded(recording, wanted)
        tell_warnings(recording, context)
    elif seconds is None and context.face is Face.PROMPT:
        with context.session.lock:
            named_by(wanted, words, context.session.journal.exchanges)
        stats, looked = _remembered(context.session, wanted)
        _count_queues(context.session, wanted, stats)
    else:
        check_remembers(words, context)
        first = context.session.journal.next_number
        stats, looked, interrupted, missed = _watched(context, wanted, seconds or LOOK_FOR)
        if not interrupted:
            _have_told(context, {row.service for row in stats.rows(context.session.clock())})
        _count_queues(context.session, wanted, stats, first)
    _print(command, context, stats, looked, context.session.clock() if now is None else now)
    if missed is not None:
        context.output.error(missed)
    return status_of(interrupted, missed)


def _recorded(recording: Recording, wanted: Filter) -> tuple[Stats, float, float]:
    """What is in a capture, how long it lasted, and when it ended. Raises CaptureError."""
    account = _Account(wanted)
    with Halves(recording, lambda: account.apart(recording.exchanges()), numbers="#" in wanted.text) as halves:
        account.count(recording.exchanges())
        if halves.result is not None:
            account.merge(halves.result)
    account.count_queues()
    return account.stats, account.looked.seconds, account.looked.end


def _no_times() -> array[float]:
    return array("d")


class _Account:
    """What is counted of a capture."""

    def __init__(self, wanted: Filter) -> None:
        self.wanted = wanted
        self.stats, self.looked = Stats(), _Looked()
        self._waited: defaultdict[tuple[str, str], array[float]] = defaultdict(_no_times)

    def count(self, exchanges: Iterable[Exchange]) -> None:
        """Count exchanges, in the order in which they were opened."""
        each = self._each(exchanges)
        self.stats.took_place(each if self.wanted.everything else filter(self.wanted.accepts, each))

    def _each(self, exchanges: Iterable[Exchange]) -> Iterator[Exchange]:
        looked = self.looked
        for exchange in exchanges:
            kind = exchange.kind
            if kind is _TOLD:
                # It is of a time that was not looked at.
                continue
            looked.take(exchange)
            if kind is _BROADCAST and exchange.flags & _CONTROL:
                for service, action, seconds in _queued_in(exchange.opened):
                    self._waited[service, action].append(seconds)
            yield exchange

    def apart(self, exchanges: Iterable[Exchange]) -> tuple[Stats, _Looked, dict[tuple[str, str], array[float]]]:
        """Count exchanges that come after others: what is to be merged with what those were. Raises Unfit."""
        self.count(exchanges)
        if self.stats.full:
            raise Unfit
        return self.stats, self.looked, dict(self._waited)

    def merge(self, other: tuple[Stats, _Looked, dict[tuple[str, str], array[float]]]) -> None:
        """Count what was counted apart."""
        stats, looked, waited = other
        self.stats.merge(stats)
        self.looked.merge(looked)
        for key, several in waited.items():
            self._waited[key] += several

    def count_queues(self) -> None:
        """Count how long messages waited for a worker, where all are wanted.

        Which of them a filter lets through would take all exchanges at once to tell.
        """
        if self.wanted.everything:
            for (service, action), several in self._waited.items():
                for seconds in several:
                    self.stats.queued(service, action, seconds)


def _queued_in(message: Message) -> Iterator[tuple[str, str, float]]:
    """How long messages waited for a worker, as an instance published it: service, action, seconds."""
    if message.channel.startswith(WATCH_PREFIX) and (batch := batch_in(message.channel, message.data)) is not None:
        for record in batch.records:
            if isinstance(record, Handled) and record.queued is not None:
                yield batch.service, record.action, record.queued


class _Looked:
    """For how long was looked: where the clock stepped meanwhile, by each clock for itself."""

    def __init__(self) -> None:
        self._before = 0.0
        self._begin, self.end = math.inf, 0.0

    @property
    def seconds(self) -> float:
        return self._before + max(0.0, self.end - self._begin)

    def take(self, exchange: Exchange) -> None:
        """Take exchanges in the order in which they were opened."""
        gap = exchange.aside.gap
        if gap is not None and not gap.lost and gap.end is not None:
            self._before, self._begin, self.end = self.seconds, gap.end, gap.end
            return
        at = exchange.opened.at
        if at < self._begin:
            self._begin = at
        # Where the clock stepped between them the answer is of another one.
        end = at if exchange.flags & _TIMELESS else exchange.latest.at
        if end > self.end:
            self.end = end

    def merge(self, later: _Looked) -> None:
        """Look on from here as another did, for whom no clock stepped."""
        self._begin, self.end = min(self._begin, later._begin), max(self.end, later.end)


def _remembered(session: Session, wanted: Filter) -> tuple[Stats, float]:
    looked = _Looked()
    with session.lock:
        exchanges = session.journal.exchanges
        found = [one for one in exchanges.between(exchanges.first, exchanges.last) if one.kind is not Kind.TOLD]
        now = session.clock()
    for one in found:
        looked.take(one)
    looked.end = now if found else looked.end
    return _counted(filter(wanted.accepts, found)), looked.seconds


def _counted(exchanges: Iterable[Exchange]) -> Stats:
    stats = Stats()
    stats.took_place(exchanges)
    return stats


def _watched(context: Context, wanted: Filter, seconds: float) -> tuple[Stats, float, bool, str | None]:
    """Count from now on for so long, or until interrupted; the text is why messages passed unseen, if any may have."""
    stats = Stats()
    # What an exchange is like (its status, its latency) is known when it is over, so with a filter all is counted then.
    finished: list[Exchange] = []
    everything, session = wanted.everything, context.session

    def take(message: Message, exchange: Exchange) -> None:
        """On the tap's thread, under the session's lock."""
        if message.kind is Kind.GAP:
            stats.lost()
        elif exchange.target == session.reply_to:
            # Of a question of ours that went where nobody reads; it is marked as that only when all of it is taken.
            return
        elif exchange.opened is message:
            if everything:
                stats.opened(exchange)
            else:
                finished.append(exchange)
        elif everything and exchange.answer is message:
            stats.settled(exchange)

    unwatch = session.watch(take, stats.settled if everything else None)
    interrupted = False
    try:
        context.look()
        since, begun = session.clock(), time.monotonic()
        interrupted = wait(context, seconds)
        looked = time.monotonic() - begun
        missed = why_missed(session, since)
    finally:
        unwatch()
    if not everything:
        stats = _counted(filter(wanted.accepts, finished))
    return stats, looked, interrupted, missed


def _have_told(context: Context, services: Iterable[str]) -> None:
    """Ask these what they have handled lately, those that tell it."""
    session = context.session
    with session.lock:
        asked = [(name, "recent", {"kinds": ["handled"]}) for name in services if session.telling.tells(name)]
    # Whoever cannot ask has the other figures all the same.
    with suppress(DaebusError):
        ask(context, asked)


def _count_queues(session: Session, wanted: Filter, stats: Stats, since: int = 0) -> None:
    """Count how long messages waited for a worker, as services have told by now: of exchanges from that number on."""
    with session.lock:
        told = [one for one in session.telling.records if isinstance(one, Handled) and one.queued is not None]
    for first in range(0, len(told), _AT_ONCE):
        with session.lock:
            for record in told[first : first + _AT_ONCE]:
                exchange = session.telling.exchange_of(record)
                if exchange is not None and exchange.number >= since and wanted.accepts(exchange):
                    stats.queued(record.source.service, record.action, record.queued or 0.0)


def _print(command: Command, context: Context, stats: Stats, looked: float, now: float) -> None:
    rows = stats.rows(now)
    if command["json"]:
        for row in rows:
            context.output.record(_record(row, looked))
        return
    if rows:
        lines, left_out = _lines([*rows, stats.totals(now)], looked, context.output.width)
        context.output.result(lines)
        if left_out:
            context.output.note(no_room_for(left_out))
    else:
        context.output.note("no requests were seen")
    others = [(stats.broadcasts, "broadcast"), (stats.orphans, "orphan answer")]
    beside = [f"{count:,} {name}{'s' * (count != 1)}" for count, name in others if count]
    beside += [f"{stats.unreadable:,} unreadable"] if stats.unreadable else []
    also = f"; also {', '.join(beside)}" if beside else ""
    context.output.note(f"in {looked:.1f} s{also}")


def _rate(row: Row, looked: float) -> float:
    return round(row.count / looked, 2) if looked > 0 else 0.0


def _record(row: Row, looked: float) -> dict[str, Any]:
    def milliseconds(seconds: float | None) -> float | None:
        return None if seconds is None else round(seconds * 1000, 3)

    # What is beyond is of many: a name would be taken for a service.
    named = fields("service", row.service) | {"action": row.action}
    return {
        **({"service": None, "action": None, "others": True} if row.beyond else named),
        "count": row.count,
        "rate": _rate(row, looked),
        "errors": row.errors,
        "timeouts": row.timeouts,
        "unknown": row.unknown,
        "pending": row.in_flight,
        "p50_ms": milliseconds(row.p50),
        "p95_ms": milliseconds(row.p95),
        "p99_ms": milliseconds(row.p99),
        "max_ms": milliseconds(row.largest),
        "handler_p50_ms": milliseconds(row.handler_p50),
        "handler_p95_ms": milliseconds(row.handler_p95),
        "queue_p50_ms": milliseconds(row.queue_p50),
        "queue_p95_ms": milliseconds(row.queue_p95),
    }


def _action(row: Row) -> str:
    return f"(beyond {row.beyond:,} actions)" if row.beyond else shown(row.action, text=True)


def _lines(rows: list[Row], looked: float, width: int) -> tuple[list[Line], list[str]]:
    """The figures in so many cells, and the columns for which there is no room in them: the least wanted ones."""
    cells: list[list[str | Span]] = []
    for row in rows:
        total = row is rows[-1]
        cells.append(
            [
                Span("all" if total else "(others)" if row.beyond else shown(row.service), "bold"),
                Span(_action(row) if not total else "", "key"),
                str(row.count),
                f"{_rate(row, looked):g}",
                Span(str(row.errors), "error" if row.errors else "dim"),
                Span(str(row.timeouts), "warn" if row.timeouts else "dim"),
                *(
                    duration(value)
                    for value in (row.p50, row.p95, row.p99, row.largest, row.handler_p95, row.queue_p95)
                ),
            ]
        )
    headings = (
        "SERVICE",
        "ACTION",
        "COUNT",
        "RATE/S",
        "ERRORS",
        "TIMEOUTS",
        "P50",
        "P95",
        "P99",
        "MAX",
        "HANDLER P95",
        "QUEUE P95",
    )
    return table_within(width, headings, cells, frozenset(range(2, len(headings))), _LEAST_WANTED)
