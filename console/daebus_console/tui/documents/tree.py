"""JSON values as a tree that folds. Pure.

Nothing below a closed node exists, and the children of a large one come in groups, so a payload of 10 MB opens at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from typing import NamedTuple

from daebus_console.engine.filter import writing
from daebus_console.engine.hiding.redact import MASK
from daebus_console.engine.jsontext import dumps
from daebus_console.tui.documents import lazy
from daebus_console.tui.documents.document import Document
from daebus_console.tui.documents.node import Node, laid_out
from daebus_console.tui.documents.tree_lines import node_line
from daebus_console.tui.rows.lines import Line, text_of

OPEN_ROWS = 60
"""How many rows are opened from the start."""


class _Like(NamedTuple):
    """What a line has in common with itself in another layout."""

    path: str
    kind: str
    key: str | int | None


Place = tuple[tuple[str, int], _Like, int]
"""Which root, which lines inside of it, and which of these, or with how many signs before it."""


class Tree(Document):
    """Roots one below the other, each with what is open of it."""

    def __init__(self, roots: list[Node]) -> None:
        self.roots = roots
        self._wrap: int | None = None
        self._open_some()
        self.rows = [row for root in roots for row in _visible(root)]

    def _open_some(self) -> None:
        """Open what fits into OPEN_ROWS, level by level."""
        room = OPEN_ROWS - len(self.roots)
        level = [root for root in self.roots if root.open]
        for root in level:
            room -= len(root.inside())
        level = [node for root in self.roots for node in (root.inside() if root.open else [root])]
        while level:
            below: list[Node] = []
            for node in level:
                if isinstance(node.value, dict | list) and node.kind == "value" and 0 < node.size <= room:
                    node.open = True
                    below += node.inside()
                    room -= node.size
            level = below

    def adopt(self, before: Document) -> None:
        if not isinstance(before, Tree):
            return
        roots = [root for root in self.roots if root.kind != "note"]
        others = [root for root in before.roots if root.kind != "note"]
        if len(roots) > len(others):
            # The last one was open for being the last: now it is another one.
            others = others[:-1]
        for root, old in zip(roots, others, strict=False):
            _fold_like(root, old)
        self._list_rows()

    def _list_rows(self) -> None:
        self.rows = [row for root in self.roots for row in self._rows_of(root)]

    def _rows_of(self, root: Node) -> Iterable[Node]:
        return laid_out(root, self._wrap) if root.kind == "note" else _visible(root, self._wrap)

    def place(self, index: int) -> Place:
        root, begin, _end = next(part for part in self._of_roots() if index < part[2])
        node = self.rows[index]
        before = [row for row in self.rows[begin:index] if _is_like(row, _like(node))]
        # Of a text the sign it begins with, since it may be parted elsewhere; of others of one name, which it is.
        return root, _like(node), sum(len(row.value) for row in before) if node.kind == "part" else len(before)

    def row_of(self, place: Place) -> int:
        root, like, count = place
        begin, end = next(((begin, end) for name, begin, end in self._of_roots() if name == root), (0, 1))
        inside = [index for index in range(begin, end) if _is_like(self.rows[index], like)]
        if inside and like.kind == "part":
            ends = accumulate(len(self.rows[index].value) for index in inside)
            return next((index for index, last in zip(inside, ends, strict=True) if count < last), inside[-1])
        if inside:
            return inside[min(count, len(inside) - 1)]
        return next((index for index in range(begin, end) if self.rows[index].path == like.path), begin)

    def open_to(self, place: Place) -> None:
        begin = next((begin for name, begin, _end in self._of_roots() if name == place[0]), None)
        inside = place[1].path or place[1].kind not in ("value", "note")
        if begin is not None and inside and self.opened(begin) is False:
            self.toggle(begin)

    def _of_roots(self) -> Iterator[tuple[tuple[str, int], int, int]]:
        """Each root by what it is called, of those it is which, and its lines: the first, and that behind the last."""
        roots = {id(root) for root in self.roots}
        begins = [index for index, row in enumerate(self.rows) if id(row) in roots]
        called: Counter[str] = Counter()
        for begin, end in pairwise([*begins, len(self.rows)]):
            root = self.rows[begin]
            name = text_of((root.label or [])[:1]) if root.kind == "note" else ""
            called[name] += 1
            yield (name, called[name]), begin, end

    def lay_out(self, width: int, *, whole: bool) -> None:
        wrap = width if whole else None
        if wrap == self._wrap:
            return
        self._wrap = wrap
        if wrap is None:
            for row in self.rows:
                row.unfold_text(None)
        for root in self.roots:
            root.unfold_text(wrap)
        self._list_rows()

    def count(self) -> int:
        return len(self.rows)

    def line(self, index: int, width: int) -> Line:
        return node_line(self.rows[index], width)

    def opened(self, index: int) -> bool | None:
        node = self.rows[index]
        return node.open if node.foldable else None

    def toggle(self, index: int) -> bool:
        node = self.rows[index]
        if not node.foldable:
            return False
        if node.open:
            del self.rows[index + 1 : self._end(index)]
            node.open = False
        else:
            node.open = True
            self.rows[index + 1 : index + 1] = list(_visible(node, self._wrap))[1:]
        return True

    def _end(self, index: int) -> int:
        """The index behind the last line inside of that one."""
        depth, end = self.rows[index].depth, index + 1
        while end < len(self.rows) and self.rows[end].depth > depth:
            end += 1
        return end

    def parent(self, index: int) -> int | None:
        depth = self.rows[index].depth
        return next((above for above in range(index - 1, -1, -1) if self.rows[above].depth < depth), None)

    def value(self, index: int) -> str | None:
        node = self.rows[index]
        if node.kind == "note":
            return node.value if node.value is not None else text_of(node.label or []).strip()
        if isinstance(node.value, str):
            return node.value
        if node.kind == "parts":
            return "".join(node.value)
        value = [item for _key, item in node.value] if node.kind == "group" else node.raw
        try:
            return lazy.text_of(value)
        except RecursionError:
            return None

    def followed(self, index: int) -> str | None:
        node = self.rows[index]
        value = node.value
        if node.kind != "value" or isinstance(value, bool) or not isinstance(value, str | int | float) or value == MASK:
            return None
        return writing.carrying(value)

    def path(self, index: int) -> str | None:
        return self.rows[index].path or None

    def find(self, text: str, start: int, direction: int) -> int | None:
        wanted = text.casefold()
        count = len(self.rows)
        for step in range(1, count + 1):
            index = (start + direction * step) % count
            if _holds(self.rows[index], wanted):
                if self._open_to(index, wanted):
                    return self.find(text, index, 1)
                return index
        return None

    def _open_to(self, index: int, wanted: str) -> bool:
        """Open the closed node on that line where the match is inside of it and not on it."""
        node = self.rows[index]
        if node.open or not node.foldable or isinstance(node.value, str) or _on_line(node, wanted):
            return False
        return self.toggle(index)


def _like(node: Node) -> _Like:
    return _Like(node.path, node.kind, node.key)


def _is_like(node: Node, like: _Like) -> bool:
    return node.path == like.path and node.kind == like.kind and node.key == like.key


def _fold_like(node: Node, old: Node) -> None:
    if not node.foldable or not old.foldable or isinstance(node.value, dict) is not isinstance(old.value, dict):
        return
    node.open = old.open
    if node.open:
        known = {child.key: child for child in old.inside()}
        for child in node.inside():
            if child.key is not None and child.key in known:
                _fold_like(child, known[child.key])


def _visible(node: Node, wrap: int | None = None) -> Iterator[Node]:
    """The node and what is open below it; texts that were not looked at before are unfolded to `wrap` cells."""
    yield node
    if node.open:
        for child in node.inside():
            if wrap is not None:
                child.unfold_text(wrap)
            yield from _visible(child, wrap)


def _on_line(node: Node, wanted: str) -> bool:
    if node.key is not None and wanted in str(node.key).casefold():
        return True
    if node.label is not None and wanted in text_of(node.label).casefold():
        return True
    value = node.value
    if node.kind not in ("value", "part") or isinstance(value, dict | list):
        return False
    return wanted in (value if isinstance(value, str) else dumps(value)).casefold()


def _holds(node: Node, wanted: str) -> bool:
    """Whether the text is on the node's line or, while it is closed, anywhere inside."""
    if _on_line(node, wanted):
        return True
    if node.kind == "note":
        return bool(node.left_out) and lazy.holds([node.raw], wanted)
    if node.open or not node.foldable or isinstance(node.value, str):
        return False
    if node.kind == "group":
        return lazy.holds((item for _key, item in node.value), wanted)
    return lazy.holds([node.raw], wanted)
