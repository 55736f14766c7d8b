"""Whether a payload is what a schema says: each field that is not, by its path, and why. Pure.

What the schema does not say, and what is not understood of it, is allowed: the service has the last word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.schema.described import Schema, Whole
from daebus_console.engine.schema.shape import shape

_DEEPEST = 100
MOST = 20
"""Fields that are named, at most."""
_NUMBERS: tuple[tuple[str, str, Any], ...] = (
    ("minimum", "must be at least", lambda value, bound: value >= bound),
    ("maximum", "must be at most", lambda value, bound: value <= bound),
    ("exclusiveMinimum", "must be above", lambda value, bound: value > bound),
    ("exclusiveMaximum", "must be below", lambda value, bound: value < bound),
)
_SIZES: tuple[tuple[str, str, type, bool], ...] = (
    ("minLength", "must be of a length of at least", str, True),
    ("maxLength", "must be of a length of at most", str, False),
    ("minItems", "must have at least so many items:", list, True),
    ("maxItems", "must have at most so many items:", list, False),
)


def wrong_with(payload: Any, schema: Schema) -> list[tuple[str, str]]:
    """What is wrong with it: the path of each field (empty for the payload itself), and the reason."""
    found = []
    for one in _check(payload, Whole.of(schema), "", 0):
        found.append(one)
        if len(found) == MOST:
            break
    return found


def _check(value: Any, whole: Whole, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        return
    here = whole.resolved()
    values = here.values()
    if values is not None:
        if not any(_same(value, each) for each in values):
            yield path, f"must be {shape(here)}"
        return
    members = here.members()
    if members:
        yield from _check_any(value, here, members, path, depth)
        return
    types = here.types()
    if types and not any(_is(value, each) for each in types):
        yield path, f"must be {shape(whole)}, not {kind(value)}"
        return
    yield from _check_bounds(value, here, path)
    if isinstance(value, dict):
        yield from _check_object(value, here, path, depth)
    elif isinstance(value, list):
        yield from _check_list(value, here, path, depth)


def _check_any(value: Any, whole: Whole, members: list[Whole], path: str, depth: int) -> Iterator[tuple[str, str]]:
    """One of several: where only one is of its type, what is wrong is told of that."""
    ways = [list(_check(value, each, path, depth + 1)) for each in members]
    if all(ways):
        inner = [way for way in ways if any(where != path for where, _why in way)]
        yield from inner[0] if len(inner) == 1 else [(path, f"must be {shape(whole)}, not {kind(value)}")]


def _check_object(value: dict[str, Any], whole: Whole, path: str, depth: int) -> Iterator[tuple[str, str]]:
    fields = {name: schema for name, schema, _required in whole.fields()}
    for name in whole.required():
        if isinstance(name, str) and name not in value:
            yield _member(path, name), "is missing"
    others = whole.schema.get("additionalProperties")
    for name, inner in value.items():
        schema = fields.get(name)
        if schema is not None:
            yield from _check(inner, schema, _member(path, name), depth + 1)
        elif others is False:
            known = ", ".join(fields) or "none"
            yield _member(path, name), f"is not known; known: {known}"
        elif isinstance(others, Mapping):
            yield from _check(inner, whole.within(others), _member(path, name), depth + 1)


def _check_list(value: list[Any], whole: Whole, path: str, depth: int) -> Iterator[tuple[str, str]]:
    prefix, items = whole.schema.get("prefixItems"), whole.schema.get("items")
    each = prefix if isinstance(prefix, list) else [items] * len(value)
    for index, (inner, schema) in enumerate(zip(value, each, strict=False)):
        yield from _check(inner, whole.within(schema), f"{path}[{index}]", depth + 1)


def _check_bounds(value: Any, whole: Whole, path: str) -> Iterator[tuple[str, str]]:
    schema = whole.schema
    if isinstance(value, int | float) and not isinstance(value, bool):
        for name, words, holds in _NUMBERS:
            bound = schema.get(name)
            if isinstance(bound, int | float) and not holds(value, bound):
                yield path, f"{words} {jsontext.dumps(bound)}"
    for name, words, cls, least in _SIZES:
        bound = schema.get(name)
        if isinstance(value, cls) and isinstance(bound, int):
            size = len(value)  # type: ignore[arg-type]
            if size < bound if least else size > bound:
                yield path, f"{words} {bound}"


def _is(value: Any, kind_of: str) -> bool:
    if kind_of == "integer":
        # As the services of this framework take it: 1.0 is none.
        return (isinstance(value, int) and not isinstance(value, bool)) or _is_long(value)
    if kind_of == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    cls = {"string": str, "boolean": bool, "null": type(None), "array": list, "object": dict}.get(kind_of)
    return cls is None or isinstance(value, cls)


def _is_long(value: Any) -> bool:
    return isinstance(value, jsontext.Number) and value.literal.removeprefix("-").isdigit()


def _same(value: Any, other: Any) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def kind(value: Any) -> str:
    """What sort of value it is, in words."""
    for cls, called in _KINDS:
        if isinstance(value, cls):
            return called
    return "null"


_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "an integer"),
    (float, "a number with a point or an exponent"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
)


def _member(path: str, name: str) -> str:
    if not name.isidentifier():
        return f"{path}[{jsontext.dumps(name)}]"
    return f"{path}.{name}" if path else name
