r"""Names of channels, services and actions, whatever bytes they are made of. Pure.

Inside, a name is a str in which each byte that is no UTF-8 is a lone surrogate (`os.fsdecode` does the same), so that
no two names become one. On a screen and in a command it is written with escapes where it needs any, one way for both:

    \xff        a byte                    \u202e  \U000e0001    a character, by its number
    \n \r \t    as everywhere             \\                    a backslash
    \{ \@ \-    any sign as it is, where it would mean something else at that place
    \           alone: the empty name

A backslash before anything else stands for itself, so that `DOMAIN\Team` can be typed as it is.
"""

from __future__ import annotations

import base64
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from daebus_console.text import clean

EMPTY = "\\"
"""How the empty name is written."""

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([nrt])|([!-/:-@\[-`{-~]))")
_MEANS_SOMETHING = "-@{'\""
"""Signs that at the beginning of an argument make it something else than a name, or are hardly meant to be in it."""
_CONTROL = {"n": "\n", "r": "\r", "t": "\t"}
_SHORT = {sign: f"\\{letter}" for letter, sign in _CONTROL.items()} | {"\\": "\\\\"}
_MOST_MARKS = 3


def from_bytes(name: bytes) -> str:
    """The name that those bytes are."""
    return name.decode("utf-8", "surrogateescape")


def to_bytes(name: str) -> bytes:
    """The bytes of a name. Raises UnicodeEncodeError for a text that no bytes can be, such as half a surrogate pair."""
    return name.encode("utf-8", "surrogateescape")


def likened(name: str) -> bytes:
    """The bytes of a name to compare it by: what a message tells may be a text that no bytes can be."""
    return name.encode("utf-8", "surrogateescape" if is_sendable(name) else "surrogatepass")


def is_sendable(name: str) -> bool:
    """Whether there are bytes that are the name, so that it may be one on the bus."""
    return name.isascii() or not any("\ud800" <= sign < "\udc80" or "\udcff" < sign <= "\udfff" for sign in name)


def in_bytes(names: Iterable[str]) -> list[bytes]:
    """The bytes of those of the names that may be one on the bus."""
    return [to_bytes(name) for name in names if is_sendable(name)]


def is_text(name: str) -> bool:
    """Whether the name is UTF-8."""
    return name.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in name)


def shown(name: str, *, text: bool = False) -> str:
    """The name as it is shown: on one line, printable, and never the same for two names.

    `text` tells that it is one of texts alone, as actions are: half a surrogate pair is then not taken for a byte.
    """
    if name.isascii() and name.isprintable() and "\\" not in name:
        return name
    parts: list[str] = []
    pile = 0
    for sign in name:
        # Marks that pile up on one letter reach into other lines; see `text.clean`.
        pile = pile + 1 if unicodedata.combining(sign) else 0
        parts.append(_number(sign) if pile > _MOST_MARKS else _escaped(sign, text))
    return "".join(parts)


def quoted(name: str) -> str:
    """The name as a sentence has it."""
    return f"'{shown(name)}'"


def written(name: str, *, text: bool = False) -> str:
    """The name as a command takes it; `read` takes it back."""
    if not name:
        return EMPTY
    found = shown(name, text=text).replace("=", "\\=")
    return f"\\{found}" if found[0] in _MEANS_SOMETHING or found == "&" else found


def read(text: str) -> str:
    """The name that such a text means. Raises ValueError for a number that is no character's."""
    if "\\" not in text:
        return text
    if text == EMPTY:
        return ""
    name = _ESCAPE.sub(_meant, text)
    return joined(name) if has_bytes(text) else name


def joined(name: str) -> str:
    """The name with bytes that were given one by one, and are the UTF-8 of a character, as that character."""
    if is_text(name):
        return name
    try:
        return from_bytes(to_bytes(name))
    except UnicodeEncodeError:
        return name


def escape_at(text: str, position: int) -> tuple[str, int] | None:
    """What the escape that begins there means, and its length; None for none, or one that takes a sign as it is."""
    found = _ESCAPE.match(text, position)
    try:
        return None if found is None or found[5] else (_meant(found), found.end() - position)
    except ValueError:
        return None


def read_glob(text: str) -> str:
    """A glob in which bytes and characters may be written by their numbers, as in names; all else stays as it is."""
    return joined(_ESCAPE.sub(_in_glob, text)) if "\\" in text else text


def has_bytes(text: str) -> bool:
    """Whether such a text says bytes that are no ASCII by their numbers."""
    return any(found[1] and found[1] >= "8" for found in _ESCAPE.finditer(text))


def fields(key: str, name: str | None) -> dict[str, Any]:
    """A name as JSON has it: under `key`, and where it is no UTF-8 exactly under `key_base64`.

    Each byte that JSON cannot hold then stands as U+FFFD under `key`.
    """
    if name is None or is_text(name):
        return {key: name}
    try:
        data = to_bytes(name)
    except UnicodeEncodeError:
        return {key: name}
    return {key: data.decode("utf-8", "replace"), f"{key}_base64": base64.b64encode(data).decode()}


def exact(key: str, name: str) -> dict[str, Any]:
    """A name as a capture has it: under `key`, or where it is no UTF-8 under `key_base64` alone."""
    found = fields(key, name)
    return {name: value for name, value in found.items() if name != key} if len(found) > 1 else found


def with_names(record: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The record with the names under those keys as `fields` has them."""
    if all(not isinstance(record.get(key), str) or is_text(record[key]) for key in keys):
        return dict(record)
    found: dict[str, Any] = {}
    for key, value in record.items():
        found |= fields(key, value) if key in keys and isinstance(value, str) else {key: value}
    return found


def _escaped(sign: str, text: bool) -> str:
    if sign in _SHORT:
        return _SHORT[sign]
    if not text and "\udc80" <= sign <= "\udcff":
        return f"\\x{ord(sign) - 0xDC00:02x}"
    return sign if sign.isprintable() and clean(sign) == sign else _number(sign)


def _number(sign: str) -> str:
    code = ord(sign)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_glob(found: re.Match[str]) -> str:
    if found[4] or found[5]:
        return found[0]
    sign = _meant(found)
    return f"\\{sign}" if sign.isascii() else sign


def _meant(found: re.Match[str]) -> str:
    byte, short, long, letter, sign = found.groups()
    if sign:
        return str(sign)
    if letter:
        return _CONTROL[letter]
    if byte:
        return from_bytes(bytes.fromhex(byte))
    code = int(short or long, 16)
    if code > sys.maxunicode:
        raise ValueError(f"there is no character {code:x}")
    return chr(code)
