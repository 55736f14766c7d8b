"""Maps in CBOR whose fields come in one order: read by one pattern for all that lies between two containers.

Pure, and several times as fast as `fields`, which asks for every name and every length by itself. A pattern takes only
what CBOR reads the same way: each length is spelled out by it, so that no text is taken for the name of a field. What
it does not take (other fields, another order, longer texts) is no mistake, but left to `fields`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

from daebus_console.engine.payloads.fields import SIZES, past


def _texts(begin: int, end: int) -> bytes:
    """Texts of so many bytes, `end` not included."""
    return b"|".join(
        re.escape(bytes([size] if size > 23 else [0x60 | size])) + (b".{%d}" % size) for size in range(begin, end)
    )


_SHORT = _texts(0, 24)
_WHOLE = rb"[\x00-\x17\x20-\x37]|\x18.|\x19..|\x1a.{4}"
_NUMBERS = _WHOLE + rb"|\xfb.{8}"
_NONE = rb"[\xf6\xf7]"
_TEXTS = _SHORT + b"|x(?:" + _texts(24, 64) + b")"

UUID = rb"x\$(.{36})"
"""A text of 36 bytes; its bytes."""
UUID_OR_NONE = b"(?:" + _NONE + b"|" + UUID + b")"
"""The same, or None."""
TEXT = b"(" + _TEXTS + b")"
"""A text of up to 63 bytes, as it came: see `text`."""
TEXT_OR_NONE = b"(" + _NONE + b"|" + _TEXTS + b")"
"""The same, or none, as it came."""
NUMBER_OR_NONE = b"(" + _NONE + b"|" + _NUMBERS + b")"
"""As it came."""
WHOLE_OR_NONE = b"(" + _NONE + b"|" + _WHOLE + b")"
"""The same, without a fraction."""
WORD = rb"([\xf4-\xf7])"
"""False, true, null or undefined, as it came."""
SMALL = rb"(?:[\xf4-\xf7\xa0]|" + _NUMBERS + rb"|x\$.{36}|" + _SHORT + b")"
"""Not wanted: a word, a number, a text of up to 23 bytes or of 36."""
FEW = rb"(?:\xb9\x00(?:\x00|\x01(?:" + _SHORT + b")" + SMALL + b")|" + _NONE + b")"
"""Not wanted: a map that is empty or has one small value."""
ANY = b""
"""Not wanted, whatever it is."""


_Match = Callable[..., re.Match[bytes] | None]
_Patterns = tuple[list[_Match], _Match]
"""For what comes before each that may be anything, and for what follows the last."""
Field = tuple[str, "bytes | tuple[Field, ...]"]
"""What it is called, and what to expect of its value: one of the above, or the fields of a map."""


class Layout:
    """Reads maps of exactly those fields in that order.

    The patterns are made when the first such map comes, since that takes milliseconds.
    """

    def __init__(self, *fields: Field) -> None:
        self.head = _head(fields)
        """How such a map begins."""
        self._fields = fields
        self._patterns: _Patterns | None = None

    def __call__(self, data: bytes) -> tuple[bytes | None, ...] | None:
        """The values of what is wanted, in order; None for what is laid out otherwise, or broken."""
        if self._patterns is None:
            self._patterns = self._made()
        between, last = self._patterns
        found: tuple[bytes | None, ...] = ()
        at = 0
        try:
            for before in between:
                match = before(data, at)
                if match is None:
                    return None
                found += match.groups()
                at = match.end()
                size = SIZES[data[at]]
                at = at + size if size else past(data, at)
        except (IndexError, ValueError, struct.error):
            return None
        match = last(data, at) if at <= len(data) else None
        return None if match is None else found + match.groups()

    def _made(self) -> _Patterns:
        *between, last = (re.compile(one, re.DOTALL).match for one in (_patterns(self._fields) + rb"\Z").split(_CUT))
        return between, last


_CUT = b"(?#)"
"""What stands for a value that may be anything."""


def _head(fields: tuple[Field, ...]) -> bytes:
    return b"\xb9" + len(fields).to_bytes(2)


def _patterns(fields: tuple[Field, ...]) -> bytes:
    found = re.escape(_head(fields))
    for name, value in fields:
        found += re.escape(bytes([0x60 | len(name)])) + name.encode()
        found += _patterns(value) if isinstance(value, tuple) else value or _CUT
    return found


def text(value: bytes) -> str:
    """The text that a value is that TEXT has matched. Raises UnicodeDecodeError."""
    return (value[1:] if value[0] < 0x78 else value[2:]).decode()


def text_or_none(value: bytes) -> str | None:
    """The same for TEXT_OR_NONE."""
    return text(value) if value[0] <= 0x78 else None
