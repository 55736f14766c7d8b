"""A conversation over one time axis: for each exchange when, how long and where, and what became of errors. Pure.

An error arose where nothing within it had failed before, and rose to whatever failed after it; what answered well
though something within it had failed has swallowed that. Whether it should have, nobody can tell from here.

Times are by the clock of the tap. What a service told by its own is brought to that as far as it is known how far they
are apart, and marked (`Row.own_clock`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from daebus_console.engine.conversation.tree import Conversation, Node
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.message.steady import Steady
from daebus_console.engine.records.joining import Links, Told
from daebus_console.engine.records.record import Handled, Heard, Ran

_FAILED = (State.ERROR, State.TIMEOUT)
_SOONER = 0.05
"""Seconds by which the time of whoever asked may be over before it is here: it began before the request was seen."""


class Row(NamedTuple):
    """One exchange, or run, of a conversation. Times are seconds since its beginning.

    `end` is that of the final answer; of one without, the end of its time or, while it is open, now. `handler` is
    how long the service says it was in the handler, and `begun` where that must have begun, as far as the calls
    within it tell; `calls` how long at least one call within it was under way. `rose_to` is the number of the
    exchange that failed after it, `swallowed_by` that of the one that answered well all the same. `queued` is how
    long it waited for a worker, and `runs` what its handlers did, where the service told so. `own_clock` tells that
    start or end are of the clock of a service.
    """

    node: Node
    start: float
    end: float
    handler: float | None = None
    begun: float = 0.0
    calls: float = 0.0
    failed: bool = False
    arose: bool = False
    rose_to: int = 0
    swallowed_by: int = 0
    queued: float | None = None
    runs: tuple[Handled | Heard | Ran, ...] = ()
    own_clock: bool = False

    @property
    def exchange(self) -> Exchange | None:
        """The exchange; None for a parent that was not seen."""
        return self.node.exchange

    @property
    def way(self) -> float | None:
        """Seconds on the way, and waiting where that is not told apart; None where nobody told the handler's."""
        if self.handler is None:
            return None
        return max(0.0, self.end - self.start - self.handler - (self.queued or 0.0))

    @property
    def own(self) -> float | None:
        """Seconds in the handler without a call under way."""
        return None if self.handler is None else max(0.0, self.handler - self.calls)


class Waterfall(NamedTuple):
    """The rows of a conversation, each before what is within it; `begin` is epoch seconds, `length` seconds.

    Times are by the clock that was first; where it `stepped` meanwhile, that took none.
    """

    rows: list[Row]
    begin: float
    length: float
    stepped: bool = False


def waterfall(conversation: Conversation, now: float) -> Waterfall:
    """The conversation as it stands now (epoch seconds)."""
    nodes = list(conversation.root.walk())
    told = {id(node): _told(node, conversation.links) for node in nodes}
    spans: dict[int, tuple[float, float]] = {}
    times = conversation.times
    for node in nodes:
        if node.exchange is not None:
            spans[id(node)] = _span(node.exchange, now, told[id(node)], times)
        elif node.run is not None:
            spans[id(node)] = _span_of_run(node, spans, times)
    begin = min((start for start, _end in spans.values()), default=now)
    end = max((end for _start, end in spans.values()), default=now)
    rows = [_row(node, spans, begin, told) for node in nodes]
    stepped = times.has_stepped(node.exchange for node in nodes if node.exchange is not None)
    return Waterfall(rows, begin, max(0.0, end - begin), stepped)


def _told(node: Node, links: Links | None) -> Told:
    return Told() if links is None or node.exchange is None else links.told(node.exchange)


def _span(exchange: Exchange, now: float, told: Told, times: Steady) -> tuple[float, float]:
    opened = exchange.opened
    start = times.of(opened)
    if exchange.kind is not Kind.REQUEST:
        # Nothing answers it: it is over when its handlers are, of which only they tell.
        return start, max([start, *(times.of(opened, _end_of(run)) for run in told.handled)])
    if exchange.answer is not None:
        return start, max(start, times.of(exchange.answer))
    if exchange.state is State.PENDING:
        return start, max(start, now - times.now_ahead)
    return start, max(start, times.of(opened, exchange.until)) if exchange.state is State.TIMEOUT else start


