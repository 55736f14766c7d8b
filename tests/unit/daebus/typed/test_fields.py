"""Payloads held to the parameters of handlers: what fits, and every field that does not."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict
from uuid import UUID

import msgspec
import pytest

from daebus import Daebus, request

from .support import ask, taking, wrong


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


@dataclass
class Item:
    sku: str
    qty: int = 1


@dataclass
class Order:
    items: list[Item]
    notes: dict[str, Item] = field(default_factory=dict)
    parent: Order | None = None


class Point(NamedTuple):
    x: int
    y: int = 0


class Address(TypedDict):
    city: str
    zip: NotRequired[str]


class Renamed(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    user_id: int


class Loose(msgspec.Struct):
    a: int = 0


class Cat(msgspec.Struct, tag="cat"):
    lives: int = 9


class Dog(msgspec.Struct, tag="dog"):
    tricks: list[str]


class InOrder(msgspec.Struct, array_like=True):
    a: int
    b: str = "-"


UUID_TEXT = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
FITS: list[tuple[Any, str, Any]] = [
    (int, "17", 17),
    (int, "-0", 0),
    (int, "9" * 4300, int("9" * 4000) * 10**300 + int("9" * 300)),
    (float, "1", 1.0),
    (float, "1.5e2", 150.0),
    (bool, "true", True),
    (str, '"\\ud800"', "\ud800"),
    (Any, "[1, null, 1.5]", [1, None, 1.5]),
    (object, "{}", {}),
    (None, "null", None),
    (int | None, "null", None),
    (int | str, '"x"', "x"),
    (int | float, "1", 1),
    (int | float, "1.0", 1.0),
    (float | Literal["all"], '"all"', "all"),
    (float | None, "3", 3.0),
    (list[int] | int, "[1]", [1]),
    (Decimal, "1.10", Decimal("1.10")),
    (Decimal, '"1.10"', Decimal("1.10")),
    (Decimal, "1", Decimal(1)),
    (Decimal, "1e400", Decimal("1E+400")),
    (Decimal, "0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
    (list[Decimal], '["0.10", 0.10]', [Decimal("0.10"), Decimal("0.10")]),
    (Decimal | None, "2.50", Decimal("2.50")),
    (datetime, '"2026-01-02T03:04:05"', datetime(2026, 1, 2, 3, 4, 5)),
    (datetime, '"2026-01-02T03:04:05Z"', datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (Annotated[datetime, msgspec.Meta(tz=True)], '"2026-01-02T03:04:05Z"', datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    (date, '"2026-01-02"', date(2026, 1, 2)),
    (time, '"03:04:05"', time(3, 4, 5)),
    (timedelta, '"PT90S"', timedelta(seconds=90)),
    (UUID, f'"{UUID_TEXT}"', UUID(UUID_TEXT)),
    (bytes, '"aGk="', b"hi"),
    (Literal["a", 1, None], "1", 1),
    (Color, '"red"', Color.RED),
    (Size, "2", Size.LARGE),
    (Rights, "3", Rights.READ | Rights.WRITE),
    (list[int], "[]", []),
    (Sequence[int], "[1]", [1]),
    (set[int], "[2, 1, 2]", {1, 2}),
    (frozenset[Color], '["red"]', frozenset({Color.RED})),
    (tuple[int, str], '[1, "x"]', (1, "x")),
    (tuple[int, ...], "[1, 2]", (1, 2)),
    (dict[int, str], '{"1": "x", "-2": "y"}', {1: "x", -2: "y"}),
    (dict[Color, int], '{"red": 1}', {Color.RED: 1}),
    (dict[Size, int], '{"1": 1}', {Size.SMALL: 1}),
    (dict[UUID, int], f'{{"{UUID_TEXT}": 1}}', {UUID(UUID_TEXT): 1}),
    (Mapping[str, int], '{"": 1}', {"": 1}),
    (Item, '{"sku": "A"}', Item("A")),
    (Order, '{"items": [{"sku": "A", "qty": 2}], "parent": {"items": []}}', Order([Item("A", 2)], {}, Order([]))),
    (list[Address], '[{"city": "Ulm"}]', [{"city": "Ulm"}]),
    (list[Renamed], '[{"userId": 1}]', [Renamed(1)]),
    (list[Loose], '[{"a": 1, "other": 2}]', [Loose(1)]),
    (list[Cat | Dog], '[{"type": "dog", "tricks": ["sit"]}, {"type": "cat"}]', [Dog(["sit"]), Cat()]),
    (Point, "[1]", Point(1)),
    (InOrder, "[1]", InOrder(1)),
    (Annotated[int, msgspec.Meta(ge=1, le=5)], "5", 5),
    (Annotated[str, "said of it"], '"x"', "x"),
]


@pytest.mark.parametrize(("annotation", "text", "value"), FITS)
def test_it_is_what_the_annotation_says(annotation: Any, text: str, value: Any) -> None:
    got: list[Any] = []

    def handler(x: Any, y: int = 0) -> dict[str, Any]:
        got.append(x)
        return {}

    handler.__annotations__["x"] = annotation
    assert ask(handler, f'{{"x": {text}}}') == {}
    assert got == [value]
    assert type(got[0]) is type(value)
    # With all its digits and its sign of zero.
    assert repr(got[0]) == repr(value)


NUMBER = "a number with a point or an exponent"
MISFITS: list[tuple[Any, str, dict[str, str]]] = [
    (int, '"17"', {"x": "must be a whole number, not text"}),
    (int, "true", {"x": "must be a whole number, not true or false"}),
    (int, "1.0", {"x": f"must be a whole number, not {NUMBER}"}),
    (int, "1e3", {"x": f"must be a whole number, not {NUMBER}"}),
    (int, "null", {"x": "must be a whole number, not null"}),
    (int, "[1]", {"x": "must be a whole number, not a list"}),
    (int, "{}", {"x": "must be a whole number, not an object"}),
    (float, '"1.5"', {"x": "must be a number, not text"}),
    (float, "false", {"x": "must be a number, not true or false"}),
    (float, "NaN", {"x": "must be a number, and a finite one"}),
    (float, "1e400", {"x": "must be a number, and a finite one"}),
    (float, "9" * 400, {"x": "must be a number, and not one so large"}),
    (bool, "1", {"x": "must be true or false, not a whole number"}),
    (bool, '"yes"', {"x": "must be true or false, not text"}),
    (str, "1", {"x": "must be text, not a whole number"}),
    (None, "0", {"x": "must be null, not a whole number"}),
    (int | None, '"x"', {"x": "must be a whole number or null, not text"}),
    (Decimal, '"x"', {"x": "must be a number, or a text that is one"}),
    (Decimal, '" 1"', {"x": "must be a number, or a text that is one"}),
    (Decimal, '"1_0"', {"x": "must be a number, or a text that is one"}),
    (Decimal, '"NaN"', {"x": "must be a number, or a text that is one"}),
    (Decimal, "NaN", {"x": "must be a number, or a text that is one"}),
    (Decimal, "-Infinity", {"x": "must be a number, or a text that is one"}),
    (Decimal, "1e9999999999999999999", {"x": "must be a number, or a text that is one"}),
    (Decimal, "true", {"x": "must be a number, or a text that is one, not true or false"}),
    (
        datetime,
        "1767312000",
        {"x": "must be a date and time such as 2026-01-31T10:30:00 (ISO 8601), not a whole number"},
    ),
    (datetime, '"2026-01-02"', {"x": "must be a date and time such as 2026-01-31T10:30:00 (ISO 8601)"}),
    (datetime, '"1767312000"', {"x": "must be a date and time such as 2026-01-31T10:30:00 (ISO 8601)"}),
    (
        Annotated[datetime, msgspec.Meta(tz=True)],
        '"2026-01-02T03:04:05"',
        {"x": "must be a date and time such as 2026-01-31T10:30:00 (ISO 8601) with an offset from UTC"},
    ),
    (date, '"2026-01-02T00:00:00"', {"x": "must be a date (YYYY-MM-DD)"}),
    (date, '"2026-02-30"', {"x": "must be a date (YYYY-MM-DD)"}),
    (UUID, '"secret"', {"x": "must be a UUID"}),
    (bytes, '"?"', {"x": "must be text in base64"}),
    (Literal["a", 1], "true", {"x": 'must be one of 1, "a"'}),
    (Literal["a"], "{}", {"x": 'must be "a"'}),
    (Color, '"RED"', {"x": 'must be one of "red", "blue"'}),
    (Color, "[[]]", {"x": 'must be one of "red", "blue"'}),
    (Size, "1.0", {"x": "must be one of 1, 2"}),
    (Rights, "8", {"x": "must be a whole number that stands for flags"}),
    (list[int], "{}", {"x": "must be a list, not an object"}),
    (
        list[int],
        '[1, "2", 3, null]',
        {"x[1]": "must be a whole number, not text", "x[3]": "must be a whole number, not null"},
    ),
    (set[Any], "[[1]]", {"x": "must hold no lists and no objects"}),
    (tuple[int, str], "[1]", {"x": "must be a list of 2 values, and has 1"}),
    (Point, "[]", {"x": "must be a list of 1 to 2 values, and has 0"}),
    (
        dict[int, str],
        '{"x": "a", "01": "b", "1.0": "c", "2": 3}',
        {
            "x.x": "is a name that must be a whole number",
            'x["01"]': "is a name that must be a whole number",
            'x["1.0"]': "is a name that must be a whole number",
            'x["2"]': "must be text, not a whole number",
        },
    ),
    (
        dict[str, int],
        '{"a b": "", "ok": 1, "\\u001b[31m": ""}',
        {'x["a b"]': "must be a whole number, not text", 'x["\\u001b[31m"]': "must be a whole number, not text"},
    ),
    (Item, "[]", {"x": "must be an object, not a list"}),
    (
        Item,
        '{"qty": null, "Sku": "A"}',
        {"x.qty": "must be a whole number, not null", "x.sku": "is missing", "x.Sku": "is not known; known: qty, sku"},
    ),
    (
        Order,
        '{"items": [{"sku": "A"}, {"sku": 1, "qty": "2"}, 3], "notes": {"n": {}}, "parent": {"items": [{}]}}',
        {
            "x.items[1].sku": "must be text, not a whole number",
            "x.items[1].qty": "must be a whole number, not text",
            "x.items[2]": "must be an object, not a whole number",
            "x.notes.n.sku": "is missing",
            "x.parent.items[0].sku": "is missing",
        },
    ),
    (
        Address,
        '{"city": "Ulm", "zip": 89, "z": 1}',
        {"x.zip": "must be text, not a whole number", "x.z": "is not known; known: city, zip"},
    ),
    (Renamed, '{"user_id": 1}', {"x.userId": "is missing", "x.user_id": "is not known; known: userId"}),
    (Cat | Dog, '{"type": "cow"}', {"x.type": 'must be one of "cat", "dog"'}),
    (Cat | Dog, "{}", {"x.type": "is missing"}),
    (Cat | Dog, '{"type": "dog", "tricks": [1]}', {"x.tricks[0]": "must be text, not a whole number"}),
    (Annotated[int, msgspec.Meta(ge=1)], "0", {"x": "must be a whole number of at least 1"}),
    (Annotated[str, msgspec.Meta(max_length=2)], '"abc"', {"x": "must be text of a length of at most 2"}),
    (
        Annotated[list[int], msgspec.Meta(min_length=1)],
        "[]",
        {"x": "must be a list of a length of at least 1, and has 0"},
    ),
    (Annotated[float, msgspec.Meta(gt=0)], "0", {"x": "must be a number above 0"}),
]


@pytest.mark.parametrize(("annotation", "text", "found"), MISFITS)
def test_every_wrong_field_is_named_with_its_path(annotation: Any, text: str, found: dict[str, str]) -> None:
    assert wrong(taking(list[annotation]), f'{{"x": [{text}]}}') == {  # type: ignore[valid-type]
        path.replace("x", "x[0]", 1): reason for path, reason in found.items()
    }


def test_a_field_is_missing_another_is_not_known_and_a_third_is_null() -> None:
    def handler(user_id: int, verbose: bool = False, *, note: str | None = None) -> dict[str, Any]:
        return {"user_id": user_id, "verbose": verbose, "note": note}

    assert ask(handler, {"user_id": 17}) == {"user_id": 17, "verbose": False, "note": None}
    assert ask(handler, {"user_id": 17, "verbose": True, "note": None}) == {
        "user_id": 17,
        "verbose": True,
        "note": None,
    }
    assert wrong(handler, {"userid": 17, "verbose": None, "note": "x"}) == {
        "user_id": "is missing",
        "userid": "is not known; known: note, user_id, verbose",
        "verbose": "must be true or false, not null",
    }
    assert wrong(handler, {}) == {"user_id": "is missing"}


def test_where_there_are_more_fields_than_are_named_the_error_says_how_many() -> None:
    names = [f"f{number:02}" for number in range(22)]
    many = msgspec.defstruct("Many", [(name, int, 0) for name in names], forbid_unknown_fields=True)
    named = ", ".join(names[:20])
    assert wrong(taking(many), {"other": 1}) == {"other": f"is not known; known: {named}, and 2 more"}


def test_of_a_name_that_is_there_twice_the_last_counts() -> None:
    assert ask(taking(int), '{"x": "no", "x": 2}') == {"got": "2"}
    assert wrong(taking(int), '{"x": 2, "x": "no"}') == {"x": "must be a whole number, not text"}


def test_a_payload_may_be_text_or_stand_beside_the_action() -> None:
    assert ask(taking(Decimal), '"{\\"x\\": 1.10}"') == {"got": "Decimal('1.10')"}
    from daebus import Daebus

    app = Daebus("typed")
    got: list[Any] = []

    @app.action("do")
    def handler(x: Decimal) -> None:
        got.append(x)

    with app.test_client() as client:
        client.publish("typed", '{"action": "do", "x": 2.50, "service": "old"}')
    assert repr(got) == "[Decimal('2.50')]"


def test_numbers_of_anything_are_as_ever_beside_a_decimal() -> None:
    def handler(x: Decimal, y: Any, z: dict[str, float]) -> dict[str, Any]:
        assert [type(each) for each in (y["a"][0], z["b"])] == [float, float]
        return {"x": x, "y": y, "z": z}

    text = '{"x": 1.0, "y": {"a": [1.5, 2]}, "z": {"b": 0.1}}'
    assert ask(handler, text) == {"x": "1.0", "y": {"a": [1.5, 2]}, "z": {"b": 0.1}}


def test_a_value_is_in_no_error() -> None:
    secret = "hunter2"
    payload = {
        "a": secret,
        "b": secret,
        "c": secret,
        "d": [secret],
        "e": secret,
        "f": {"g": secret},
        "h": secret,
        "i": secret,
    }

    def handler(
        a: int,
        b: UUID,
        c: Color,
        d: list[datetime],
        e: Literal["x"],
        f: dict[str, bool],
        h: int | None,
        i: Annotated[str, msgspec.Meta(max_length=1)],
    ) -> None:
        raise AssertionError

    found = wrong(handler, payload)
    assert sorted(found) == ["a", "b", "c", "d[0]", "e", "f.g", "h", "i"]
    assert secret not in str(found)


def test_of_very_many_wrong_fields_a_hundred_are_named() -> None:
    found = wrong(taking(list[int]), {"x": ["no"] * 100_000})
    assert len(found) == 100
    assert "x[99]" in found


def test_what_a_model_itself_refuses_is_told() -> None:
    @dataclass
    class Span:
        start: int
        end: int

        def __post_init__(self) -> None:
            if self.end < self.start:
                raise ValueError("it ends before it starts")

    assert wrong(taking(list[Span]), {"x": [{"start": 1, "end": 2}, {"start": 2, "end": 1}]}) == {
        "x[1]": "is refused: it ends before it starts"
    }


def test_what_is_nested_deep_is_read_as_deep_as_any_message_is() -> None:
    def nested(levels: int) -> str:
        return '{"items": [], "parent": ' * levels + '{"items": []}' + "}" * levels

    def depth(x: Order, y: int = 0) -> dict[str, int]:
        levels = 0
        while x.parent is not None:
            x, levels = x.parent, levels + 1
        return {"levels": levels}

    assert ask(depth, f'{{"x": {nested(190)}}}') == {"levels": 190}
    deep = nested(150).replace('{"items": []}', '{"items": 1}')
    assert wrong(depth, f'{{"x": {deep}}}') == {"x" + ".parent" * 150 + ".items": "must be a list, not a whole number"}


def test_a_hook_that_changes_a_part_takes_no_digits_from_the_rest() -> None:
    app = Daebus("shop")

    @app.before_request
    def tenant() -> None:
        request.payload["tenant"] = "acme"
        request.payload["items"][0]["price"] = 7.5

    @app.action("pay")
    def pay(amount: Decimal, items: list[dict[str, Decimal]], tenant: str) -> dict[str, Any]:
        return {"amount": amount, "prices": [one["price"] for one in items], "tenant": tenant}

    big = "12345678901234567.89"
    with app.test_client() as client:
        message = f'{{"amount": {big}, "items": [{{"price": {big}}}, {{"price": {big}}}]}}'
        whole = f'{{"action": "pay", "payload": {message}, "reply_to": "asker", "request_id": "r"}}'
        client.publish("shop", whole)
        (answer,) = client.broadcasts("asker")
    assert answer["payload"] == {"amount": big, "prices": ["7.5", big], "tenant": "acme"}
