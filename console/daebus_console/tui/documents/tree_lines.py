"""One node of a tree as a line: indent, fold sign, key, and as much of the value as has room. Pure."""

from __future__ import annotations

import json
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.text import clean
from daebus_console.tui.documents import lazy
from daebus_console.tui.documents.node import DEEPEST_INDENT, Node
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line


def node_line(node: Node, width: int) -> Line:
    """The line of a node, for `width` cells."""
    if node.kind == "note":
        return node.first or node.label or []
    indent = "  " * min(node.depth, DEEPEST_INDENT)
    line: Line = [(f"{indent}{'▾' if node.open else '▸'} " if node.foldable else f"{indent}  ", "dim")]
    if node.kind == "part":
        return [*line, (clean(node.value), "string")]
    if node.repeated:
        line.append(("‼ ", "warn"))
    if node.changed:
        line.append(("≠ ", "warn"))
    if node.label is not None:
        line += [*node.label, ("  ", "dim")]
    elif isinstance(node.key, str):
        line += [(clean(node.key[:200]), "key"), (": " if node.kind == "value" else "", "dim")]
    elif node.key is not None:
        line += [(str(node.key), "dim"), (": ", "dim")]
    room = max(8, width - sum(len(text) for text, _role in line))
    return line + _value(node, room)


def _value(node: Node, room: int) -> Line:
    value = node.value
    if node.kind in ("group", "parts"):
        return []
    if isinstance(value, dict | list):
        if not value:
            return [("{}" if isinstance(value, dict) else "[]", "dim")]
        count = fmt.plural(node.size, "field" if isinstance(value, dict) else "item")
        count = f"more than {count}" if node.left_out else count
        if node.open:
            return [(count, "dim")] if node.size > 8 or node.label is not None else []
        shown = preview(value, room)
        return [(shown, "plain")] if shown is not None else [(count, "dim")]
    if isinstance(value, str):
        if node.open:
            return [(fmt.plural(len(value), "character"), "dim")]
        return text_value(value, room)
    return [(scalar(value), "number" if isinstance(value, int | float) and not isinstance(value, bool) else "literal")]


def text_value(value: str, room: int) -> Line:
    """A text in quotes; where it has no room, its start and how long it is."""
    if len(value) <= room - 2:
        return [(clean(_quoted(value)), "string")]
    size = f" {fmt.plural(len(value), 'character')}"
    return [(clean(_quoted(value[: max(4, room - len(size) - 3)])[:-1]) + "…", "string"), (size, "dim")]


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def scalar(value: Any) -> str:
    """A number, true, false or null as JSON has it; NaN as Python's json writes it."""
    text = jsontext.dumps(value)
    return text if len(text) < 400 else f"{text[:400]}…"


def preview(value: Any, room: int) -> str | None:
    """A container on one line, or None where it has too much in it for the room."""
    if len(value) > room // 4:
        return None
    pieces: list[str] = []
    left = room - 2
    for item in jsontext.pairs_of(value) if isinstance(value, dict) else enumerate(value):
        key, inner = item
        if lazy.is_container(inner):
            text = lazy.closed(inner)
        else:
            inner = lazy.opened(inner)
            text = scalar(inner) if not isinstance(inner, str) else _quoted(inner) if len(inner) <= left else ""
        piece = f"{key}: {text}" if isinstance(value, dict) else text
        left -= len(piece) + 2
        if left < 0 or not text:
            return None
        pieces.append(clean(piece))
    inside = ", ".join(pieces)
    return f"{{{inside}}}" if isinstance(value, dict) else f"[{inside}]"
