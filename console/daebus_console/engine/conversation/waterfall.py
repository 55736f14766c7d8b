"""A conversation over one time axis: for each exchange when, how long and where, and what became of errors. Pure.

An error arose where nothing within it had failed before, and rose to whatever failed after it; what answered well
though something within it had failed has swallowed that. Whether it should have, nobody can tell from here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from daebus_console.engine.conversation.tree import Conversation, Node
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State

_FAILED = (State.ERROR, State.TIMEOUT)


class Row(NamedTuple):
    """One exchange of a conversation. Times are seconds since its beginning, by the clock of the tap.

    `end` is that of the final answer; of one without, its deadline or, while it is open, now. `handler` is how long the
    service says it was in the handler, and `begun` where that must have begun, as far as the calls within it tell;
    `calls` how long at least one call within it was under way. `rose_to` is the number of the exchange that failed
    after it, `swallowed_by` that of the one that answered well all the same.
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

    @property
    def exchange(self) -> Exchange | None:
        """The exchange; None for a parent that was not seen."""
        return self.node.exchange

    @property
    def way(self) -> float | None:
        """Seconds on the way and waiting, both ways; None where the service did not tell how long it handled it."""
        return None if self.handler is None else max(0.0, self.end - self.start - self.handler)

    @property
    def own(self) -> float | None:
        """Seconds in the handler without a call under way."""
        return None if self.handler is None else max(0.0, self.handler - self.calls)


class Waterfall(NamedTuple):
    """The rows of a conversation, each before what is within it; `begin` is epoch seconds, `length` seconds."""

    rows: list[Row]
    begin: float
    length: float


def waterfall(conversation: Conversation, now: float) -> Waterfall:
    """The conversation as it stands now (epoch seconds)."""
    nodes = list(conversation.root.walk())
    spans = {id(node): _span(node.exchange, now) for node in nodes if node.exchange is not None}
    begin = min((start for start, _end in spans.values()), default=now)
    end = max((end for _start, end in spans.values()), default=now)
    rows = [_row(node, spans, begin) for node in nodes]
    return Waterfall(rows, begin, max(0.0, end - begin))


def _span(exchange: Exchange, now: float) -> tuple[float, float]:
    start = exchange.opened.at
    if exchange.kind is not Kind.REQUEST:
        return start, start
    if exchange.answer is not None:
        return start, max(start, exchange.answer.at)
    if exchange.state is State.PENDING:
        return start, max(start, now)
    return start, max(start, exchange.deadline) if exchange.state is State.TIMEOUT else start


def _row(node: Node, spans: dict[int, tuple[float, float]], begin: float) -> Row:
    exchange = node.exchange
    within = [spans[id(child)] for child in node.children if child.exchange is not None]
    if exchange is None:
        start = min((start for start, _end in within), default=begin)
        return Row(node, start - begin, max((end for _start, end in within), default=begin) - begin)
    start, end = spans[id(node)]
    handler, begun = _handler(exchange, start, end, within)
    failed = _has_failed(exchange)
    row = Row(node, start - begin, end - begin, handler, begun - begin, _union(within, start, end), failed)
    if not failed:
        return row
    arose = not any(
        child.exchange is not None and _has_failed(child.exchange) and spans[id(child)][1] <= end
        for child in node.children
    )
    parent = node.parent.exchange if node.parent is not None else None
    rose_to = swallowed_by = 0
    if parent is not None and node.parent is not None and spans[id(node.parent)][1] >= end:
        if parent.state is State.ERROR:
            rose_to = parent.number
        elif parent.state is State.OK:
            swallowed_by = parent.number
    return row._replace(arose=arose, rose_to=rose_to, swallowed_by=swallowed_by)


def _has_failed(exchange: Exchange) -> bool:
    return exchange.state in _FAILED and exchange.kind is Kind.REQUEST


def _handler(
    exchange: Exchange, start: float, end: float, within: Iterable[tuple[float, float]]
) -> tuple[float | None, float]:
    """How long it was in the handler, and from when on: as late as can be, for most wait before, but not after."""
    told = exchange.elapsed
    if told is None or exchange.answer is None or exchange.flags & Flag.TIMELESS or not 0 <= told < 1e9:
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
