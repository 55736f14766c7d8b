"""The JSON Schemas that a service tells of its actions."""

from __future__ import annotations

import enum
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pytest

from daebus import Daebus
from daebus.service.control.describing import describe_handlers

from .support import taking


class Color(enum.Enum):
    """Of the paint."""

    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclass
class Node:
    """A tree."""

    name: str
    kids: list[Node] = field(default_factory=list)


class Address(TypedDict):
    city: str
    zip: NotRequired[str]


@dataclass
class Sum:
    terms: list[int]
    total: int = field(init=False)

    def __post_init__(self) -> None:
        self.total = sum(self.terms)


T = TypeVar("T")


@dataclass
class Page(Generic[T]):
    items: list[T]


class Cat(msgspec.Struct, tag="cat", forbid_unknown_fields=True):
    lives: int = 9


class Dog(msgspec.Struct, tag="dog"):
    tricks: list[str]


def told(handler: Any) -> dict[str, Any]:
    app = Daebus("typed")
    app.action("do")(handler)
    app.resolve_annotations()
    (action,) = describe_handlers(app, schemas=True)["actions"]
    # It is sent as JSON.
    assert json.loads(json.dumps(action)) == action
    return action


NODE = {
    "title": "Node",
    "description": "A tree.",
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "kids": {"type": "array", "items": {"$ref": "#/$defs/Node"}, "default": []},
    },
    "required": ["name"],
    "additionalProperties": False,
}
SCHEMAS: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (Any, {}, {}),
    (int, {"type": "integer"}, {}),
    (bool, {"type": "boolean"}, {}),
    (float, {"type": "number"}, {}),
    (str, {"type": "string"}, {}),
    (None, {"type": "null"}, {}),
    (Decimal, {"type": ["number", "string"], "format": "decimal"}, {}),
    (bytes, {"type": "string", "contentEncoding": "base64"}, {}),
    (datetime, {"type": "string", "description": "a date and time such as 2026-01-31T10:30:00 (ISO 8601)"}, {}),
    (Annotated[datetime, msgspec.Meta(tz=True)], {"type": "string", "format": "date-time"}, {}),
    (date, {"type": "string", "format": "date"}, {}),
    (time, {"type": "string", "description": "a time such as 10:30:00 (ISO 8601)"}, {}),
    (UUID, {"type": "string", "format": "uuid"}, {}),
    (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, {}),
    (Literal["a", "b"], {"enum": ["a", "b"]}, {}),
    (list[int], {"type": "array", "items": {"type": "integer"}}, {}),
    (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}, {}),
    (
        tuple[int, str],
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
        {},
    ),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}, {}),
    (
        dict[int, Any],
        {"type": "object", "additionalProperties": {}, "propertyNames": {"pattern": "^-?(0|[1-9][0-9]*)$"}},
        {},
    ),
    (
        dict[Color, int],
        {"type": "object", "additionalProperties": {"type": "integer"}, "propertyNames": {"enum": ["red", "blue"]}},
        {},
    ),
    (
        Annotated[int, msgspec.Meta(ge=1, lt=5, title="d")],
        {"type": "integer", "minimum": 1, "exclusiveMaximum": 5, "title": "d"},
        {},
    ),
    (Annotated[str, msgspec.Meta(min_length=1, pattern="^a")], {"type": "string", "minLength": 1, "pattern": "^a"}, {}),
    (
        Annotated[list[int], msgspec.Meta(max_length=3)],
        {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
        {},
    ),
    (Color, {"$ref": "#/$defs/Color"}, {"Color": {"title": "Color", "enum": ["red", "blue"]}}),
    (Node, {"$ref": "#/$defs/Node"}, {"Node": NODE}),
    (
        Address,
        {"$ref": "#/$defs/Address"},
        {
            "Address": {
                "title": "Address",
                "type": "object",
                "properties": {"city": {"type": "string"}, "zip": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            }
        },
    ),
    (
        Cat | Dog,
        {
            "anyOf": [
                {"$ref": "#/$defs/Cat", "required": ["type"]},
                {"$ref": "#/$defs/Dog", "required": ["type"]},
            ]
        },
        {
            "Cat": {
                "title": "Cat",
                "type": "object",
                "properties": {"type": {"const": "cat"}, "lives": {"type": "integer", "default": 9}},
                "additionalProperties": False,
            },
            "Dog": {
                "title": "Dog",
                "type": "object",
                "properties": {"type": {"const": "dog"}, "tricks": {"type": "array", "items": {"type": "string"}}},
                "required": ["tricks"],
            },
        },
    ),
    (
        Point,
        {"$ref": "#/$defs/Point"},
        {
            "Point": {
                "title": "Point",
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "integer"}],
                "minItems": 1,
                "maxItems": 2,
            }
        },
    ),
]


