"""A conversation as text: the bar of a row, its place in the tree, what is to be said of it. Pure; knows no colours."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from daebus_console.engine.conversation.tree import Node
from daebus_console.engine.conversation.waterfall import Row, Waterfall
from daebus_console.engine.insight.groups import failure_of
from daebus_console.engine.message.exchange import Exchange, Kind, State

WAY, HANDLER, UNTOLD, VAIN, MOMENT = "░", "█", "▒", "╌", "◆"
MOST_WITHIN = 40
"""Exchanges within one that are drawn; the others are counted."""
MOST_ROWS = 500
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
            names = Counter(name_of(one.exchange) for one in node)
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
        if flat:
            yield child, f"{below}{node.depth + 1} ", below
        else:
            yield child, below + ("└ " if last else "├ "), below + ("  " if last else "│ ")
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
    if exchange is not None and exchange.kind is not Kind.REQUEST:
        return (" " * first + MOMENT).ljust(width)
    last = max(first, min(width - 1, math.ceil(row.end * scale) - 1))
    if exchange is None or row.handler is None:
        untold = exchange is None or exchange.answer is not None
        return (" " * first + (UNTOLD if untold else VAIN) * (last - first + 1)).ljust(width)
    begun = min(last, max(first, cell(row.begun)))
    ended = max(begun, min(last, math.ceil((row.begun + row.handler) * scale) - 1))
    cells = [WAY] * (last - first + 1)
    cells[begun - first : ended - first + 1] = HANDLER * (ended - begun + 1)
    return (" " * first + "".join(cells)).ljust(width)


def name_of(exchange: Exchange | None) -> str:
    """What was asked of whom, as it is; not yet safe to show."""
    if exchange is None:
        return "(not seen)"
    if exchange.kind is Kind.RESPONSE:
        return f"answer on {exchange.target}"
    return f"{exchange.target}.{exchange.action}" if exchange.action is not None else exchange.target or ""


def verdict(row: Row) -> str:
    """What became of its error: where it arose, how far it rose, what answered well all the same; empty for none."""
    if not row.failed or row.exchange is None:
        return ""
    parts = ["arose here" if row.arose else "came from within"]
    if row.rose_to:
        parts.append(f"rose to #{row.rose_to}")
    elif row.swallowed_by:
        parts.append(f"#{row.swallowed_by} answered well all the same")
    elif row.node.parent is None:
        parts.append("reached who asked")
    return ", ".join(parts)


def error_of(exchange: Exchange) -> str:
    """The error in short: its code, type and text."""
    failure = failure_of(exchange)
    if failure is None:
        return ""
    words = dict.fromkeys(word for word in (failure.code, failure.type) if word)
    return " ".join(words) + (f": {failure.text}" if failure.text else "")


def remark(row: Row) -> str:
    """What else is to be said of a row."""
    exchange = row.exchange
    if exchange is None:
        return f"the exchange with the id {row.node.id} was not seen"
    if row.node.cut:
        return "its parent_id leads back to itself through what is within it"
    if exchange.state is State.UNKNOWN:
        return "nobody knows how it ended: there was a gap"
    return ""
