"""The tree that an exchange belongs to, from what set it off to its last effect, by `parent_id`. Pure.

Whatever the ids say it is a tree: a parent that was not seen stands as such at the top, a cycle is cut where it began,
and of several exchanges with one id the newest before the child is its parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from daebus_console.engine.message.exchange import Exchange

MOST = 50_000
"""Exchanges of one tree that are kept."""


class Node:
    """An exchange with those that were sent while it was handled; without one, a parent that was not seen.

    `id` is its request_id. `cut` tells that the ids go round: it is, says its parent_id, within itself.
    """

    __slots__ = ("children", "cut", "depth", "exchange", "id", "parent")

    def __init__(self, exchange: Exchange | None, id: str | None, parent: Node | None = None) -> None:
        self.exchange, self.id, self.parent = exchange, id, parent
        self.children: list[Node] = []
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.cut = False

    def walk(self) -> Iterator[Node]:
        """Itself and all below it, each before what is within it."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield node
            pending += reversed(node.children)


class Conversation:
    """The tree that `start` belongs to, among these exchanges (oldest first); `grow` takes those that come later.

    `left_out` counts those of it that there was no room for.
    """

    def __init__(self, start: Exchange, exchanges: Sequence[Exchange]) -> None:
        self.start = start
        self.left_out = 0
        self._nodes: dict[str, list[Node]] = {}
        self._numbers: set[int] = set()
        self._last = exchanges[-1].number if exchanges else 0
        self.root = self._top(start, exchanges)
        within: dict[str, list[Exchange]] = {}
        for exchange in exchanges:
            if exchange.parent_id is not None:
                within.setdefault(exchange.parent_id, []).append(exchange)
        self._fill(within)

    def __len__(self) -> int:
        return len(self._numbers)

    def exchanges(self) -> list[Exchange]:
        """All its exchanges, oldest first."""
        found = [node.exchange for node in self.root.walk() if node.exchange is not None]
        return sorted(found, key=lambda one: one.number)

    def has(self, exchange: Exchange) -> bool:
        """Whether that exchange belongs to it."""
        return exchange.number in self._numbers

    def grow(self, exchanges: Iterable[Exchange]) -> bool:
        """Take those that belong to it, of exchanges newer than all so far; whether there were any."""
        before = len(self._numbers)
        for exchange in exchanges:
            if exchange.number <= self._last:
                continue
            self._last = exchange.number
            parent = self._parent_of(exchange)
            if parent is not None:
                self._add(exchange, parent)
        return len(self._numbers) != before

    def _top(self, start: Exchange, exchanges: Sequence[Exchange]) -> Node:
        by_id = _ById(exchanges)
        top, chain = start, [start]
        seen = {start.number}
        while top.parent_id is not None:
            parent = by_id.before(top.parent_id, top)
            if parent is None:
                # What else it set off belongs to it, too.
                return self._note(Node(None, top.parent_id))
            if parent.number in seen:
                # Round and round: it begins where the oldest of them is.
                top = min(chain[chain.index(parent) :], key=lambda one: one.number)
                break
            seen.add(parent.number)
            chain.append(parent)
            top = parent
        node = Node(top, top.request_id)
        node.cut = top.parent_id is not None
        self._numbers.add(top.number)
        return self._note(node)

    def _fill(self, within: dict[str, list[Exchange]]) -> None:
        pending = [self.root]
        for node in pending:
            for exchange in within.get(node.id, ()) if node.id is not None else ():
                if exchange.number not in self._numbers and self._parent_of(exchange) is node:
                    child = self._add(exchange, node)
                    if child is not None:
                        pending.append(child)

    def _parent_of(self, exchange: Exchange) -> Node | None:
        nodes = self._nodes.get(exchange.parent_id) if exchange.parent_id is not None else None
        if not nodes:
            return None
        earlier = [node for node in nodes if node.exchange is None or node.exchange.number < exchange.number]
        return earlier[-1] if earlier else nodes[0]

    def _add(self, exchange: Exchange, parent: Node) -> Node | None:
        if len(self._numbers) >= MOST:
            self.left_out += 1
            return None
        self._numbers.add(exchange.number)
        node = Node(exchange, exchange.request_id, parent)
        parent.children.append(node)
        return self._note(node)

    def _note(self, node: Node) -> Node:
        if node.id is not None:
            self._nodes.setdefault(node.id, []).append(node)
        return node


class _ById:
    """Exchanges by their id, of which most have one of their own."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        self._first: dict[str, Exchange] = {}
        self._all: dict[str, list[Exchange]] = {}
        for exchange in exchanges:
            key = exchange.request_id
            if key is not None:
                first = self._first.setdefault(key, exchange)
                if first is not exchange:
                    self._all.setdefault(key, [first]).append(exchange)

    def before(self, id: str, child: Exchange) -> Exchange | None:
        """The newest with that id before the child; the oldest where all came later."""
        earlier = [one for one in self._all.get(id, ()) if one.number < child.number]
        return earlier[-1] if earlier else self._first.get(id)
