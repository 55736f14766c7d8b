"""Learned shapes: what is told of messages, on how many it rests, and which of them are not like the others."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest

from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.insight.departing import Judge
from daebus_console.engine.insight.schema import record, schema
from daebus_console.engine.insight.shape import MOST_FIELDS, MOST_PARTS, Shape
from daebus_console.engine.insight.shapes import MOST_PLACES, Place, Shapes
from tests.console.engine.bus import Bus, answer, progress, raw, request


def learned(values: Iterable[Any]) -> Shape:
    shape = Shape()
    for value in values:
        shape.see(value, value)
    return shape


def told(shape: Shape, value: Any) -> list[tuple[Any, str]]:
    return [(".".join(map(str, one.path)), one.what) for one in Judge(shape).departures(value)]


def parts(shape: Shape) -> int:
    below = [*shape.fields.values(), *(one for one in (shape.folded, shape.items) if one is not None)]
    return 1 + sum(map(parts, below))


def test_types_ranges_examples_and_what_is_optional() -> None:
    values = [
        {"id": number, "tags": ["a"] * (number % 3), "name": "ann" if number % 2 else None} for number in range(40)
    ]
    values[7]["note"] = "once"
    found = record(learned(values))
    assert found["types"] == {"object": 40}
    fields = found["fields"]
    assert fields["id"] == {
        "optional": False, "count": 40, "types": {"integer": 40}, "range": [0, 39], "examples": [0, 1, 2],
        "only_these": False,
    }  # fmt: skip
    assert fields["tags"]["items_range"] == [0, 2]
    assert fields["tags"]["items"]["types"] == {"string": 39}
    assert fields["name"]["types"] == {"null": 20, "string": 20}
    assert (fields["name"]["examples"], fields["name"]["only_these"]) == (["ann"], True)
    assert (fields["note"]["optional"], fields["note"]["count"]) == (True, 1)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("17", "number"), ("-3.50", "number"), ("017", None), ("1e5", None), ("", None), ("2026-11-27", "date"),
        ("2026-11-27T20:03:11.5Z", "date-time"), ("8d3f9f3e-1111-4222-8333-123456789abc", "uuid"),
        ("a.b@example.org", "email"), ("redis://x/0", "uri"), ("٣", None), ("x" * 10_000, None),
    ],
)  # fmt: skip
def test_what_a_text_is_the_text_of(text: str, kind: str | None) -> None:
    assert record(learned([text] * 3)).get("format") == kind


@pytest.mark.parametrize(
    "keys",
    [
        [str(number) for number in range(1000, 1010)],
        [f"user-{number}" for number in range(10)],
        [f"8d3f9f3e-1111-4222-8333-12345678900{number}" for number in range(10)],
        [f"2026-11-0{number}" for number in range(1, 9)],
        [f"{name}@example.org" for name in "abcdef"],
        ["".join(random.Random(number).choices("abcdefgh", k=6)) for number in range(200)],
    ],
)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "together"])
def test_keys_that_are_data_are_folded(keys: list[str], together: bool) -> None:
    if together:
        shape = learned([{key: {"price": 5} for key in keys}])
    else:
        shape = learned([{key: {"price": 5}} for key in keys])
    found = record(shape)
    assert "fields" not in found
    assert set(found["keys_are_data"]) <= set(keys)
    assert found["values"]["count"] == len(keys)
    assert found["values"]["fields"]["price"]["range"] == [5, 5]
    assert told(shape, {"another": {"price": 6}}) == []


@pytest.mark.parametrize(
    "keys",
    [["id", "name", "price"], ["line_1", "line_2", "city"], ["x", "y", "z"], ["v1", "v2"], ["1", "2"], ["été", "日本"],
     ["sha256", "md5", "utf8"]],
)  # fmt: skip
def test_names_are_not(keys: list[str]) -> None:
    assert list(record(learned([dict.fromkeys(keys, 1)] * 3))["fields"]) == keys


@pytest.mark.parametrize(
    ("value", "departs"),
    [
        ({"id": 1, "amount": 5, "kind": "a"}, []),
        ({"id": 1, "amount": 5.5, "kind": "another"}, []),
        ({"id": 10**30, "amount": -5, "kind": ""}, []),
        ({"id": 1, "amount": "5", "kind": "a"}, [("amount", "is a string where most have a number")]),
        ({"id": 1, "amount": None, "kind": "a"}, [("amount", "is null")]),
        ({"id": True, "amount": 5, "kind": "a"}, [("id", "is a boolean where most have a number")]),
        ({"id": 1, "kind": "a"}, [("amount", "is missing")]),
        ({"id": 1, "amount": 5, "kind": "a", "extra": 1}, [("extra", "is a field that none had")]),
        ([1], [("", "is an array where most have an object")]),
        (None, [("", "is null")]),
        ("text", [("", "is a string where most have an object")]),
    ],
)
def test_a_message_that_is_not_like_the_others(value: Any, departs: Any) -> None:
    shape = learned({"id": number, "amount": number, "kind": "a", "rare": number} for number in range(100))
    for part in (shape.fields["rare"],):
        part.count, part.types = 60, {"integer": 60}
    assert told(shape, value) == departs


def test_the_one_in_seven_is_told_though_it_was_learned_from_too() -> None:
    values = [{"items": [{"amount": str(number) if number % 7 == 0 else number}]} for number in range(70)]
    shape = learned(values)
    departing = [value for value in values if told(shape, value)]
    assert len(departing) == 10
    (one,) = Judge(shape).departures(departing[0])
    assert str(one) == "is a string where most have a number; 60 of 70 are not so"
    assert one.path == ("items", 0, "amount")


def test_few_messages_make_no_rule() -> None:
    assert told(learned([{"id": number} for number in range(19)]), {"other": "x"}) == []


def nested(levels: int) -> Any:
    value: Any = 17
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


@pytest.mark.parametrize(
    "values",
    [
        [nested(490), nested(3)],
        [float("nan"), float("inf"), 1.5, float("-inf")],
        [10**400, -(10**400), 5],
        [{str(number): nested(4) for number in range(5_000)}],
        [{"".join(random.Random(number).choices("abcdefgh", k=9)): {"x": number}} for number in range(3_000)],
        [[nested(number % 9) for number in range(3_000)]],
        [
            {
                f"field {a}": {f"{b} of {a} x": {f"{c}{b}{a}y": 1 for c in "pqrst"} for b in "ghijklmn"}
                for a in "abcdefghij"
            }
        ],
        ["\x1b[31m\x00\u202e", "\ud83d", "x" * 100_000],
        [True, 1, 1.0, "1", None, [], {}],
        [{"": 1}, {"a b": {'"': {"\\": 2}}}],
    ],
    ids=str.split("deep nan huge keys names lists wide hostile mixed empty"),
)
def test_hostile_values_cost_little_and_are_told_all_the_same(values: list[Any]) -> None:
    shape = learned(values)
    assert shape.count == len(values)
    assert parts(shape) <= MOST_PARTS
    assert parts(shape) == MOST_PARTS - shape.room[0]
    json.dumps([record(shape), schema(shape)])
    for value in values:
        Judge(shape).departures(value)


def test_an_object_has_no_more_fields_than_there_is_room_for() -> None:
    shape = learned(
        [{"".join(random.Random(number).choices("abcdefgh", k=9)): number} for number in range(MOST_FIELDS)]
    )
    assert len(shape.fields) == MOST_FIELDS
    shape.see({"one more": 1}, {"one more": 1})
    assert (shape.fields, shape.folded and shape.folded.count) == ({}, MOST_FIELDS + 1)


def test_each_message_of_an_exchange_has_its_shape() -> None:
    bus = Bus()
    bus >> request("users", "get", id="a", payload={"id": 1})
    bus >> progress("caller:1", id="a", payload={"done": 0.5})
    bus >> answer("caller:1", id="a", payload=[1, 2])
    bus >> request("users", "get", id="b", payload='{"id": 2}')
    bus >> answer("caller:1", id="b", status="error", payload={"error": "x"})
    bus >> raw("users", '{"action": "tell", "service": "web", "text": "hi"}')
    bus >> raw("news", '{"text": "hi", "n": NaN}')
    bus >> raw("news", b"\xff\xfe")
    bus >> raw("daebus.control.users", '{"action": "info", "request_id": "c", "reply_to": "r"}')
    shapes = Shapes().add_all(bus.exchanges)
    found = {(place.target, place.action, place.part): shape for place, shape in shapes.found.items()}
    assert set(found) == {
        ("users", "get", "request"), ("users", "get", "partial answer"), ("users", "get", "answer"),
        ("users", "get", "error"), ("users", "tell", "one-way message"), ("news", None, "broadcast"),
    }  # fmt: skip
    request_shape = found["users", "get", "request"]
    assert record(request_shape)["fields"]["id"]["range"] == [1, 2]
    assert list(found["users", "tell", "one-way message"].fields) == ["text"]
    assert record(found["news", None, "broadcast"])["fields"]["n"]["examples"] == ["nan"]


def test_unreadable_messages_are_counted_and_places_bounded() -> None:
    bus = Bus()
    shapes = Shapes()
    bus >> request("users", "get", id="a")
    shapes.add_all(bus.exchanges)
    bus["a"].opened.data = b'{"action": ' + b"[" * 900
    shapes.add(bus["a"])
    assert shapes.unreadable == {Place("users", "get", "request"): 1}
    shapes.found |= {Place(str(number), None, "request"): Shape() for number in range(MOST_PLACES)}
    shapes.add(bus >> request("shop", "get", id="b"))
    assert shapes.left_out == 1


def test_secrets_are_not_among_the_examples_and_keep_their_type() -> None:
    bus = Bus()
    for number in range(30):
        payload = {
            "password": f"hunter{number}",
            "pin": 1000 + number,
            "token": {"inner": f"deep{number}"},
            "pairs": [{"name": "password", "value": f"pair{number}"}],
            "note": f"password=prose{number}",
            "user": "ann",
        }
        bus >> request("users", "log_in", id=f"r{number}", payload=payload)
    (shape,) = Shapes(redact=Redactor(["password", "pin", "token"])).add_all(bus.exchanges).found.values()
    for form in (record(shape), schema(shape)):
        text = json.dumps(form)
        assert not any(secret in text for secret in ("hunter", "1000", "1029", "deep", "pair1", "prose"))
        assert "ann" in text
    assert shape.fields["pin"].types == {"integer": 30}
    assert shape.fields["password"].types == {"string": 30}


def test_the_schema_accepts_what_it_was_learned_from() -> None:
    values = [
        {"id": 1, "amount": 2.5, "who": None, "by_user": {"17": [1], "18": [], "19": [2]}},
        {"id": 2, "amount": 3, "who": "ann@example.org", "by_user": {}, "at": "2026-11-27"},
    ]
    found = schema(learned(values))
    assert found["required"] == ["id", "amount", "who", "by_user"]
    assert found["properties"]["amount"]["type"] == "number"
    assert sorted(found["properties"]["who"]["type"]) == ["null", "string"]
    assert found["properties"]["by_user"]["additionalProperties"]["items"]["type"] == "integer"
    assert found["properties"]["at"]["format"] == "date"
