"""Values that JSON has no form for: what stands for them in a payload."""

from __future__ import annotations

import json
import re
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PureWindowsPath
from typing import Any
from uuid import UUID

import msgspec
import pytest
from pydantic import BaseModel, Field

from daebus.errors import PayloadError
from daebus.wire.values import plain_or
from daebus.wire.writing import encode


class Size(Enum):
    SMALL = "s"
    PAIR = (1, Decimal("1.10"))


class Level(IntEnum):
    LOW = 1


class Name(StrEnum):
    ANN = "ann"


@dataclass
class Item:
    id: UUID
    price: Decimal
    tags: set[str] = field(default_factory=set)
    parts: list[Item] = field(default_factory=list)


Point = namedtuple("Point", "x y")
ID = UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2026, 11, 27, 9, 5, 1, 250000, UTC), "2026-11-27T09:05:01.250000+00:00"),
        (datetime(2026, 11, 27, 9, 5), "2026-11-27T09:05:00"),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2026-01-01T00:00:00+05:30"),
        (date(2026, 11, 27), "2026-11-27"),
        (time(9, 5), "09:05:00"),
        (ID, str(ID)),
        (Decimal("19.90"), "19.90"),
        (Decimal("12345678901234567890.12345678901234567890"), "12345678901234567890.12345678901234567890"),
        (Size.SMALL, "s"),
        (Size.PAIR, [1, "1.10"]),
        (Level.LOW, 1),
        (Name.ANN, "ann"),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (set(), []),
        (Path("a/b"), "a/b"),
        (PureWindowsPath("c:\\x"), "c:\\x"),
        (Point(1, ID), [1, str(ID)]),
        (
            Item(ID, Decimal("1.10"), {"x"}, [Item(ID, Decimal(0))]),
            {
                "id": str(ID),
                "price": "1.10",
                "tags": ["x"],
                "parts": [{"id": str(ID), "price": "0", "tags": [], "parts": []}],
            },
        ),
    ],
)
def test_it_is_written_as_people_expect(value: Any, written: Any) -> None:
    assert json.loads(encode({"at": [value]})) == {"at": [written]}


def test_members_of_a_set_that_have_no_order_are_all_there() -> None:
    found = json.loads(encode({"at": {1, "a", None}}))["at"]
    assert sorted(map(str, found)) == ["1", "None", "a"]


@pytest.mark.parametrize("value", [object(), Item, b"bytes", 1j, timedelta(1), range(3), {"a": {1: {2}}}.items()])
def test_what_has_no_form_of_its_own_is_refused(value: Any) -> None:
    with pytest.raises(PayloadError, match="is not JSON serializable"):
        encode({"at": value})


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        (timedelta(seconds=90), "total_seconds(), or the text of ISO 8601 that a typed handler takes, such as 'PT90S'"),
        (b"\x00", "or the base64 that a typed handler takes"),
        (bytearray(b"a"), "or the base64 that a typed handler takes"),
    ],
)
def test_of_what_may_be_written_in_several_ways_it_is_said_what_to_do(value: Any, instead: str) -> None:
    with pytest.raises(PayloadError, match=f"{re.escape(instead)}$"):
        encode({"at": value})


@dataclass
class Endless:
    inner: Any = None


def test_what_goes_round_in_circles_is_refused() -> None:
    value = Endless()
    value.inner = value
    with pytest.raises(PayloadError, match="nested too deeply for JSON, or contains itself"):
        encode({"at": value})


def test_another_function_is_asked_for_the_rest_only() -> None:
    def seconds(value: Any) -> Any:
        if isinstance(value, timedelta):
            return {"seconds": Decimal(value.total_seconds())}
        raise TypeError(f"not a {type(value).__name__}")

    default = plain_or(seconds)
    assert encode([timedelta(minutes=1), date(2026, 1, 2)], default=default) == b'[{"seconds":"60"},"2026-01-02"]'
    with pytest.raises(PayloadError, match="not a complex"):
        encode(1j, default=default)


@pytest.mark.parametrize("answer", [None, float("nan"), {1, 1j}])
def test_what_it_returns_is_written_or_refused(answer: Any) -> None:
    default = plain_or(lambda _value: answer)
    if answer is None:
        assert encode(1j, default=default) == b"null"
        return
    with pytest.raises(PayloadError):
        encode(1j, default=default)


class Priced(msgspec.Struct, rename="camel", tag="priced"):
    unit_price: Decimal


class Ordered(BaseModel):
    order_id: UUID = Field(alias="orderId")


def test_models_of_msgspec_and_pydantic_are_written_as_they_write_themselves() -> None:
    ordered = Ordered(orderId=UUID(int=1))
    assert json.loads(encode({"a": [Priced(Decimal("1.10"))], "b": ordered})) == {
        "a": [{"type": "priced", "unitPrice": "1.10"}],
        "b": {"orderId": "00000000-0000-0000-0000-000000000001"},
    }


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents


class OrderStruct(msgspec.Struct):
    total: Any


class OrderModel(BaseModel):
    total: Any


@dataclass
class OrderData:
    total: Any


def cents(value: Any) -> Any:
    if isinstance(value, Money):
        return {"cents": value.cents}
    raise TypeError(f"no {type(value).__name__} here")


@pytest.mark.parametrize(
    "order", [OrderStruct, lambda value: OrderModel(total=value), OrderData, lambda value: {"total": value}]
)
def test_what_a_program_says_to_write_counts_within_models_too(order: Callable[[Any], Any]) -> None:
    written = json.loads(
        encode({"order": order(Money(5)), "in": OrderModel(total=OrderStruct(Money(6)))}, default=plain_or(cents))
    )
    assert written == {"order": {"total": {"cents": 5}}, "in": {"total": {"total": {"cents": 6}}}}
    with pytest.raises(PayloadError, match="no object here"):
        encode({"order": order(object())}, default=plain_or(cents))


@pytest.mark.parametrize(
    "order", [OrderStruct, lambda value: OrderModel(total=value), OrderData, lambda value: {"total": value}]
)
def test_a_function_that_returns_what_it_was_given_is_told(order: Callable[[Any], Any]) -> None:
    default = plain_or(lambda value: value.cents if isinstance(value, Money) else value)
    assert encode({"order": {"total": Money(5)}}, default=default) == b'{"order":{"total":5}}'
    with pytest.raises(PayloadError, match="json_default returned an object of type object as it was given it"):
        encode({"order": order(object())}, default=default)