def _span_of_run(node: Node, spans: dict[int, tuple[float, float]], times: Steady) -> tuple[float, float]:
    """When a run was, by its own clock; not before what set it off."""
    run, parent = node.run, node.parent
    assert run is not None, "it is a run"
    begun = run.begun
    if parent is not None and parent.exchange is not None:
        begun = times.of(parent.exchange.opened, begun)
    start = max(spans[id(parent)][0] if parent is not None else begun, begun)
    return start, max(start, start + (run.elapsed or 0.0))


def _end_of(run: Handled) -> float:
    return run.at + run.source.off


def _row(node: Node, spans: dict[int, tuple[float, float]], begin: float, told: dict[int, Told]) -> Row:
    exchange, run = node.exchange, node.run
    within = [spans[id(child)] for child in node.children if id(child) in spans]
    if exchange is None and run is None:
        start = min((start for start, _end in within), default=begin)
        return Row(node, start - begin, max((end for _start, end in within), default=begin) - begin)
    start, end = spans[id(node)]
    calls = _union(within, start, end)
    failed = _has_failed(node, told)
    if exchange is None:
        assert run is not None, "one of them is there"
        handler, begun = (run.elapsed, start) if run.elapsed is not None else (None, start)
        row = Row(node, start - begin, end - begin, handler, begun - begin, calls, failed, runs=(run,), own_clock=True)
    else:
        about = told[id(node)]
        runs = tuple(about.handled)
        handler, begun = _handler(exchange, start, end, within)
        if handler is None and exchange.kind is not Kind.REQUEST and len(runs) == 1:
            handler = runs[0].elapsed
            begun = end - (handler or 0.0)
        queued = None if handler is None else _queued(about.queued, begun - start)
        row = Row(node, start - begin, end - begin, handler, begun - begin, calls, failed, queued=queued, runs=runs)
        row = row._replace(own_clock=exchange.kind is Kind.TOLD or (exchange.kind is not Kind.REQUEST and bool(runs)))
    if not failed:
        return row
    arose = not any(_has_failed(child, told) and _failed_at(child, spans) <= end for child in node.children)
    parent = node.parent.exchange if node.parent is not None else None
    rose_to = swallowed_by = 0
    asked = exchange is not None and exchange.kind is Kind.REQUEST
    if (
        asked
        and parent is not None
        and node.parent is not None
        and spans[id(node.parent)][1] >= _failed_at(node, spans)
    ):
        if parent.state is State.ERROR:
            rose_to = parent.number
        elif parent.state is State.OK:
            swallowed_by = parent.number
    return row._replace(arose=arose, rose_to=rose_to, swallowed_by=swallowed_by)


def _failed_at(node: Node, spans: dict[int, tuple[float, float]]) -> float:
    """When whoever asked knew of it: not as late as an answer that came too late."""
    start, end = spans[id(node)]
    exchange = node.exchange
    if exchange is None or exchange.state is not State.TIMEOUT or not exchange.deadline:
        return end
    return min(end, start + max(0.0, exchange.deadline - exchange.opened.at - _SOONER))


def _has_failed(node: Node, told: dict[int, Told]) -> bool:
    exchange = node.exchange
    if exchange is None:
        return node.run is not None and node.run.failed
    if exchange.kind is Kind.REQUEST or exchange.kind is Kind.TOLD:
        return exchange.state in _FAILED
    return any(run.failed for run in told[id(node)].handled) or bool(told[id(node)].refused)


def _queued(told: float | None, room: float) -> float | None:
    """How long it waited, as told, in the time that there was for it."""
    return None if told is None else min(told, max(0.0, room))


def _handler(
    exchange: Exchange, start: float, end: float, within: Iterable[tuple[float, float]]
) -> tuple[float | None, float]:
    """How long it was in the handler, and from when on: as late as can be, for most wait before, but not after."""
    told = exchange.elapsed
    if told is None or exchange.answer is None or exchange.timeless or not 0 <= told < 1e9:
        return None, start
    told = min(told, end - start)
    first = min((began for began, _end in within), default=end)
    return told, max(start, min(end - told, first))


def _union(spans: Iterable[tuple[float, float]], start: float, end: float) -> float:
    """How long at least one of the spans was under way, between both times."""
    total, until = 0.0, start
    for begin, close in sorted(spans):
        begin, close = max(begin, until), min(close, end)
        if close > begin:
            total += close - begin
            until = close
    return total
