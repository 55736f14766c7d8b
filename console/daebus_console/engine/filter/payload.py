"""Fields inside payloads: the path of a `payload.…` key, and its value in the bytes of a message. Pure.

The fields on the way are read with a msgspec struct made for the path, which skips everything else: half the time of
decoding the message, and this runs over every message of the journal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, Union

import msgspec
from msgspec import UNSET, UnsetType

from daebus_console.engine import jsontext, payloads
from daebus_console.engine.filter.lexer import FilterError, Term, Value, sign_at
from daebus_console.engine.filter.pattern import Compare, Names, comparison, number_in
from daebus_console.engine.jsontext import exact
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.nesting import DEEPEST, is_too_deep
from daebus_console.naming import joined

Step = str | int | None
"""One step of a path: the name of a field, an index, or None for any of them."""
Path = tuple[Step, ...]

MOST_STEPS = 32
_TYPED_STEPS = 8

_STEERING = ("payload", "action", "status", "request_id")
"""Fields that decide what the payload is."""


def parse_path(term: Term) -> Path:
    """The steps behind `payload`: `.name`, `.a\\.b`, `."a.b"` or `["a.b"]`, `.*`, `[0]`, `[*]`. Raises FilterError."""
    key = term.key or ""
    position = len("payload")
    steps: list[Step] = []
    while position < len(key):
        step, end = _in_brackets(term, key, position) if key[position] == "[" else _field(term, key, position)
        steps.append(step)
        position = end
    if not steps:
        raise term.error("name the field of the payload, as in payload.user.name:Ann")
    if len(steps) > MOST_STEPS:
        raise term.error(f"a path has at most {MOST_STEPS} steps, this one has {len(steps)}")
    return tuple(steps)


def _at(term: Term, message: str, position: int, length: int) -> FilterError:
    start = term.start + (1 if term.negated else 0)
    return FilterError(message, start + position, length)


def _in_brackets(term: Term, key: str, position: int) -> tuple[Step, int]:
    begin = position + 1
    if quoted := key[begin : begin + 1] in ('"', "'"):
        name, end = _name(key, begin + 1, key[begin])
        end += 1
    else:
        name, end = _name(key, begin, "]")
    inside = key[begin:end]
    index = inside.isascii() and inside.isdigit()
    if end >= len(key):
        raise _at(term, "this [ is never closed", position, len(key) - position)
    if not key.startswith("]", end) or not inside or inside[0] in "+-" or (index and len(inside) >= 10):
        raise _at(
            term, "in brackets stands an index, a name, or * for any: [0], [name], [*]", position, end + 1 - position
        )
    return (name if quoted else None if inside == "*" else int(inside) if index else name), end + 1


def _field(term: Term, key: str, position: int) -> tuple[Step, int]:
    if key[position] != ".":
        raise _at(term, "a . or [ is expected here in the path", position, 1)
    begin = position + 1
    if key[begin : begin + 1] in ('"', "'"):
        # The lexer has seen to it that the quote is closed.
        name, end = _name(key, begin + 1, key[begin])
        return name, end + 1
    name, end = _name(key, begin, ".[")
    if end == begin:
        raise _at(term, "the name of a field is missing behind the .", position, 1)
    return (None if key[begin:end] == "*" else name), end


def _name(key: str, position: int, ends: str) -> tuple[str, int]:
    """The name that begins there, up to one of those signs without a backslash before it, and its end."""
    signs: list[str] = []
    while position < len(key) and key[position] not in ends:
        sign, length = sign_at(key, position)
        signs.append(sign)
        position += length
    return joined("".join(signs)), position


# Reading ------------------------------------------------------------------------------------------------------------

_UNTYPED = re.compile(r'["\\\x00-\x1f\ud800-\udfff]').search
"""Names with signs that JSON escapes, or UTF-8 lacks, cannot be those of a struct's fields."""

Accepts = Callable[[Any], bool]
Has = Callable[[bytes], bool]


