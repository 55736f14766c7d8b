"""One node of a tree: a value with what is inside of it, made when somebody looks. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import msgspec
from rich.cells import cell_len

from daebus_console.engine.jsontext import Object, names_twice, pairs_of
from daebus_console.text import cells, folded, unbroken
from daebus_console.tui.documents import lazy
from daebus_console.tui.rows.lines import Line, fit, text_of, wrap

GROUP = 500
"""Children beyond that many come in groups of as many."""
LONGEST_WRAPPED = 200_000
"""Signs beyond which a text is opened by hand only."""
MOST_PARTS = 5000
"""Lines of a text beyond which they come in groups, too."""
LONG_TEXT = 80
"""Signs beyond which a text can be opened to be read whole."""
DEEPEST_INDENT = 24
"""Levels beyond which nothing is indented any further."""
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Numbered(Sequence[tuple[int, Any]]):
    """Some items of a list with their indexes, which take no room of their own: a list may have millions."""

    __slots__ = ("_numbers", "_values")

    def __init__(self, values: list[Any], numbers: range | None = None) -> None:
        self._values = values
        self._numbers = range(len(values)) if numbers is None else numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> tuple[int, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Numbered: ...
    def __getitem__(self, index: int | slice) -> tuple[int, Any] | Numbered:
        if isinstance(index, slice):
            return Numbered(self._values, self._numbers[index])
        number = self._numbers[index]
        return number, self._values[number]


class Node:
    """One line of the tree: a value under a key (or index), a group of values, a text's part or many, or a note.

    A value may be raw (see documents/lazy.py): it is read as far as its line needs. `label` stands in place of the key
    at the root. `path` leads to it from the root; that of a group, to what it is a part of.
    """

    __slots__ = (
        *("_inside", "changed", "depth", "first", "key", "kind", "label", "left_out", "open", "part", "path", "raw"),
        *("repeated", "size", "value"),
    )

    def __init__(
        self, value: Any, depth: int = 0, *, key: str | int | None = None, path: str = "", kind: str = "value"
    ) -> None:
        self.raw = value
        """The value as it was given, with less of it read."""
        value, self.left_out = lazy.laid_open(value)
        self.value = value
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
        self.first: Line | None = None
        """Of a note that takes several lines, the first of them."""
        self._inside: list[Node] | None = None
        self.size = size_of(value) if isinstance(value, dict | list | str | Numbered) else 0

    @property
    def foldable(self) -> bool:
        """Whether anything is inside that its own line does not show."""
        if self.kind in ("note", "part"):
            return False
        if isinstance(self.value, dict | list | Numbered):
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
        pairs = list(pairs_of(value)) if isinstance(value, dict) else Numbered(value)
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
        return [*groups, *self._told_left_out()]

    def _told_left_out(self) -> list[Node]:
        """A line for what is not here, where it has too many members or items: whoever looks for it comes there."""
        if not self.left_out:
            return []
        line = Node(None, self.depth + 1, path=self.path, kind="note")
        line.left_out, line.raw = self.left_out, msgspec.Raw(memoryview(self.raw)[-self.left_out :])
        told = f"… {self.left_out:,} bytes more, which the tab Raw has"
        line.label = [("  " * (min(line.depth, DEEPEST_INDENT) + 1), "dim"), (told, "warn")]
        return [line]

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


def note(line: Line, value: str | None = None) -> Node:
    """A line between values: a heading; a fact, which has a `value` to be copied."""
    node = Node(value, kind="note")
    node.label = line
    return node


def _rows(line: Line, width: int) -> Iterable[Line]:
    """A line in rows of so many cells; one in one role, which is a sentence, is parted between words."""
    if len(line) == 1:
        ((text, role),) = line
        return [[(one, role)] for one in folded(text, width)]
    return wrap(line, width)


def laid_out(node: Node, width: int | None) -> list[Node]:
    """A note in as many lines as it takes with that many cells each, those of a fact below where its value begins;
    None cuts it to one."""
    node.first = None
    label = node.label or []
    if width is None or cells(text_of(label)) <= width:
        return [node]
    head = label[:1] if node.value is not None else []
    indent = min(cells(text_of(head)), width // 2)
    first, *more = _rows(label[len(head) :], width - indent)
    node.first = [*((fit(text, indent), role) for text, role in head), *first]
    return [node, *(note([(" " * indent, "dim"), *line], node.value) for line in more)]
