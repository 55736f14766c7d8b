"""A learned shape as JSON Schema (2020-12), and as plain data. Pure.

What was seen is no promise: ranges, examples and numbers of messages stand in `$comment` and `examples`, which validate
nothing. Types and required fields do.
"""

from __future__ import annotations

from typing import Any

from daebus_console.engine.insight.shape import Shape

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FEW = 20
"""Values from which on those that were seen may be called all there are."""
_EXAMPLES = 3
_KNOWN_FORMATS = ("uuid", "date-time", "date", "email", "uri")


def schema(shape: Shape) -> dict[str, Any]:
    """The shape as a schema."""
    types = _types(shape)
    found: dict[str, Any] = {}
    if types:
        found["type"] = types[0] if len(types) == 1 else types
    if shape.fields:
        found["properties"] = {name: schema(field) for name, field in shape.fields.items()}
        required = [name for name, field in shape.fields.items() if field.count == shape.objects]
        if required:
            found["required"] = required
    if shape.folded is not None:
        found["additionalProperties"] = schema(shape.folded)
    if shape.items is not None:
        found["items"] = schema(shape.items)
    kind = format_in(shape)
    if kind in _KNOWN_FORMATS:
        found["format"] = kind
    given = [_plain(value) for value in examples(shape)]
    if given:
        found["examples"] = given
    found["$comment"] = comment(shape)
    return found


def record(shape: Shape) -> dict[str, Any]:
    """The shape with all its figures as plain data."""
    found: dict[str, Any] = {"count": shape.count, "types": dict(shape.types)}
    kind = format_in(shape)
    if kind is not None:
        found["format"] = kind
    if shape.low <= shape.high and not shape.hidden:
        found["range"] = [shape.low, shape.high]
    if shape.shortest >= 0 and not shape.hidden:
        found["length"] = [shape.shortest, shape.longest]
    if shape.fewest >= 0:
        found["items_range"] = [shape.fewest, shape.most]
    if shape.values and not shape.hidden:
        found["examples"] = [_plain(value) for value in examples(shape)]
        found["only_these"] = only_these(shape)
    if shape.hidden:
        found["hidden"] = True
    if shape.fields:
        objects = shape.objects
        found["fields"] = {
            name: {"optional": field.count < objects, **record(field)} for name, field in shape.fields.items()
        }
    if shape.folded is not None:
        found["keys_are_data"] = list(shape.keys)
        found["values"] = record(shape.folded)
    if shape.items is not None:
        found["items"] = record(shape.items)
    if shape.cut:
        found["cut"] = True
    return found


def comment(shape: Shape) -> str:
    """What was seen there, in a few words."""
    parts = ["seen once" if shape.count == 1 else f"seen {shape.count} times"]
    if len(shape.types) > 1:
        parts.append(", ".join(f"{name} {count}" for name, count in sorted(shape.types.items(), key=_most_first)))
    if shape.hidden:
        parts.append("values are hidden")
    elif shape.low <= shape.high:
        parts.append(f"from {_number(shape.low)} to {_number(shape.high)}")
    if shape.folded is not None:
        parts.append("keys are data")
    if format_in(shape) == "number":
        parts.append("texts of numbers")
    if shape.cut:
        parts.append("there was more than is kept")
    return "; ".join(parts)


def examples(shape: Shape) -> list[tuple[str, Any]]:
    """Some of the values, the most frequent first; none where they are secrets."""
    if shape.hidden:
        return []
    most = len(shape.values) if only_these(shape) else _EXAMPLES
    return [value for value, _count in sorted(shape.values.items(), key=_most_first)][:most]


def only_these(shape: Shape) -> bool:
    """Whether the values seen are few and frequent enough to be all there are."""
    counted = sum(shape.values.values())
    return not shape.more and counted >= FEW and len(shape.values) * 5 <= counted


def format_in(shape: Shape) -> str | None:
    """The format that all its texts have."""
    texts = shape.types.get("string", 0)
    return next((name for name, count in shape.formats.items() if count == texts), None)


def _types(shape: Shape) -> list[str]:
    names = [name for name, _count in sorted(shape.types.items(), key=_most_first)]
    # In JSON Schema each integer is a number, too.
    return [name for name in names if name != "integer" or "number" not in names]


def _most_first(item: tuple[Any, int]) -> int:
    return -item[1]


def _plain(value: tuple[str, Any]) -> Any:
    return value[1]


def _number(value: float) -> str:
    return (
        f"{value:,}"
        if isinstance(value, int) and abs(value) < 10**15
        else f"{value:.6g}"
        if abs(value) < 1e300
        else "huge"
    )
