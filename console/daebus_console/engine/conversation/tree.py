"""The tree that an exchange belongs to, from what set it off to its last effect. Pure.

It is made of what the messages say, by `parent_id`, and of what services tell: which run of a task or a listener set a
request off, who published a broadcast, and who heard it; where nobody says it, of what is `supposed`. Whatever the ids
say it is a tree: a parent that was not seen stands as such at the top, a cycle is cut where it began, and of several
exchanges with one id the newest before the child is its parent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from daebus_console.engine.conversation.supposing import Supposing
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.message.steady import Steady
from daebus_console.engine.records.joining import Links
from daebus_console.engine.records.record import Heard, Ran, key_of

MOST = 50_000
"""Exchanges and runs of one tree that are kept."""
Run = Heard | Ran
Key = str | int
"""The id of an exchange or a run; of a broadcast, which has none, its number."""


class Node:
    """An exchange or a `run`, with what was sent or done from it; with neither, a parent that was not seen.

    `id` is its request_id, or that of the run. `cut` tells that the ids go round: it is, says its parent_id, within
    itself. `supposed` tells that no id says what it was sent from; see `supposing`.
    """

    __slots__ = ("children", "cut", "depth", "exchange", "id", "parent", "run", "supposed")

    def __init__(
        self, exchange: Exchange | None, id: str | None, parent: Node | None = None, run: Run | None = None
    ) -> None:
        self.exchange, self.id, self.parent, self.run = exchange, id, parent, run
        self.children: list[Node] = []
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.cut = self.supposed = False

    @property
    def key(self) -> Key | None:
        """What others name it by that belong to it."""
        if self.exchange is not None and self.exchange.kind is Kind.BROADCAST:
            return self.exchange.number
        return self.id

    def walk(self) -> Iterator[Node]:
        """Itself and all below it, each before what is within it."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield node
            pending += reversed(node.children)


class Conversation:
    """The tree that `start` belongs to, among these exchanges (oldest first); `grow` takes those that come later.

    `links` are what services told of them. `left_out` counts those of it that there was no room for.
    """

    def __init__(self, start: Exchange, exchanges: Sequence[Exchange], links: Links | None = None) -> None:
        self.start = start
        self.left_out = 0
        self._links = links
        self._nodes: dict[Key, list[Node]] = {}
        self._numbers: set[int] = set()
        self._runs: set[str] = set()
        self._last = exchanges[-1].number if exchanges else 0
        self._supposing = Supposing()
        self._supposed: dict[int, str | None] = {}
        self.times = Steady()
        for exchange in exchanges:
            self.times.at(exchange)
            self._suppose(exchange)
        self.root = self._top(start, exchanges)
        within: dict[Key, list[Exchange]] = {}
        for exchange in exchanges:
            said = exchange.parent_id or self._supposed.get(exchange.number)
            if said is not None:
                within.setdefault(said, []).append(exchange)
        for exchange in links.casts() if links is not None else ():
            parent = self._parent_id(exchange)
            if parent is not None:
                within.setdefault(parent, []).append(exchange)
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

    @property
    def links(self) -> Links | None:
        """What services told of its exchanges."""
        return self._links

    def grow(self, exchanges: Iterable[Exchange]) -> bool:
        """Take those that belong to it, of exchanges newer than all so far; whether there were any.

        What services tell later is not taken: for that it is made anew.
        """
        before = len(self._numbers)
        for exchange in exchanges:
            if exchange.number <= self._last:
                continue
            self._last = exchange.number
            self.times.at(exchange)
            self._suppose(exchange)
            parent = self._parent_of(exchange)
            if parent is not None:
                self._add(exchange, parent)
        return len(self._numbers) != before

    def _parent_id(self, exchange: Exchange) -> str | None:
        told = exchange.parent_id
        if told is None and self._links is not None:
            told = self._links.parent_of(exchange)
        return self._supposed.get(exchange.number) if told is None else told

    def _suppose(self, exchange: Exchange) -> None:
        parent = self._supposing.parent_of(exchange)
        if parent is not None:
            self._supposed[exchange.number] = parent.request_id

    def _top(self, start: Exchange, exchanges: Sequence[Exchange]) -> Node:
        by_id = _ById(exchanges)
        top, chain = start, [start]
        seen = {start.number}
        while (key := self._parent_id(top)) is not None:
            parent = by_id.before(key, top)
            if parent is None:
                run = self._links.run(key) if self._links is not None else None
                parent = self._links.cast_of_run(run) if self._links is not None and run is not None else None
                if parent is None:
                    # What else it set off belongs to it, too.
                    return self._note(Node(None, key, run=run))
            if parent.number in seen:
                # Round and round: it begins where the oldest of them is.
                top = min(chain[chain.index(parent) :], key=lambda one: one.number)
                break
            seen.add(parent.number)
            chain.append(parent)
            top = parent
        node = Node(top, top.request_id)
        node.cut = self._parent_id(top) is not None
        self._numbers.add(top.number)
        return self._note(node)

    def _fill(self, within: dict[Key, list[Exchange]]) -> None:
        pending = [self.root]
        for node in pending:
            pending += self._listeners(node)
            for exchange in within.get(node.key, ()) if node.key is not None else ():
                if exchange.number not in self._numbers and self._parent_of(exchange) is node:
                    child = self._add(exchange, node)
                    if child is not None:
                        pending.append(child)

    def _listeners(self, node: Node) -> Iterator[Node]:
        """The runs of listeners that a broadcast set off, taken in as they are met."""
        if self._links is None or node.exchange is None or node.exchange.kind is not Kind.BROADCAST:
            return
        for run in self._links.told(node.exchange).heard:
            id = key_of(run.id)
            if id is None or id in self._runs:
                continue
            if len(self._numbers) + len(self._runs) >= MOST:
                self.left_out += 1
                continue
            self._runs.add(id)
            child = Node(None, id, node, run)
            node.children.append(child)
            yield self._note(child)

    def _parent_of(self, exchange: Exchange) -> Node | None:
        key = self._parent_id(exchange)
        nodes = self._nodes.get(key) if key is not None else None
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
        told = exchange.parent_id if self._links is None else exchange.parent_id or self._links.parent_of(exchange)
        node.supposed = told is None
        parent.children.append(node)
        return self._note(node)

    def _note(self, node: Node) -> Node:
        if node.key is not None:
            self._nodes.setdefault(node.key, []).append(node)
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
