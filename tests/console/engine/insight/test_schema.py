"""What services tell of their actions: shown in short, checked against, written out; and whatever else may come."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daebus.service.typed.handler import bound
from daebus.service.typed.handler import described as described_by_service
from daebus_console.engine import jsontext
from daebus_console.engine.schema.checking import MOST, wrong_with
from daebus_console.engine.schema.described import Described, Whole, described
from daebus_console.engine.schema.formats import FORMATS
from daebus_console.engine.schema.shape import shape, signature
from tests.unit.daebus.typed.test_fields import FITS

ITEM = {
    "title": "Item",
    "type": "object",
    "properties": {"sku": {"type": "string", "minLength": 1}, "qty": {"type": "integer", "minimum": 1, "default": 1}},
    "required": ["sku"],
    "additionalProperties": False,
}
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}, "minItems": 1},
        "color": {"anyOf": [{"enum": ["red", "blue"]}, {"type": "null"}], "default": None},
        "price": {"type": ["number", "string"], "format": "decimal", "default": "0"},
        "prices": {"type": "object", "additionalProperties": {"type": "number", "exclusiveMaximum": 100}},
        "place": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]},
        "parent": {"anyOf": [{"$ref": "#/$defs/Item"}, {"type": "null"}]},
        "fixed": {"const": 1},
    },
    "required": ["items"],
    "additionalProperties": False,
    "$defs": {"Item": ITEM},
}


def test_a_schema_in_short() -> None:
    whole = Whole.of(ORDER)
    assert {name: shape(schema) for name, schema, _required in whole.fields()} == {
        "items": "list of Item",
        "color": '"red" | "blue" or null',
        "price": "number or text (decimal)",
        "prices": "object of number",
        "place": "list of number, number",
        "parent": "Item or null",
        "fixed": "1",
    }
    short = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "boolean", "default": False}}}
    told = Whole.of({**short, "required": ["a"], "additionalProperties": False})
    assert signature("f", told, Whole.of({"type": "array"}), streams=True) == (
        "f(a: integer, b: true or false = false) -> many list"
    )
    assert signature("f", Whole.of({**short, "additionalProperties": {}}), None) == (
        "f(a: integer = ..., b: true or false = false, ...)"
    )
    assert signature("f", None, None) == "f(...)"


@pytest.mark.parametrize(
    ("payload", "wrong"),
    [
        ('{"items": [{"sku": "A"}]}', []),
        ('{"items": [{"sku": "A"}], "price": 1.10, "color": null, "place": [1, 2.5], "fixed": 1}', []),
        ('{"items": [{"sku": "A"}], "parent": {"sku": "B"}, "prices": {"a b": 99}}', []),
        ("{}", [("items", "is missing")]),
        ('{"items": []}', [("items", "must have at least so many items: 1")]),
        (
            '{"items": [{"sku": 1}, {"qty": "2"}, 3], "itms": 1}',
            [
                ("items[0].sku", "must be text, not an integer"),
                ("items[1].sku", "is missing"),
                ("items[1].qty", "must be integer, not text"),
                ("items[2]", "must be Item, not an integer"),
                ("itms", "is not known; known: items, color, price, prices, place, parent, fixed"),
            ],
        ),
        ('{"items": [{"sku": "", "qty": 0}]}', [
            ("items[0].sku", "must be of a length of at least 1"), ("items[0].qty", "must be at least 1"),
        ]),
        ('{"items": [{"sku": "A", "qty": 1.0}]}', [
            ("items[0].qty", "must be integer, not a number with a point or an exponent")
        ]),
        ('{"items": [{"sku": "A"}], "color": "green"}', [("color", 'must be "red" | "blue" or null, not text')]),
        ('{"items": [{"sku": "A"}], "parent": {"sku": 1}}', [("parent.sku", "must be text, not an integer")]),
        ('{"items": [{"sku": "A"}], "fixed": true}', [("fixed", "must be 1")]),
        ('{"items": [{"sku": "A"}], "prices": {"a b": 100, "c": "x"}}', [
            ('prices["a b"]', "must be below 100"), ("prices.c", "must be number, not text"),
        ]),
        ('{"items": [{"sku": "A"}], "place": [1, "x"]}', [("place[1]", "must be number, not text")]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_payload(payload: str, wrong: list[tuple[str, str]]) -> None:
    assert wrong_with(jsontext.loads(payload), ORDER) == wrong


@pytest.mark.parametrize(("annotation", "text", "_value"), FITS)
def test_what_a_typed_handler_takes_is_never_refused(annotation: Any, text: str, _value: Any) -> None:
    """Neither the schema nor what checks by it is stricter than the service."""

    def handler(x: Any, y: int = 0) -> None: ...

    handler.__annotations__["x"] = annotation
    schema = described_by_service(bound(handler, "the handler", None))["arguments"]
    assert wrong_with(jsontext.loads(f'{{"x": {text}}}'), schema) == []


def test_long_integers_are_integers_and_of_many_wrong_fields_some_are_named() -> None:
    numbers = {"type": "array", "items": {"type": "integer"}}
    assert wrong_with([jsontext.loads("9" * 5000)], numbers) == []
    assert len(wrong_with(["x"] * 1000, numbers)) == MOST


TO_ITEM = {"$ref": "#/$defs/Item", "$defs": {"Item": ITEM}}
ODD = {"type": "object", "properties": {"x y": {"type": "integer"}, "self": {}}, "required": ["x y"]}
ACTIONS = [
    Described("place", 'Place an "order".\n\nMore of """it\\.', ORDER, TO_ITEM),
    Described("list", "", {"type": "object", "additionalProperties": {"type": "string"}}, {"type": "array"}),
    Described("a-b", "", None, None),
    Described("watch", "", ORDER, {"type": "integer"}, {"type": "boolean"}, streams=True),
    Described("class", "Its name is a keyword."),
    Described("odd", "", ODD),
    Described("other", "", {"$ref": "#/$defs/Item", "$defs": {"Item": {**ITEM, "title": "Another"}}}),
    Described("tree", "", {"$ref": "#/$defs/Node", "$defs": {"Node": {"type": "object", "properties": {
        "kids": {"type": "array", "items": {"$ref": "#/$defs/Node"}}, "x-y": {"type": "null"}}}}}),
]  # fmt: skip
CALLS = """
from daebus import DaebusCaller
from stub import my_shop

shop = my_shop(DaebusCaller("my shop"))
item = shop.place(items=[{"sku": "A"}], color="red")
reveal_type(item)
reveal_type(shop(timeout=2).watch(items=[]))
shop.list(more="x")
shop.odd({"x y": 1})
shop.place(itms=[])
shop.place(items=[], color="green")
shop.place(items=[{"sku": 1}])
shop.other(sku="x", qty="1")
"""


