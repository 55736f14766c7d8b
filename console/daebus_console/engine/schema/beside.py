"""What was seen beside what is declared: a learned shape and the schema of its service, part by part. Pure.

A schema is what a service says of itself, and what it does not say is allowed: only what cannot be both is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from daebus_console.engine import jsontext
from daebus_console.engine.insight.shape import Shape, type_of
from daebus_console.engine.schema.described import Whole
from daebus_console.engine.schema.shape import shape as in_words

_DEEPEST = 32
_NOTHING = "not declared"


class Part(NamedTuple):
    """One part of a payload: how it is `declared`, in words, and how what was seen is `not_so`; both may be empty.

    `seen` is None where it never was. `name` is empty for the payload itself.
    """

    name: str
    level: int
    seen: Shape | None
    of: int
    declared: str
    not_so: str
    path: str


def beside(seen: Shape, whole: Whole | None) -> Iterator[Part]:
    """The parts of a payload, each before what is within it; those that were seen first, in their order."""
    return _part("", "", seen, seen.count, whole, 0)


def _part(
    name: str, path: str, seen: Shape, of: int, whole: Whole | None, level: int, *, required: bool = False
) -> Iterator[Part]:
    declared = "" if whole is None else in_words(whole) + (", required" if required else "")
    yield Part(name, level, seen, of, declared, _not_so(seen, of, whole, required=required), path)
    within = None if whole is None or level > _DEEPEST else _of_type(whole, "object")
    fields = {field: (schema, must) for field, schema, must in within.fields()} if within is not None else {}
    others = within.resolved().schema.get("additionalProperties") if within is not None else None
    for key, field in seen.fields.items():
        schema, must = fields.get(key, (None, False))
        if schema is None and within is not None and isinstance(others, Mapping):
            schema = within.within(others)
        for part in _part(key, _below(path, key), field, seen.objects, schema, level + 1, required=must):
            undeclared = schema is None and bool(fields) and part.level == level + 1
            yield part._replace(declared=_NOTHING, not_so=_NOTHING) if undeclared else part
    if seen.folded is not None:
        each = within.within(others) if within is not None and isinstance(others, Mapping) else None
        yield from _part("*", _below(path, "*"), seen.folded, 0, each, level + 1)
    if seen.items is not None:
        listed = None if whole is None or level > _DEEPEST else _of_type(whole, "array")
        item = None if listed is None else listed.resolved().schema.get("items")
        each = listed.within(item) if listed is not None and isinstance(item, Mapping) else None
        yield from _part("[*]", f"{path}[*]", seen.items, 0, each, level + 1)
    if seen.objects and seen.folded is None and not seen.cut and not seen.hidden:
        for key, (schema, must) in fields.items():
            if key not in seen.fields:
                words = in_words(schema) + (", required" if must else "")
                missing = f"missing in {seen.objects:,} of {seen.objects:,}" if must else ""
                yield Part(key, level + 1, None, seen.objects, words, missing, _below(path, key))


def _not_so(seen: Shape, of: int, whole: Whole | None, *, required: bool) -> str:
    if whole is None:
        return ""
    if required and seen.count < of:
        return f"missing in {of - seen.count:,} of {of:,}"
    allowed = _types(whole, 0)
    if allowed is None:
        return ""
    others = {name: count for name, count in seen.types.items() if name not in allowed}
    if "number" in allowed:
        others.pop("integer", None)
    return f"{sum(others.values()):,} of {seen.count:,} are not" if others else ""


def _types(whole: Whole, depth: int) -> set[str] | None:
    """The types that it allows; None where it says nothing of them."""
    here = whole.resolved()
    values = here.values()
    if values is not None:
        return {type_of(value) for value in values}
    members = here.members()
    if members and depth < _DEEPEST:
        each = [_types(member, depth + 1) for member in members]
        return None if None in each else set[str]().union(*(types for types in each if types is not None))
    return set(here.types()) or ({"object"} if "properties" in here.schema else None)


def _of_type(whole: Whole, name: str, depth: int = 0) -> Whole | None:
    """The one of what it may be that is of that type; None where there are several, or none."""
    here = whole.resolved()
    members = here.members()
    if not members:
        types = _types(here, 0)
        return here if types is not None and name in types else None
    if depth > _DEEPEST:
        return None
    fitting = [found for member in members if (found := _of_type(member, name, depth + 1)) is not None]
    return fitting[0] if len(fitting) == 1 else None


def _below(path: str, name: str) -> str:
    if name != "*" and not name.isidentifier():
        return f"{path}[{jsontext.dumps(name)}]"
    return f"{path}.{name}" if path else name


def as_data(parts: Iterator[Part]) -> list[dict[str, Any]]:
    """Where what was seen is not what is declared, as plain data."""
    return [
        {"path": part.path, "declared": part.declared, "seen": dict(part.seen.types) if part.seen else {},
         "not_so": part.not_so}
        for part in parts
        if part.not_so
    ]  # fmt: skip
