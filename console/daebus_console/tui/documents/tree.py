"""JSON values as a tree that folds. Pure.

Nothing below a closed node exists, and the children of a large one come in groups, so a payload of 10 MB opens at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from rich.cells import cell_len

from daebus_console.engine.jsontext import Object, dumps, names_twice, pairs_of
from daebus_console.text import unbroken
from daebus_console.tui.documents import lazy
from daebus_console.tui.documents.document import Document
from daebus_console.tui.documents.tree_lines import DEEPEST_INDENT, LONG_TEXT, node_line
from daebus_console.tui.lines import Line, text_of

GROUP = 500
"""Children beyond that many come in groups of as many."""
LONGEST_WRAPPED = 200_000
"""Signs beyond which a text is opened by hand only."""
MOST_PARTS = 5000
"""Lines of a text beyond which they come in groups, too."""
OPEN_ROWS = 60
"""How many rows are opened from the start."""
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Node:
    """One line of the tree: a value under a key (or index), a group of values, a text's part or many, or a note.

    A value may be raw (see documents/lazy.py): it is read as far as its line needs. `label` stands in place of the key
    at the root. `path` leads to it from the root; that of a group, to what it is a part of.
    """

    __slots__ = (
        *("_inside", "changed", "depth", "key", "kind", "label", "open", "part", "path", "raw", "repeated", "size"),
        "value",
    )

    def __init__(
        self, value: Any, depth: int = 0, *, key: str | int | None = None, path: str = "", kind: str = "value"
    ) -> None:
        self.raw = value
        """The value as it was given, with less of it read."""
        self.value = value = lazy.opened(value)
        self.depth = depth
        self.key = key
        self.path = path
        self.kind = kind
        self.open = False
        self.changed = False
        self.repeated = False
        """Whether another member of its name stands in the same object."""
        self.part = LONG_TEXT
        """Signs a line of a text has when it is open; shorter texts are not."""
        self.label: Line | None = None
        self._inside: list[Node] | None = None
        self.size = size_of(value) if isinstance(value, dict | list | str) else 0

    @property
    def foldable(self) -> bool:
        """Whether anything is inside that its own line does not show."""
        if self.kind in ("note", "part"):
            return False
        if isinstance(self.value, dict | list):
            return self.size > 0
        return isinstance(self.value, str) and (self.size > self.part or "\n" in self.value[: self.part])

    def unfold_text(self, width: int | None) -> None:
        """Where it is a text that `width` cells cannot hold: open it, in lines that fit; None closes it."""
        if not isinstance(self.value, str) or self.kind != "value":
            return
        self._inside = None
        self.part = LONG_TEXT
        if width is None:
            self.open = False
            return
        if not self.value.isascii() and cell_len(self.value[:1000]) > len(self.value[:1000]):
            # Wide signs take two cells each.
            width //= 2
        room = max(8, width - 2 * (min(self.depth, DEEPEST_INDENT) + 2))
        key = len(str(self.key or "")) + len(text_of(self.label or [])) + 4
        if self.size <= LONGEST_WRAPPED and (self.size > room - key or "\n" in self.value):
            self.part, self.open = min(room, max(8, self.size - 1)), True

    def inside(self) -> list[Node]:
        """The nodes directly inside."""
        if self._inside is None:
            self._inside = self._make_inside()
        return self._inside

    def _make_inside(self) -> list[Node]:
        value, depth = self.value, self.depth + 1
        if isinstance(value, str):
            return self._grouped(list(_parts(value, self.part)))
        if self.kind == "parts":
            return [Node(part, depth, path=self.path, kind="part") for part in value]
        if self.kind == "group":
            return [Node(item, depth, key=key, path=join(self.path, key)) for key, item in value]
        pairs = list(pairs_of(value)) if isinstance(value, dict) else list(enumerate(value))
        if len(pairs) <= GROUP:
            nodes = [Node(item, depth, key=key, path=join(self.path, key)) for key, item in pairs]
            twice = names_twice(value) if isinstance(value, dict) else []
            for node in nodes:
                node.repeated = node.key in twice
            return nodes
        groups = []
        for start in range(0, len(pairs), GROUP):
            items = pairs[start : start + GROUP]
            group = Node(items, depth, key=f"{start} … {start + len(items) - 1}", path=self.path, kind="group")
            groups.append(group)
        return groups

    def _grouped(self, parts: list[str]) -> list[Node]:
        """The lines of a text; very many in groups."""
        depth = self.depth + 1
        if len(parts) <= MOST_PARTS:
            return [Node(part, depth, path=self.path, kind="part") for part in parts]
        groups = []
        for start in range(0, len(parts), GROUP):
            some = parts[start : start + GROUP]
            key = f"lines {start + 1} … {start + len(some)}"
            groups.append(Node(some, depth, key=key, path=self.path, kind="parts"))
        return groups


def size_of(value: Any) -> int:
    """How many members, items or signs it has."""
    return len(list(pairs_of(value))) if isinstance(value, Object) else len(value)


def join(path: str, key: str | int) -> str:
    """The path of what is under `key` of what is at `path`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def _parts(text: str, width: int) -> Iterator[str]:
    for line in text.split("\n"):
        yield from _pieces(line, max(1, width))


def _pieces(line: str, width: int) -> Iterator[str]:
    """Pieces of a line of at most so many characters, none of which ends within an emoji."""
    start = 0
    while True:
        end = start + width
        yield line[start : (end := unbroken(line, end) if end < len(line) else end)]
        start = end
        if start >= len(line):
            return


def note(line: Line) -> Node:
    """A line between values: a heading, a fact."""
    node = Node(None, kind="note")
    node.label = line
    return node


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
        self._lay_out()

    def _lay_out(self) -> None:
        self.rows = [row for root in self.roots for row in _visible(root, self._wrap)]

    def wrap(self, width: int | None) -> None:
        if width == self._wrap:
            return
        self._wrap = width
        if width is None:
            for row in self.rows:
                row.unfold_text(None)
        for root in self.roots:
            root.unfold_text(width)
        self._lay_out()

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
            return text_of(node.label or []).strip()
        if isinstance(node.value, str):
            return node.value
        if node.kind == "parts":
            return "".join(node.value)
        value = [item for _key, item in node.value] if node.kind == "group" else node.raw
        try:
            return lazy.text_of(value)
        except RecursionError:
            return None

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
    if isinstance(value, dict | list):
        return False
    return wanted in (value if isinstance(value, str) else dumps(value)).casefold()


def _holds(node: Node, wanted: str) -> bool:
    """Whether the text is on the node's line or, while it is closed, anywhere inside."""
    if _on_line(node, wanted):
        return True
    if node.open or not node.foldable or isinstance(node.value, str):
        return False
    if node.kind == "group":
        return lazy.holds((item for _key, item in node.value), wanted)
    return lazy.holds([node.raw], wanted)
