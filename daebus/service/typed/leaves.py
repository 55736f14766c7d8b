"""Converting values that hold no others: numbers, texts, dates, enums. Strict as JSON is."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Sized
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import inspect as nodes

from .wrongs import Convert, Wrongs, kind

_SHOWN = 12
"""Values of an enum that are named in an error."""


_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
"""What is a number in JSON; Decimal itself takes blanks, underscores and NaN as well."""


class Digits(float):
    """A number of JSON with a point or an exponent, with its text."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Digits:
        """The number that the text says."""
        found = super().__new__(cls, text)
        found.text = text
        return found

    text: str


def undigited(value: Any) -> Any:
    """The value with plain numbers in the place of each `Digits`."""
    if isinstance(value, Digits):
        return float(value)
    if type(value) is list:
        return [undigited(item) for item in value]
    if type(value) is dict:
        return {key: undigited(item) for key, item in value.items()}
    return value


def anything(value: Any, _wrongs: Wrongs) -> Any:
    """Whatever it is."""
    return undigited(value)


def nothing(value: Any, wrongs: Wrongs) -> None:
    """Null."""
    if value is not None:
        wrongs.add(f"must be null, not {kind(value)}")


def plain(wanted: type, node: Any) -> Convert:
    """Of exactly that type of JSON: true or false, a whole number, text."""
    wants = wanted_of(node)
    bounds = _bounds(node)
    if bounds:
        return _read(Annotated[wanted, msgspec.Meta(**bounds)], wanted, wants)

    def convert(value: Any, wrongs: Wrongs) -> Any:
        if type(value) is not wanted:
            wrongs.add(f"must be {wants}, not {kind(value)}")
        return value

    return convert


def number(node: Any) -> Convert:
    """A number, whole ones too. JSON has no NaN and no infinity, and a number beyond what a float holds is none."""
    wants = wanted_of(node)
    bounds = _bounds(node)
    checked = Annotated[float, msgspec.Meta(**bounds)] if bounds else None

    def convert(value: Any, wrongs: Wrongs) -> Any:
        if type(value) is not int and not isinstance(value, float):
            wrongs.add(f"must be {wants}, not {kind(value)}")
            return None
        try:
            found = float(value)
            if math.isfinite(found):
                return found if checked is None else msgspec.convert(found, checked)
            wrongs.add(f"must be {wants}, and a finite one")
        except OverflowError:
            wrongs.add(f"must be {wants}, and not one so large")
        except msgspec.ValidationError:
            wrongs.add(f"must be {wants}")
        return None

    return convert


def exact(node: Any) -> Convert:
    """A Decimal with the digits that are written: in a text, or in a number."""
    wants = wanted_of(node)

    def convert(value: Any, wrongs: Wrongs) -> Any:
        if type(value) not in (str, int) and not isinstance(value, float):
            wrongs.add(f"must be {wants}, not {kind(value)}")
            return None
        text = value.text if isinstance(value, Digits) else repr(value) if isinstance(value, float) else value
        try:
            if not isinstance(text, str) or _NUMBER.fullmatch(text):
                return Decimal(text)
        except ArithmeticError:
            pass
        wrongs.add(f"must be {wants}")
        return None

    return convert


def _read(target: Any, taken: type, wants: str) -> Convert:
    """What msgspec makes of a value of the type `taken`: of a text a date, an id, bytes."""

    def convert(value: Any, wrongs: Wrongs) -> Any:
        if type(value) is not taken:
            wrongs.add(f"must be {wants}, not {kind(value)}")
            return None
        try:
            return msgspec.convert(value, target)
        except (msgspec.ValidationError, ValueError, OverflowError):
            wrongs.add(f"must be {wants}")
            return None

    return convert


def one_of(values: Iterable[tuple[Any, Any]], wants: str) -> Convert:
    """One of the values, each with what it stands for."""
    meant = {(type(value), value): meaning for value, meaning in values}

    def convert(value: Any, wrongs: Wrongs) -> Any:
        try:
            return meant[type(value), value]
        except (KeyError, TypeError):
            wrongs.add(f"must be {wants}")
            return None

    return convert


def member(node: Any) -> Convert:
    """A member of an enum, by its value."""
    cls: type[Enum] = node.cls
    wants = wanted_of(node)
    if issubclass(cls, Flag):
        return _flags(cls, wants)
    return one_of(((each.value, each) for each in cls.__members__.values()), wants)