@pytest.mark.parametrize(("annotation", "schema", "definitions"), SCHEMAS)
def test_what_an_annotation_allows(annotation: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    def handler(x: Any, y: bool = False) -> None: ...

    handler.__annotations__["x"] = annotation
    arguments = told(handler)["arguments"]
    assert arguments.pop("$defs", {}) == definitions
    assert arguments == {
        "type": "object",
        "properties": {"x": schema, "y": {"type": "boolean", "default": False}},
        "required": ["x"],
        "additionalProperties": False,
    }


def test_the_docstring_and_the_answer_are_told() -> None:
    def find(city: str, color: Color = Color.RED, **more: int) -> Page[Node]:
        """Find nodes.

        All that are in the city.
        """
        return Page([])

    action = told(find)
    assert action["name"] == "do"
    assert action["doc"] == "Find nodes."
    assert action["description"] == "Find nodes.\n\nAll that are in the city."
    assert action["arguments"]["properties"]["color"] == {"$ref": "#/$defs/Color", "default": "red"}
    assert action["arguments"]["additionalProperties"] == {"type": "integer"}
    assert action["answer"]["$ref"] == "#/$defs/Page_Node_"
    assert action["answer"]["$defs"]["Node"] == NODE
    assert "streams" not in action


def test_what_a_dataclass_sets_by_itself_is_told_of_the_answer_alone() -> None:
    def add(terms: Sum) -> Sum:
        return terms

    def parts(terms: Sum) -> Generator[int, None, Sum]:
        yield 1
        return terms

    for action, answer in ((told(add), "answer"), (told(parts), "last")):
        assert list(action["arguments"]["$defs"]["Sum"]["properties"]) == ["terms"]
        assert action[answer]["$defs"]["Sum"]["properties"]["total"] == {"type": "integer"}


def test_a_model_alone_is_the_schema_of_the_payload() -> None:
    def place(order: Node) -> None: ...

    assert told(place) == {
        "name": "do",
        "doc": "",
        "description": "",
        "arguments": {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}},
    }


def test_classes_of_one_name_are_told_apart() -> None:
    def named_alike() -> tuple[Any, Any]:
        first = msgspec.defstruct("Node", [("a", int)], module="one")
        return first, msgspec.defstruct("Node", [("b", int)], module="two")

    def handler(x: Any, y: Any, z: Any) -> None: ...

    first, second = named_alike()
    handler.__annotations__.update(x=list[first], y=list[second], z=list[Node])
    arguments = told(handler)["arguments"]
    assert [arguments["properties"][name]["items"]["$ref"] for name in "xyz"] == [
        "#/$defs/Node",
        "#/$defs/two.Node",
        f"#/$defs/{__name__}.Node",
    ]
    assert list(arguments["$defs"]["two.Node"]["properties"]) == ["b"]
    # What refers to itself does so by its own name.
    assert arguments["$defs"][f"{__name__}.Node"]["properties"]["kids"]["items"]["$ref"] == f"#/$defs/{__name__}.Node"


def test_what_takes_no_arguments_has_its_docstring_alone() -> None:
    def plain() -> dict[str, Any]:
        """Say nothing."""
        return {}

    assert told(plain) == {"name": "do", "doc": "Say nothing.", "description": "Say nothing."}
    app = Daebus("typed")
    app.action("do")(taking(int))
    assert describe_handlers(app)["actions"] == [{"name": "do", "doc": ""}]


def test_what_streams_says_so() -> None:
    from daebus.service.typed.handler import bound, described

    def several(n: int) -> Generator[int, None, str]:
        yield n
        return "x"

    def plain(n: int) -> Iterator[int]:
        yield n

    assert {**described(bound(several, "h", None)), "arguments": None} == {
        "arguments": None,
        "answer": {"type": "integer"},
        "last": {"type": "string"},
        "streams": True,
    }
    assert "last" not in described(bound(plain, "h", None))
