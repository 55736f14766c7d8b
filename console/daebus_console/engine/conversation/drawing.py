"""A conversation as text: the bar of a row, its place in the tree, what is to be said of it. Pure; knows no colours."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from daebus_console.engine.conversation.tree import Node, Run
from daebus_console.engine.conversation.waterfall import Row, Waterfall
from daebus_console.engine.insight.groups import failure_of
from daebus_console.engine.message.envelope import Unreadable, decode
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.message.touched import touched
from daebus_console.engine.records.lines import name_of_run
from daebus_console.engine.records.record import Handled, Heard, Ran

WAY, QUEUE, HANDLER, UNTOLD, VAIN, MOMENT = "░", "▞", "█", "▒", "╌", "◆"
MOST_WITHIN = 40
"""Exchanges within one that are drawn; the others are counted."""
MOST_ROWS = 500
_READ = 1_000_000
DEEPEST = 12
"""Levels that are indented."""


class Drawn(NamedTuple):
    """A line of the drawing: a row, or, without one, how many more there are at that place."""

    prefix: str
    row: Row | None
    more: int = 0
    names: tuple[tuple[str, int], ...] = ()


def drawn(found: Waterfall) -> list[Drawn]:
    """The rows that are drawn, each with its place in the tree; of very many, the first and how many more there are."""
    by_node = {id(row.node): row for row in found.rows}
    lines: list[Drawn] = []
    pending: list[tuple[Node | Sequence[Node], str, str]] = [(found.rows[0].node, "", "")]
    while pending and len(lines) < MOST_ROWS:
        node, prefix, below = pending.pop()
        if not isinstance(node, Node):
            names = Counter(name_of_node(one) for one in node)
            lines.append(Drawn(prefix, None, len(node), tuple(names.most_common(3))))
            continue
        lines.append(Drawn(prefix, by_node[id(node)]))
        pending += reversed(list(_within(node, below)))
    if pending:
        left = len(found.rows) - sum(one.row is not None for one in lines)
        lines.append(Drawn("", None, left))
    return lines


def _within(node: Node, below: str) -> Iterator[tuple[Node | Sequence[Node], str, str]]:
    shown, rest = node.children[:MOST_WITHIN], node.children[MOST_WITHIN:]
    flat = node.depth >= DEEPEST
    for index, child in enumerate(shown):
        last = index == len(shown) - 1 and not rest
        branch = "┊ " if child.supposed else "└ " if last else "├ "
        if flat:
            yield child, f"{below}{node.depth + 1} ", below
        else:
            yield child, below + branch, below + ("  " if last else "│ ")
    if rest:
        yield rest, below + "└ ", below


def bar(row: Row, length: float, width: int) -> str:
    """The row on an axis of that many seconds, in `width` cells; at least one cell is of it."""
    if width <= 0:
        return ""
    scale = width / length if length > 0 else 0.0

    def cell(at: float) -> int:
        return min(width - 1, max(0, int(at * scale)))

    exchange = row.exchange
    first = cell(row.start)
    asked = exchange is None or exchange.kind is Kind.REQUEST
    if not asked and row.handler is None:
        return (" " * first + MOMENT).ljust(width)
    last = max(first, min(width - 1, math.ceil(row.end * scale) - 1))
    if row.handler is None:
        untold = exchange is None or exchange.answer is not None
        return (" " * first + (UNTOLD if untold else VAIN) * (last - first + 1)).ljust(width)
    begun = min(last, max(first, cell(row.begun)))
    ended = max(begun, min(last, math.ceil((row.begun + row.handler) * scale) - 1))
    # Of what a debugger has held nobody tells for how long it was on the way.
    held = exchange is not None and exchange.has(Flag.DEBUGGED)
    cells = [UNTOLD if held else WAY] * (last - first + 1)
    if row.queued is not None:
        waited = max(first, cell(row.begun - row.queued))
        cells[waited - first : begun - first] = QUEUE * (begun - waited)
    cells[begun - first : ended - first + 1] = HANDLER * (ended - begun + 1)
    return (" " * first + "".join(cells)).ljust(width)


def name_of(exchange: Exchange | None, run: Run | None = None) -> str:
    """What was asked of whom, as it is, or what ran where; not yet safe to show."""
    if exchange is None:
        return "(not seen)" if run is None else f"{name_of_run(run)} in {run.source.service}"
    if exchange.kind is Kind.RESPONSE:
        return f"answer on {exchange.target}"
    return f"{exchange.target}.{exchange.action}" if exchange.action is not None else exchange.target or ""


def name_of_node(node: Node) -> str:
    """The same; of what was not seen, what its children say that it was."""
    if node.exchange is None and node.run is None:
        for child in node.children[:1]:
            cause = cause_of(child.exchange) if child.exchange is not None else None
            if cause is not None and child.exchange is not None:
                return f"{cause} in {child.exchange.source}" if child.exchange.source else cause
    return name_of(node.exchange, node.run)


def cause_of(exchange: Exchange) -> str | None:
    """What set it off that is no message, such as a task, as the message itself says."""
    data = exchange.opened.data
    if b'"cause"' not in data or len(data) > _READ:
        return None
    try:
        fields = decode(data)
    except Unreadable:
        return None
    cause = fields.get("cause") if isinstance(fields, dict) else None
    return cause if isinstance(cause, str) and cause else None


def verdict(row: Row) -> str:
    """What became of its error: where it arose, how far it rose, what answered well all the same; empty for none."""
    if not row.failed:
        return ""
    parts = ["arose here" if row.arose else "came from within"]
    if row.exchange is None or row.exchange.kind not in (Kind.REQUEST, Kind.TOLD):
        parts.append("nobody was told")
    elif row.rose_to:
        parts.append(f"rose to #{row.rose_to}")
    elif row.swallowed_by:
        parts.append(f"#{row.swallowed_by} answered well all the same")
    elif row.node.parent is None:
        parts.append("reached who asked")
    return ", ".join(parts)


def error_of(exchange: Exchange, runs: Iterable[Handled | Heard | Ran] = ()) -> str:
    """The error in short: its code, type and text; of what nobody answers, as it was told of the `runs`."""
    failure = failure_of(exchange)
    if failure is None:
        return _error_of_run(next((run for run in runs if run.failed), None))
    words = dict.fromkeys(word for word in (failure.code, failure.type) if word)
    return ": ".join(part for part in (" ".join(words), failure.text) if part)


def error_in(row: Row) -> str:
    """The same for a row."""
    if row.exchange is None:
        return _error_of_run(row.node.run)
    return error_of(row.exchange, row.runs) or row.exchange.aside.code or "it was refused"


def _error_of_run(run: Handled | Heard | Ran | None) -> str:
    if run is None:
        return ""
    return f"{run.type or run.outcome}: {run.error}" if run.error else run.type or run.outcome


def remark(row: Row) -> str:
    """What else is to be said of a row."""
    exchange = row.exchange
    if exchange is None:
        return "" if row.node.run is not None else f"the exchange with the id {row.node.id} was not seen"
    if row.node.cut:
        return "its parent_id leads back to itself through what is within it"
    if row.node.supposed and exchange.source is not None:
        return f"no id says what it was sent from: {exchange.source} had nothing else under way"
    if exchange.state is State.UNKNOWN:
        return "nobody knows how it ended: there was a gap"
    if exchange.has(Flag.DEBUGGED):
        return f"a debugger had a hand in it: {touched(exchange)}"
    if exchange.kind is not Kind.REQUEST or not exchange.timeless:
        return ""
    if not exchange.has(Flag.TIMELESS):
        why = "its answer seems older than it"
    else:
        why = "the clock stepped while it was under way" if exchange.stepped else "its answer was seen before it"
    return f"{why}: nobody knows how long it took"
