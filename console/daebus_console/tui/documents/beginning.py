"""The first members of a JSON object or list that has too many to be laid out. Pure.

A value of millions takes gigabytes as objects, however little of each is read. So only the first few thousands are
read then, and the rest is told by its size.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple

import msgspec

from daebus_console.tui.documents.members import Name, members

MOST = 200_000
"""Members or items up to which all are laid out."""
FIRST = 20_000
"""How many are laid out where there are more."""
_TRIES = 20
_NOTHING = msgspec.Raw(b"")


class Beginning(NamedTuple):
    """The first items of a list, or an object cut off behind its first members; and how many bytes are left out."""

    items: list[msgspec.Raw]
    cut: bytes
    left_out: int


def beginning(value: msgspec.Raw) -> Beginning | None:
    """The beginning of an object or list, where only that can be laid out; None where all of it can.

    Raises what msgspec raises where it is no JSON.
    """
    if len(memoryview(value)) <= 2 * MOST:
        return None
    data = bytes(value)
    commas = data.count(b",")
    if commas < MOST:
        return None
    return _of_list(data, commas) if data[:1] == b"[" else _of_object(data, commas)


def _of_list(data: bytes, commas: int) -> Beginning | None:
    items = list(msgspec.structs.astuple(_first_items().decode(data)))
    if items[-1] is _NOTHING:
        return None
    within = b",".join(map(bytes, items))
    if FIRST + commas - within.count(b",") <= MOST:
        return None
    return Beginning(items, b"", len(data) - len(within) - 2)


@cache
def _first_items() -> msgspec.json.Decoder[Any]:
    """Reads so many items and skips the others, without making anything of them."""
    fields = [(f"item{number}", msgspec.Raw, _NOTHING) for number in range(FIRST)]
    return msgspec.json.Decoder(msgspec.defstruct("Items", fields, array_like=True, gc=False))


class _Enough(Exception):
    """So many members were seen."""


def _of_object(data: bytes, commas: int) -> Beginning | None:
    name = _name_behind(data)
    if name is None:
        return None
    for spelled in {json.dumps(name), json.dumps(name, ensure_ascii=False)}:
        at = -1
        for _ in range(_TRIES):
            at = data.find(spelled.encode("utf-8", "surrogatepass"), at + 1)
            if at < 0:
                break
            before = data[:at].rstrip()
            if before.endswith(b",") and _members_of(cut := before[:-1] + b"}") == FIRST:
                few = FIRST + commas - cut.count(b",") <= MOST
                return None if few else Beginning([], cut, len(data) - len(cut))
    return None


def _name_behind(data: bytes) -> str | None:
    """The name of the member behind the first ones; None where there is none."""
    names = 0
    last = ""

    def count(_type: type, text: str) -> Name:
        nonlocal names, last
        names, last = names + 1, text
        if names > FIRST:
            raise _Enough
        return Name(text)

    try:
        msgspec.json.decode(data, type=dict[Name, msgspec.Raw], dec_hook=count)
    except _Enough:
        return last
    return None


def _members_of(data: bytes) -> int:
    try:
        return len(members(data))
    except msgspec.DecodeError:
        return -1
