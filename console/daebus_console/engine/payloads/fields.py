"""The fields of a map in CBOR, without what lies in those that are containers: fast, for whoever looks at each message.

Pure. What it is not sure of it refuses; whoever is to see it all takes `cbor`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

_FLOATS = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_WORDS: dict[int, Any] = {20: False, 21: True, 22: None, 23: None}
_WORDS_BY_HEAD: dict[int, Any] = {7 << 5 | low: word for low, word in _WORDS.items()}
_MOST_FIELDS = 64
_TEXT_OF_A_BYTE, _MAP_OF_TWO_BYTES = 0x78, 0xB9
"""How texts and maps begin whose length is told by so many bytes."""


def _size(head: int) -> int:
    """How many bytes a value takes that begins so, itself included; 0 where more has to be read to tell."""
    major, low = head >> 5, head & 0x1F
    if major == 7:
        return 1 if low in _WORDS else {25: 3, 26: 5, 27: 9}.get(low, 0)
    if major < 2:
        return 1 if low < 24 else {24: 2, 25: 3, 26: 5, 27: 9}.get(low, 0)
    if major in (2, 3):
        return 1 + low if low < 24 else 0
    return 1 if low == 0 and major in (4, 5) else 0


SIZES = bytes(map(_size, range(256)))
"""How many bytes a value takes, by its first one; 0 where more has to be read to tell."""
_SHORT = bytes(SIZES[head] if head >> 5 == 3 else 0 for head in range(256))
"""The same, but for short texts alone."""


class Inside(bytes):
    """A value that is a container, or bytes, as it came."""


def cbor_fields(data: bytes, names: Mapping[bytes, str]) -> dict[str, Any] | None:
    """The values of those fields: texts, numbers and words as such; None where the bytes are not one map, and whole.

    `names` has what they are called, by the bytes that stand there.
    """
    if not data or data[0] >> 5 != 5:
        return None
    try:
        count, at = _count(data, 0)
        if count > _MOST_FIELDS:
            return None
        found: dict[str, Any] = {}
        short, sizes, called = _SHORT, SIZES, names.get
        for _ in range(count):
            # Names and values are mostly short: how much they take is told by their first byte.
            begin, size = at, short[data[at]]
            if size:
                at += size
                name = called(data[begin + 1 : at])
            else:
                if data[at] >> 5 != 3:
                    return None
                size, start = _count(data, at)
                at = start + size
                name = called(data[start:at])
            head = data[at]
            size = sizes[head]
            if name is None:
                at = at + size if size else past(data, at)
            elif head in _WORDS_BY_HEAD:
                found[name] = _WORDS_BY_HEAD[head]
                at += 1
            elif (size and head >> 5 == 3) or head == _TEXT_OF_A_BYTE:
                begin = at + 1 if size else at + 2
                at += size or 2 + data[at + 1]
                if at > len(data):
                    return None
                found[name] = data[begin:at].decode()
            else:
                begin = at
                value, at = _value(data, begin)
                found[name] = Inside(data[begin:at]) if value is Inside else value
    except (IndexError, ValueError, struct.error, TypeError):
        return None
    return found if at == len(data) else None


def _count(data: bytes, at: int) -> tuple[int, int]:
    """The number that goes with the head at that place, and where what follows begins."""
    low = data[at] & 0x1F
    if low < 24:
        return low, at + 1
    if low > 27:
        raise ValueError("a length that is not told")
    end = at + 1 + (1 << low - 24)
    if end > len(data):
        raise IndexError("it ends before it is complete")
    return int.from_bytes(data[at + 1 : end]), end


def _value(data: bytes, at: int) -> tuple[Any, int]:
    """The value at that place, and where the next begins."""
    major = data[at] >> 5
    if major == 3:
        size, begin = _count(data, at)
        at = begin + size
        if at > len(data):
            raise IndexError("it ends before it is complete")
        return data[begin:at].decode(), at
    if major == 7:
        return _simple(data, at)
    if major < 2:
        number, at = _count(data, at)
        return (-1 - number if major else number), at
    return Inside, past(data, at)


def number_of(data: bytes) -> Any:
    """The number or word that those bytes are, and nothing else."""
    return _value(data, 0)[0]


def _simple(data: bytes, at: int) -> tuple[Any, int]:
    low = data[at] & 0x1F
    if low in _WORDS:
        return _WORDS[low], at + 1
    form = _FLOATS.get(low)
    if form is None:
        raise ValueError("a value that has no name")
    return form.unpack_from(data, at + 1)[0], at + 1 + form.size


def past(data: bytes, at: int) -> int:
    """Where what is at that place ends, however deep it is: each step takes a byte at least."""
    left, sizes = 1, SIZES
    while left:
        left -= 1
        head = data[at]
        size = sizes[head]
        if size:
            at += size
            continue
        if head == _TEXT_OF_A_BYTE:
            at += 2 + data[at + 1]
            continue
        if head == _MAP_OF_TWO_BYTES:
            # Some write all maps so, empty ones too.
            left += (data[at + 1] << 8 | data[at + 2]) << 1
            at += 3
            continue
        major = head >> 5
        if major == 7:
            _word, at = _simple(data, at)
            continue
        if head & 0x1F < 24:
            count, at = head & 0x1F, at + 1
        else:
            count, at = _count(data, at)
        if major in (2, 3):
            at += count
        elif major in (4, 5):
            left += count << (major == 5)
        elif major == 6:
            left += 1
    return at
