"""A schema in a few words: `integer`, `list of Item`, `text or null`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.schema.described import Whole

_DEEPEST = 6
_MOST_VALUES = 8
_CALLED = {"string": "text", "number": "number", "integer": "integer", "boolean": "true or false", "array": "list"}
_BOUNDS = (
    ("minimum", "at least {}"),
    ("maximum", "at most {}"),
    ("exclusiveMinimum", "above {}"),
    ("exclusiveMaximum", "below {}"),
    ("multipleOf", "a multiple of {}"),
    ("minLength", "{} or more characters"),
    ("maxLength", "{} characters at most"),
    ("minItems", "{} or more items"),
    ("maxItems", "{} items at most"),
    ("pattern", "matches {}"),
)


def shape(whole: Whole, depth: int = 0) -> str:
    """What may stand there."""
    if whole.reference is not None:
        return whole.reference
    if depth > _DEEPEST:
        return "..."
    values = whole.values()
    if values is not None:
        shown = " | ".join(jsontext.dumps(value) for value in values[:_MOST_VALUES])
        return f"{shown} | ..." if len(values) > _MOST_VALUES else shown
    members = whole.members()
    if members:
        return " or ".join(shape(each, depth + 1) for each in members)
    types = whole.types()
    if types == ["array"]:
        return _list(whole, depth)
    if types == ["object"] or (not types and "properties" in whole.schema):
        others = whole.schema.get("additionalProperties")
        if "properties" not in whole.schema and isinstance(others, Mapping) and others:
            return f"object of {shape(whole.within(others), depth + 1)}"
        return "object"
    form = whole.schema.get("format") or whole.schema.get("contentEncoding")
    called = " or ".join(_CALLED.get(each, each) for each in types) or "anything"
    return f"{called} ({form})" if isinstance(form, str) else called


def _list(whole: Whole, depth: int) -> str:
    prefix = whole.schema.get("prefixItems")
    if isinstance(prefix, list):
        return f"list of {', '.join(shape(whole.within(each), depth + 1) for each in prefix)}"
    inner = shape(whole.within(whole.schema.get("items")), depth + 1)
    return "list" if inner == "anything" else f"list of {inner}"


def notes(whole: Whole) -> str:
    """What else is said of it: bounds, and what it is for."""
    found = [words.format(_shown(whole.schema[name])) for name, words in _BOUNDS if name in whole.schema]
    description = whole.schema.get("description")
    if isinstance(description, str) and description:
        found.append(" ".join(description.split()))
    return ", ".join(found)


def default(whole: Whole) -> str | None:
    """The default as JSON, where there is one."""
    return jsontext.dumps(whole.schema["default"]) if "default" in whole.schema else None


def signature(name: str, arguments: Whole | None, answer: Whole | None, *, streams: bool = False) -> str:
    """The action like a function: `get_user(user_id: integer, verbose: true or false = false) -> User`."""
    taken = []
    if arguments is None:
        taken.append("...")
    else:
        for field, schema, required in arguments.fields():
            value = default(schema)
            given = "" if required else f" = {value}" if value is not None else " = ..."
            taken.append(f"{field}: {shape(schema)}{given}")
        if arguments.resolved().schema.get("additionalProperties", False) not in (False, None):
            taken.append("...")
    gives = "" if answer is None else f" -> {'many ' if streams else ''}{shape(answer)}"
    return f"{name}({', '.join(taken)}){gives}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else jsontext.dumps(value)