def finder(path: Path, accepts: Accepts, *, whole: bool = False) -> Has:
    """Whether the payload of a message, given as its bytes, has a value at the path that is accepted.

    With `whole` all of the message is its payload.
    """
    typed: list[str] = []
    for step in path[:_TYPED_STEPS]:
        if not isinstance(step, str) or _UNTYPED(step):
            break
        typed.append(step)
    if not typed:
        return lambda data: _has_slowly(data, path, accepts, whole)
    return _typed_whole(path, typed, accepts) if whole else _typed_finder(path, typed, accepts)


def _typed_whole(path: Path, typed: Sequence[str], accepts: Accepts) -> Has:
    """The same where the message itself is the payload, whatever its fields are called."""
    first, *deeper = _types_for(tuple(typed))[1]
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(first, float_hook=jsontext.number).decode
    below = _stepping(deeper, _below(path[len(typed) :], accepts))

    def has(data: bytes) -> bool:
        if len(data) > DEEPEST and is_too_deep(data):
            return False
        try:
            value = decode(data).field
        except (ValueError, msgspec.DecodeError, RecursionError):
            return _has_slowly(data, path, accepts, True)
        return below(value)

    return has


def _stepping(steps: Sequence[type[Any]], ends: Accepts) -> Accepts:
    """Whether what is found beneath a value is there and accepted, by a field of each of those types."""

    def below(value: Any) -> bool:
        for step in steps:
            if value.__class__ is not step:
                return False
            value = value.field
        return value is not UNSET and ends(value)

    return below


def packed_finder(path: Path, accepts: Accepts) -> Has:
    """The same for what is packed in the bytes of a message, all of which is its payload."""

    def has(data: bytes) -> bool:
        value, found = payloads.value_in(data)
        return found and any(map(accepts, walk(value, path)))

    return has


def _typed_finder(path: Path, typed: Sequence[str], accepts: Accepts) -> Has:
    envelope, steps = _types_for(tuple(typed))
    # What stands at the path is read without a type, and a number there with all its digits.
    decode: Callable[[bytes], Any] = msgspec.json.Decoder(envelope, float_hook=jsontext.number).decode
    rest = path[len(typed) :]
    first, deeper = steps[0], steps[1:]
    ends = _below(rest, accepts)
    below = _stepping(deeper, ends)
    steers = typed[0] in _STEERING
    hidden = typed[0] in wire.ENVELOPE_FIELDS

    def has(data: bytes) -> bool:
        if len(data) > DEEPEST and is_too_deep(data):
            return False
        try:
            found = decode(data)
        except (ValueError, msgspec.DecodeError, RecursionError):
            return _has_slowly(data, path, accepts)
        payload = found.payload
        if payload is UNSET or (found.request_id is UNSET and found.action is UNSET and found.status is UNSET):
            return bare(data, found)
        # Not isinstance: the metaclass of structs makes that several times as slow.
        if payload.__class__ is not first:
            return isinstance(payload, str) and _has_slowly(data, path, accepts)
        value = payload.field
        if deeper:
            return below(value)
        return value is not UNSET and ends(value)

    def bare(data: bytes, found: Any) -> bool:
        """The message itself is the payload, without the fields of an envelope if it is one."""
        if hidden and found.payload is UNSET and isinstance(found.action, str):
            return False
        return _has_slowly(data, path, accepts) if steers else below(found.field)

    return has


def _has_slowly(data: bytes, path: Path, accepts: Accepts, whole: bool = False) -> bool:
    try:
        return any(map(accepts, walk(wire.payload_of(data, whole=whole), path)))
    except wire.Unreadable:
        return False


def _below(path: Path, accepts: Accepts) -> Accepts:
    """Whether there is a value at the path below the given one that is accepted."""
    if not path:
        return accepts
    if path != (None,):
        return lambda value: any(map(accepts, walk(value, path)))

    def any_item(value: Any) -> bool:
        items = value.values() if value.__class__ is dict else value if value.__class__ is list else ()
        for item in items:  # noqa: SIM110  # a generator would cost more than the test
            if accepts(item):
                return True
        return False

    return any_item


