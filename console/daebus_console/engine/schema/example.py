"""A value that a schema allows, to begin with: its defaults and examples, else what is plainest. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daebus_console.engine.schema.described import Schema, Whole

_DEEPEST = 6
_PLAIN: dict[str, Any] = {"string": "", "integer": 0, "number": 0.0, "boolean": False, "null": None}


def example(schema: Schema) -> Any:
    """Such a value. Whether all bounds of the schema are met is for whoever reads it to see."""
    return _example(Whole.of(schema), 0)


def _example(whole: Whole, depth: int) -> Any:
    here = whole.resolved()
    for name in ("default", "example"):
        if name in here.schema:
            return here.schema[name]
    examples, values, members = here.schema.get("examples"), here.values(), here.members()
    if isinstance(examples, list) and examples:
        return examples[0]
    if values:
        return values[0]
    if members:
        return _example(members[0], depth + 1) if depth < _DEEPEST else None
    kind = next(iter(here.types()), "object" if isinstance(here.schema.get("properties"), Mapping) else "null")
    if kind == "object":
        return {name: _example(each, depth + 1) for name, each, _must in here.fields()} if depth < _DEEPEST else {}
    return [] if kind == "array" else _PLAIN.get(kind)
