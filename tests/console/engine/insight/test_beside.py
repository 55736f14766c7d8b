"""What was seen of an action beside what its service declares of it."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.engine.insight.shape import Shape
from daebus_console.engine.schema.beside import as_data, beside
from daebus_console.engine.schema.described import Whole

USER = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "amount": {"type": "number"},
        "user": {"anyOf": [{"$ref": "#/$defs/User"}, {"type": "null"}]},
        "items": {"type": "array", "items": {"$ref": "#/$defs/User"}},
        "by_day": {"type": "object", "additionalProperties": {"type": "integer"}},
        "colour": {"enum": ["red", "blue"]},
    },
    "required": ["amount", "colour"],
    "$defs": {"User": USER},
}


def seen(*values: Any) -> Shape:
    shape = Shape()
    for value in values:
        shape.see(value, value)
    return shape


def wrong(*values: Any, schema: Any = None) -> dict[str, str]:
    whole = Whole.of(ORDER if schema is None else schema)
    return {one["path"]: one["not_so"] for one in as_data(beside(seen(*values), whole))}


def test_what_is_as_declared_is_told_beside_what_was_seen() -> None:
    days = {"2026-01-01": 1, "2026-01-02": 2, "2026-01-03": 3}
    value = {"amount": 3, "user": {"name": "ann"}, "items": [{"name": "x"}], "by_day": days, "colour": "red"}
    parts = list(beside(seen(value, {"amount": 1.5, "user": None, "colour": "blue"}), Whole.of(ORDER)))
    assert [(part.path, part.declared) for part in parts] == [
        ("", "object"),
        ("amount", "number, required"),
        ("user", "User or null"),
        ("user.name", "text, required"),
        ("items", "list of User"),
        ("items[*]", "User"),
        ("items[*].name", "text, required"),
        ("by_day", "object of integer"),
        ("by_day.*", "integer"),
        ("colour", '"red" | "blue", required'),
    ]
    assert not any(part.not_so for part in parts)


def test_what_is_not_as_declared() -> None:
    assert wrong(
        {"amount": "12", "colour": 3, "note": {"a": 1}, "items": [{"name": 1}, {}]},
        {"amount": 1, "user": {"name": "ann", "age": 3}},
    ) == {
        "amount": "1 of 2 are not",
        "colour": "missing in 1 of 2",
        "note": "not declared",
        "items[*].name": "missing in 1 of 2",
        "user.age": "not declared",
    }


def test_what_must_be_there_and_never_was() -> None:
    found = list(beside(seen({"amount": 1}, {"amount": 2}), Whole.of(ORDER)))
    assert [(part.path, part.seen, part.not_so) for part in found if part.level and part.path != "amount"] == [
        ("user", None, ""),
        ("items", None, ""),
        ("by_day", None, ""),
        ("colour", None, "missing in 2 of 2"),
    ]


def test_where_nothing_is_declared_nothing_is_wrong() -> None:
    assert [(part.declared, part.not_so) for part in beside(seen({"a": 1}), None)] == [("", ""), ("", "")]
    assert wrong({"a": 1}, [1], schema={}) == {}
    assert wrong({"a": 1}, schema={"type": "object", "additionalProperties": True}) == {}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": 5, "properties": 7, "required": "x", "items": []},
        {"type": "object", "properties": {"a": 3, "b": None}, "required": [1, {}]},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"anyOf": [{"$ref": "#"}, 3, None], "$defs": []},
        {"properties": {"a": {"$ref": "#/$defs/N"}}, "$defs": {"N": {"properties": {"a": {"$ref": "#/$defs/N"}}}}},
        {"enum": [], "const": {"a": 1}},
        {"type": "array", "items": {"type": "array", "items": {"type": "array"}}},
    ],
)
def test_a_schema_that_is_none_breaks_nothing(schema: Any) -> None:
    deep: Any = 1
    for _ in range(200):
        deep = {"a": deep, "b": [deep]} if not isinstance(deep, dict) or len(str(deep)) < 50 else {"a": deep}
    parts = list(beside(seen({"a": [1]}, deep, None, [[[1]]]), Whole.of(schema)))
    assert parts
    assert all(isinstance(part.declared, str) for part in parts)
