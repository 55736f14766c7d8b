"""A value anywhere in a payload: `carries:VALUE`, which follows an id, an address or an amount through the bus. Pure.

Hardly any message has the value. Most are told by their bytes, in which its text or its digits do not stand; only the
others are read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from daebus_console.engine import payloads
from daebus_console.engine.filter.lexer import Value
from daebus_console.engine.filter.pattern import comparison, contains, number_in
from daebus_console.engine.filter.payload import Has, judge
from daebus_console.engine.message import envelope as wire

_WORDS = ("true", "false", "null")


def finder(values: Sequence[Value], *, whole: bool = False) -> Has:
    """Whether the payload of a message, given as its bytes, has one of the values: as the whole value of a field or an
    item of a list, or as a key, at any depth; with `whole` all of a message is its payload.

    Raises FilterError for a comparison with something that is no number.
    """
    accepts = judge(values)
    may_have = [_may_have(value) for value in values]
    # Where numbers are meant, all their digits count.
    numbers = any(comparison(value, {}) is not None or number_in(value.text) is not None for value in values)
    read = wire.payload_of if numbers else wire.plain_payload_of

    def has(data: bytes) -> bool:
        for test in may_have:
            if test(data):
                break
        else:
            return False
        try:
            return _holds(read(data, whole=whole), accepts)
        except wire.Unreadable:
            return False

    return has


def packed_finder(values: Sequence[Value]) -> Has:
    """The same for what is packed in the bytes of a message, and for the headers beside it. Raises FilterError."""
    accepts = judge(values)

    def has(data: bytes) -> bool:
        value, found = payloads.value_in(data)
        return found and (_holds(value, accepts) or any(map(accepts, payloads.headers_in(data).values())))

    return has


def _holds(payload: Any, accepts: Callable[[Any], bool]) -> bool:
    pending = [payload]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            if any(map(accepts, value)):
                return True
            pending += value.values()
        elif isinstance(value, list):
            pending += value
        elif accepts(value):
            return True
    return False


def _may_have(value: Value) -> Callable[[bytes], bool]:
    """Whether the value may stand in the bytes: when it says no that is so, but for ß as ss."""
    if comparison(value, {}) is not None:
        return lambda _data: True
    in_text = contains(value)
    number = None if value.quoted else number_in(value.text)
    if number is None:
        return in_text
    # 12.50 may be written 12.5, 1250e-2 or 0.125E2: the digits stand together, but for a point.
    digits = "".join(map(str, number.as_tuple().digits)).strip("0") or "0"
    in_number = re.compile(r"\.?".join(digits).encode()).search
    return lambda data: in_number(data) is not None or in_text(data)