@lru_cache(maxsize=64)
def _types_for(names: tuple[str, ...]) -> tuple[type[msgspec.Struct], tuple[type[Any], ...]]:
    """The struct for whole messages, and those for the objects on the way, the payload's first.

    The first holds the payload as far as the path goes, the same field outside it, and the fields that steer.
    """
    value: Any = Any
    steps: list[type[Any]] = []
    for name in reversed(names):
        beside, step = value, _step(name, value)
        steps.insert(0, step)
        value = Union[step, str, int, float, bool, None, list[Any]]  # noqa: UP007  # `|` is for types known beforehand
    fields = [("payload", _or_unset(value), UNSET)]
    fields += [(name, Any, UNSET) for name in _STEERING[1:]]
    rename = {}
    if names[0] not in _STEERING:
        fields.append(("field", _or_unset(beside), UNSET))
        rename["field"] = names[0]
    return msgspec.defstruct("Found", fields, rename=rename, gc=False), tuple(steps)


def _step(name: str, value: Any) -> type[msgspec.Struct]:
    """A struct for objects of which one field is read."""
    return msgspec.defstruct("Step", [("field", _or_unset(value), UNSET)], rename={"field": name}, gc=False)


def _or_unset(value: Any) -> Any:
    return Union[value, UnsetType]  # noqa: UP007  # the same


def walk(value: Any, path: Path) -> list[Any]:
    """The values at the path below this one."""
    found = [value]
    for step in path:
        below: list[Any] = []
        for value in found:
            if isinstance(value, dict):
                if step is None:
                    below += value.values()
                elif step in value:
                    below.append(value[step])
            elif isinstance(value, list):
                if step is None:
                    below += value
                elif isinstance(step, int) and step < len(value):
                    below.append(value[step])
        found = below
        if not found:
            break
    return found


# Judging ------------------------------------------------------------------------------------------------------------

_LONGEST_REMEMBERED = 128
_WORDS = {True: "true", False: "false", None: "null"}


def judge(values: Sequence[Value]) -> Accepts:
    """Whether a JSON value is accepted by any of the filter's values; a list is where one of its items is.

    Raises FilterError for a comparison with something that is no number.
    """
    if any(not value.quoted and not any(value.pieces) for value in values):
        return lambda _found: True
    compared = [(value, comparison(value, {})) for value in values]
    compares = [compare for _value, compare in compared if compare is not None]
    plain = [value for value, compare in compared if compare is None]
    accepts_number = _judge_number(compares, plain)
    names = Names(plain)

    def accepts(found: Any) -> bool:
        kind = found.__class__
        if kind is str:
            return names[found] if len(found) <= _LONGEST_REMEMBERED else names.accepts(found)
        if kind is int or kind is float or kind is jsontext.Number:
            return accepts_number(found) or (kind is float and not isfinite(found) and names[json.dumps(found)])
        if isinstance(found, list):
            return any(accepts(item) for item in found if not isinstance(item, list | dict))
        return not isinstance(found, dict) and names[_WORDS[found]]

    return accepts


def _judge_number(compares: Sequence[Compare], plain: Sequence[Value]) -> Compare:
    if len(compares) == 1 and not plain:
        return compares[0]
    numbers = {number for value in plain if not value.quoted and (number := number_in(value.text)) is not None}
    near = {float(number) for number in numbers}
    # Without a star, the text of a number can only match what is the same number.
    globs = Names([value for value in plain if len(value.pieces) > 1 or value.quoted])

    def equals(found: Any) -> bool:
        if found.__class__ is int:
            return found in numbers
        return float(found) in near and exact(found) in numbers

    def accepts(found: float) -> bool:
        if equals(found) or any(compare(found) for compare in compares):
            return True
        return bool(globs.tests) and globs.accepts(str(found))

    return accepts if compares or globs.tests else equals