def test_the_stub_for_callers_is_typed(tmp_path: Path) -> None:
    # Of the framework no more is needed, and mypy takes long enough for what it must read.
    framework = "class DaebusCaller:\n    actions: object\n    def __init__(self, service: str) -> None: ...\n"
    (tmp_path / "daebus.pyi").write_text(framework)
    (tmp_path / "stub.py").write_text(FORMATS["python"]("my shop", ACTIONS))
    (tmp_path / "calls.py").write_text(CALLS)
    checks = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-incremental", "stub.py", "calls.py"]
    done = subprocess.run(checks, cwd=tmp_path, capture_output=True, text=True, check=False)
    errors = [line.partition(": error: ")[0] for line in done.stdout.splitlines() if ": error: " in line]
    assert errors == ["calls.py:11", "calls.py:12", "calls.py:13", "calls.py:14"], done.stdout
    assert 'calls.py:7: note: Revealed type is "TypedDict(' in done.stdout
    assert 'calls.py:8: note: Revealed type is "' in done.stdout
    assert "bool" in done.stdout.partition("calls.py:8")[2].splitlines()[0]


def test_each_document_has_what_its_references_name() -> None:
    schema = json.loads(FORMATS["jsonschema"]("my shop", ACTIONS))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$defs"]["place.answer"] == {"$ref": "#/$defs/Item"}
    # Another of the same name is another.
    assert schema["$defs"]["other.arguments"] == {"$ref": "#/$defs/Item_2"}
    assert schema["$defs"]["Node"]["properties"]["kids"]["items"] == {"$ref": "#/$defs/Node"}
    api = json.loads(FORMATS["asyncapi"]("my shop", ACTIONS))
    assert api["asyncapi"] == "3.0.0"
    assert api["operations"]["place"]["channel"] == {"$ref": "#/channels/requests"}
    assert api["channels"]["requests"]["address"] == "my shop"
    payload = api["components"]["messages"]["place.request"]["payload"]["properties"]["payload"]
    assert payload["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Item"}
    for document in (schema, api):
        for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
            found = document
            for step in reference.split("/"):
                found = found[step]


def test_markdown_shows_fields_and_commands_nothing() -> None:
    text = FORMATS["markdown"]("my shop", ACTIONS)
    assert "## place\n" in text
    assert "| items | list of Item | required | 1 or more items |" in text
    hostile = Described("x", "a\x1b[31m", {"properties": {"|<b>\x1b": {"type": "string"}}})
    assert "\x1b" not in FORMATS["markdown"]("\x1b", [hostile])
    assert r"\|\<b\>" in FORMATS["markdown"]("s", [hostile])


WORDS = [
    "type",
    "properties",
    "required",
    "$ref",
    "$defs",
    "anyOf",
    "enum",
    "items",
    "a",
    "prefixItems",
    "additionalProperties",
]
WORDS += ["minimum", "minLength", "pattern", "default", "description", "const"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(WORDS),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60)
@given(ANYTHING, ANYTHING, ANYTHING)
def test_whatever_a_service_tells_is_borne(told: Any, schema: Any, payload: Any) -> None:
    item = {"arguments": schema, "answer": told, "description": told}
    action = described("x", "", item)
    if action.arguments is not None:
        wrong_with(payload, action.arguments)
        signature("x", Whole.of(action.arguments), None)
    for form in FORMATS.values():
        assert form("service", [action]).endswith("\n")
    compile(FORMATS["python"]("service", [action]), "stub", "exec")


def test_references_in_a_circle_end() -> None:
    circle = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}}
    assert wrong_with({"x": 1}, circle) == []
    either = {"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}}}
    assert wrong_with(None, either) == []
    for form in FORMATS.values():
        assert form("service", [Described("x", "", circle), Described("y", "", either)])
