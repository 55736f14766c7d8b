"""Bounds in the words of annotated_types and of pydantic: checked as those of msgspec are, or refused at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypedDict

import annotated_types
import msgspec
import pydantic
import pytest

from daebus import Daebus
from daebus.errors import RegistrationError

from .support import ask, taking, wrong

Field, Meta = pydantic.Field, msgspec.Meta

CHECKED: list[tuple[Any, Any, Any, str]] = [
    (Annotated[int, annotated_types.Ge(1)], 1, 0, "must be a whole number of at least 1"),
    (Annotated[int, Field(ge=1)], 1, 0, "must be a whole number of at least 1"),
    (Annotated[int, Field(gt=1, lt=5)], 4, 5, "must be a whole number above 1 and below 5"),
    (
        Annotated[int, annotated_types.Interval(ge=1, le=5)],
        5,
        6,
        "must be a whole number of at least 1 and of at most 5",
    ),
    (Annotated[float, annotated_types.MultipleOf(0.5)], 1.5, 1.2, "must be a number that is a multiple of 0.5"),
    (
        Annotated[str, annotated_types.Len(1, 3)],
        "abc",
        "abcd",
        "of a length of at least 1 and of a length of at most 3",
    ),
    (Annotated[str, Field(min_length=2)], "ab", "a", "must be text of a length of at least 2"),
    (Annotated[str, Field(pattern="^a")], "ab", "b", "must be text that matches ^a"),
    (Annotated[str, Field(pattern=re.compile("^a"))], "ab", "b", "must be text that matches ^a"),
    (Annotated[str, pydantic.StringConstraints(max_length=1)], "a", "ab", "must be text of a length of at most 1"),
    (Annotated[list[int], annotated_types.MinLen(1)], [1], [], "must be a list of a length of at least 1, and has 0"),
    (list[Annotated[int, Field(ge=1)]], [1], [0], "must be a whole number of at least 1"),
    (Annotated[int, Field(ge=1)] | None, None, 0, "must be a whole number of at least 1"),
    (dict[str, tuple[Annotated[int, Field(ge=1)], str]], {"a": [1, "b"]}, {"a": [0, "b"]}, "of at least 1"),
    (pydantic.PositiveInt, 1, 0, "must be a whole number above 0"),
    (pydantic.conint(ge=1, strict=True), 1, 0, "must be a whole number of at least 1"),
    (Annotated[int, Meta(ge=1), annotated_types.Le(5)], 5, 6, "must be a whole number of at least 1 and of at most 5"),
    (Annotated[int, Field(description="how many", ge=1)], 1, 0, "must be a whole number of at least 1"),
    (
        Annotated[datetime, annotated_types.Timezone(...)],
        "2026-01-31T10:30:00Z",
        "2026-01-31T10:30:00",
        "with an offset from UTC",
    ),
]


@pytest.mark.parametrize(("annotation", "fits", "not_so", "why"), CHECKED)
def test_a_bound_is_checked(annotation: Any, fits: Any, not_so: Any, why: str) -> None:
    handler = taking(annotation)
    assert "got" in ask(handler, {"x": fits})
    (reason,) = wrong(handler, {"x": not_so}).values()
    assert why in reason


@pytest.mark.parametrize(
    "said",
    [Field(description="how many"), Field(title="Many", examples=[3]), annotated_types.Unit("m"), pydantic.Strict()],
)
def test_what_is_only_told_changes_nothing(said: Any) -> None:
    assert ask(taking(Annotated[int, said]), {"x": 0}) == {"got": "0"}
    assert ask(taking(Annotated[int, "a word of the program's own", 7]), {"x": 0}) == {"got": "0"}


def test_what_is_returned_is_held_to_it() -> None:
    def handler(n: int) -> Annotated[list[int], Field(max_length=1)]:
        return [n] * n

    assert ask(handler, {"n": 1}) == [1]
    app = Daebus("typed")
    app.action("do")(handler)
    with app.test_client() as client, pytest.raises(Exception, match="must be a list of a length of at most 1"):
        client.request("do", {"n": 2})


REFUSED: list[tuple[Any, str]] = [
    (Annotated[str, annotated_types.Predicate(str.islower)], "x: Predicate cannot be checked here; take a model"),
    (Annotated[int, pydantic.BeforeValidator(int)], "x: BeforeValidator cannot be checked here; take a model"),
    (Annotated[int, pydantic.Strict(False)], "x: Strict cannot be checked here"),
    (Annotated[str, pydantic.StringConstraints(strip_whitespace=True)], "x: strip_whitespace cannot be checked here"),
    (Annotated[float, Field(max_digits=3)], "x: max_digits cannot be checked here"),
    (Annotated[int, Field(alias="y")], r"x: Field\(alias=\.\.\.\) cannot be used here"),
    (Annotated[int, Field(default=1)], r"x: pydantic's Field\(\) is no default here"),
    (Annotated[str, Field(ge=1)], "x: Can only set `ge` on a numeric type"),
    (Annotated[datetime, annotated_types.Ge(datetime(2026, 1, 1, tzinfo=UTC))], "x: Ge cannot be checked here: "),
]


@pytest.mark.parametrize(("annotation", "why"), REFUSED)
def test_what_cannot_be_checked_is_refused_at_once(annotation: Any, why: str) -> None:
    with pytest.raises(RegistrationError, match=rf"'do' \(.*:\d+\) cannot be bound: {why}"):
        Daebus("typed").action("do")(taking(annotation))


class InStruct(msgspec.Struct):
    qty: Annotated[int, Field(ge=1)]


@dataclass
class InDataclass:
    qty: list[Annotated[int, annotated_types.Ge(1)]]


class InDict(TypedDict):
    qty: Annotated[int, Field(ge=1, description="how many")]


class InTuple(NamedTuple):
    qty: Annotated[int, Field(ge=1)]


class AsDefault(msgspec.Struct):
    qty: int = Field(ge=1)


class Told(msgspec.Struct):
    qty: Annotated[int, Field(description="how many")]


@pytest.mark.parametrize("cls", [InStruct, InDataclass, InDict, InTuple])
def test_in_a_class_it_is_refused_with_what_to_write(cls: Any) -> None:
    why = rf"{cls.__name__}.qty: (Field|Ge) is not checked there; write msgspec.Meta\(ge=1\)"
    for annotation in (cls, list[cls]):
        with pytest.raises(RegistrationError, match=why):
            Daebus("typed").action("do")(taking(annotation))


def test_a_field_of_pydantic_is_no_default() -> None:
    def handler(qty: int = Field(ge=1)) -> None: ...

    for function in (handler, taking(AsDefault)):
        with pytest.raises(RegistrationError, match=r"qty: pydantic's Field\(\) is no default here; write Annotated"):
            Daebus("typed").action("do")(function)
    assert "got" in ask(taking(Told), {"qty": 0})