def _flags(cls: Callable[[Any], Any], wants: str) -> Convert:
    def convert(value: Any, wrongs: Wrongs) -> Any:
        try:
            if type(value) is int:
                return cls(value)
        except ValueError:
            pass
        wrongs.add(f"must be {wants}")
        return None

    return convert


def bare(node: Any) -> Any:
    """The node without what is only said about it."""
    return bare(node.type) if isinstance(node, nodes.Metadata) else node


def fits_length(node: Any, value: Sized) -> bool:
    """Whether there are as many as the annotation wants."""
    low, high = node.min_length or 0, node.max_length
    return low <= len(value) and (high is None or len(value) <= high)


def _bounds(node: Any) -> dict[str, Any]:
    names = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern")
    return {name: bound for name in names if (bound := getattr(node, name, None)) is not None}


def shown(values: Iterable[Any]) -> str:
    """Values that can be chosen from, in words."""
    texts = [json.dumps(value) for value in values]
    if len(texts) == 1:
        return texts[0]
    return f"one of {', '.join(texts[:_SHOWN])}{', ...' if len(texts) > _SHOWN else ''}"


def wanted_of(node: Any) -> str:
    """What must be there, in words: a whole number of at least 1."""
    if isinstance(node, nodes.LiteralType):
        return shown(node.values)
    if isinstance(node, nodes.EnumType):
        flags = issubclass(node.cls, Flag)
        return "a whole number that stands for flags" if flags else shown(each.value for each in node.cls)
    if isinstance(node, nodes.DateTimeType) and node.tz is not None:
        return f"{_WANTED[nodes.DateTimeType]} {'with' if node.tz else 'without'} an offset from UTC"
    bounds = [_WORDS[name].format(bound) for name, bound in _bounds(node).items()]
    return _WANTED.get(type(node), "an object") + (f" {' and '.join(bounds)}" if bounds else "")


_WORDS = {
    "gt": "above {}",
    "ge": "of at least {}",
    "lt": "below {}",
    "le": "of at most {}",
    "multiple_of": "that is a multiple of {}",
    "min_length": "of a length of at least {}",
    "max_length": "of a length of at most {}",
    "pattern": "that matches {}",
}
_WANTED: dict[type, str] = {
    nodes.AnyType: "anything",
    nodes.NoneType: "null",
    nodes.BoolType: "true or false",
    nodes.IntType: "a whole number",
    nodes.FloatType: "a number",
    nodes.DecimalType: "a number, or a text that is one",
    nodes.StrType: "text",
    nodes.BytesType: "text in base64",
    nodes.ByteArrayType: "text in base64",
    nodes.DateTimeType: "a date and time such as 2026-01-31T10:30:00 (ISO 8601)",
    nodes.DateType: "a date (YYYY-MM-DD)",
    nodes.TimeType: "a time such as 10:30:00 (ISO 8601)",
    nodes.TimeDeltaType: "a duration (ISO 8601)",
    nodes.UUIDType: "a UUID",
    nodes.ListType: "a list",
    nodes.SetType: "a list",
    nodes.FrozenSetType: "a list",
    nodes.VarTupleType: "a list",
    nodes.TupleType: "a list",
    nodes.NamedTupleType: "a list",
}


def leaf(node: Any) -> Convert | None:
    """What converts values of a node of the annotation; None where it holds others."""
    match node:
        case nodes.AnyType():
            return anything
        case nodes.NoneType():
            return nothing
        case nodes.BoolType():
            return plain(bool, node)
        case nodes.IntType():
            return plain(int, node)
        case nodes.StrType():
            return plain(str, node)
        case nodes.FloatType():
            return number(node)
        case nodes.DecimalType():
            return exact(node)
        case nodes.LiteralType():
            return one_of(((value, value) for value in node.values), wanted_of(node))
        case nodes.EnumType():
            return member(node)
        case nodes.DateTimeType():
            target = datetime if node.tz is None else Annotated[datetime, msgspec.Meta(tz=node.tz)]
            return _read(target, str, wanted_of(node))
        case _:
            cls = _WRITTEN.get(type(node))
            return None if cls is None else _read(cls, str, wanted_of(node))


_WRITTEN: dict[type, type] = {
    nodes.DateType: date,
    nodes.TimeType: time,
    nodes.TimeDeltaType: timedelta,
    nodes.UUIDType: UUID,
    nodes.BytesType: bytes,
    nodes.ByteArrayType: bytearray,
}
