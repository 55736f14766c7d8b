"""From JSON text to values that lose nothing of it. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, NoReturn

from daebus_console.engine.jsontext.numbers import integer, number

BLANKS = " \t\r\n"

Pair = tuple[str, Any]


class Object(dict[str, Any]):
    """An object of which more is known than a dict says; as a dict it is what most readers make of it.

    `pairs` are all its members in order where a name stands twice, else None; `text` is the text it was read from,
    else None. Not to be changed: a copy of it is an ordinary dict.
    """

    __slots__ = ("pairs", "text")

    def __init__(self, members: Iterable[Pair], pairs: Sequence[Pair] | None = None, text: str | None = None) -> None:
        super().__init__(members)
        self.pairs, self.text = pairs, text

    def __eq__(self, other: object) -> bool:
        """As a dict, to one; another of its like must have the same members in the same number."""
        if isinstance(other, Object) and (self.pairs or other.pairs):
            return list(pairs_of(self)) == list(pairs_of(other))
        return dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


class Array(list[Any]):
    """A list that was read from `text`. Not to be changed: a copy of it is an ordinary list."""

    __slots__ = ("text",)

    def __init__(self, items: Iterable[Any], text: str) -> None:
        super().__init__(items)
        self.text = text

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


def made_of(pairs: Sequence[Pair]) -> dict[str, Any]:
    """The object of those members: a dict where no name stands twice."""
    made = dict(pairs)
    return made if len(made) == len(pairs) else Object(pairs, pairs)


def pairs_of(value: dict[str, Any]) -> Iterable[Pair]:
    """All members of an object in their order."""
    return value.pairs if isinstance(value, Object) and value.pairs is not None else value.items()


def names_twice(value: dict[str, Any]) -> list[str]:
    """The names that stand more than once in this object, each once."""
    if not isinstance(value, Object) or value.pairs is None:
        return []
    counts = Counter(name for name, _value in value.pairs)
    return [name for name, count in counts.items() if count > 1]


def repeated(value: Any) -> list[str]:
    """The names that stand more than once in an object anywhere in the value, each once."""
    found: dict[str, None] = {}
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            found.update(dict.fromkeys(names_twice(one)))
            todo += [inner for _name, inner in pairs_of(one)]
        elif isinstance(one, list):
            todo += one
    return list(found)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _decoder(*, ints: bool, strict: bool = False) -> json.JSONDecoder:
    more: dict[str, Any] = {"parse_int": integer} if ints else {}
    if strict:
        more["parse_constant"] = _refuse
    return json.JSONDecoder(parse_float=number, object_pairs_hook=made_of, **more)


# A hook for whole numbers costs as much as all the rest, and hardly ever is one odd.
_QUICK, _THOROUGH = _decoder(ints=False), _decoder(ints=True)
_QUICK_STRICT, _THOROUGH_STRICT = _decoder(ints=False, strict=True), _decoder(ints=True, strict=True)


def loads(text: str) -> Any:
    """The value of a JSON text, NaN and Infinity allowed; an object or a list knows the text.

    Raises ValueError (JSONDecodeError) and RecursionError.
    """
    return with_text(_read(text, _QUICK, _THOROUGH), text.strip(BLANKS))


def loads_strict(text: str) -> Any:
    """The same, and ValueError for NaN and Infinity."""
    return with_text(_read(text, _QUICK_STRICT, _THOROUGH_STRICT), text.strip(BLANKS))


def _read(text: str, quick: json.JSONDecoder, thorough: json.JSONDecoder) -> Any:
    # As json.loads has it: the decoder itself would only say that it expects a value.
    if text.startswith("\ufeff"):
        raise json.JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
    if "-0" in text:
        return thorough.decode(text)
    try:
        return quick.decode(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Perhaps a number of too many digits for an int.
        return thorough.decode(text)


def with_text(value: Any, text: str) -> Any:
    """The same value, which from now on knows the text it was read from; a scalar never does."""
    if isinstance(value, dict):
        return Object(value.items(), value.pairs if isinstance(value, Object) else None, text)
    return Array(value, text) if isinstance(value, list) else value


class Member(NamedTuple):
    """One member of an object, where it begins in the text, and from where to where its value stands."""

    name: str
    value: Any
    begin: int
    start: int
    end: int


_blank = re.compile(r"[ \t\r\n]*").match
_named = re.compile(r'"([^"\\\x00-\x1f]*)"[ \t\r\n]*:[ \t\r\n]*').match
"""A name without escapes, up to where its value begins."""
_behind = re.compile(r"[ \t\r\n]*([,}])[ \t\r\n]*").match


def read_members(text: str) -> list[Member]:
    """The members of the object that is all of the text, in order. Raises what `loads` raises; ValueError for others.

    One reading gives values and places; `loads` gives no places.
    """
    if "-0" in text:
        return _members(text, _THOROUGH)
    try:
        return _members(text, _QUICK)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return _members(text, _THOROUGH)


def _members(text: str, decoder: json.JSONDecoder) -> list[Member]:
    read = decoder.raw_decode
    found: list[Member] = []
    position = _after(text, 0)
    if text[position : position + 1] != "{":
        raise ValueError("no object")
    position = _after(text, position + 1)
    if text[position : position + 1] == "}":
        position = _after(text, position + 1)
    else:
        sign = ","
        while sign == ",":
            match, begin = _named(text, position), position
            if match is not None:
                name, start = match[1], match.end()
            else:
                name, start = _name(text, position, decoder)
            value, end = read(text, start)
            found.append(Member(name, value, begin, start, end))
            match = _behind(text, end)
            if match is None:
                raise _misread(text, decoder)
            sign, position = match[1], match.end()
    if position != len(text):
        raise _misread(text, decoder)
    return found


def _name(text: str, position: int, decoder: json.JSONDecoder) -> tuple[str, int]:
    """A name that has escapes, or none, and where its value begins."""
    if text[position : position + 1] != '"':
        raise _misread(text, decoder)
    name, position = decoder.raw_decode(text, position)
    position = _after(text, position)
    if text[position : position + 1] != ":":
        raise _misread(text, decoder)
    return name, _after(text, position + 1)


def _after(text: str, position: int) -> int:
    found = _blank(text, position)
    return found.end() if found is not None else position


def _misread(text: str, decoder: json.JSONDecoder) -> ValueError:
    """The error that the decoder has for the whole text."""
    try:
        _read(text, decoder, decoder)
    except ValueError as error:
        return error
    return ValueError("no object")
