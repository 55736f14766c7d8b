"""gzip and zlib, unpacked no further than a stated size. Pure."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from daebus_console.engine.payloads.limits import Limits, size_words

_GZIP = b"\x1f\x8b\x08"
_ZLIB = (b"x\x01", b"x^", b"x\x9c", b"x\xda")
"""How it begins at each level of compression."""
_ZLIB_WINDOW, _GZIP_WINDOW = 15, 31
_MOST_MEMBERS = 16
"""How many parts one gzip may be made of; what follows each is copied once."""


class Unpacked(NamedTuple):
    """What came out, by what, and what is wrong with it: empty where it is whole."""

    by: str
    data: bytes
    trouble: str = ""


def unpack(data: bytes, limits: Limits) -> Unpacked | None:
    """What is in those bytes; None where they are neither gzip nor zlib, or nothing can be got out of them."""
    if data.startswith(_GZIP):
        return _gunzip(data, limits.size)
    if data.startswith(_ZLIB):
        found = _inflate(data, _ZLIB_WINDOW, limits.size)
        # Two bytes are easily met by chance: only what ends as zlib does is zlib.
        if found is not None and not found.rest and (found.ended or found.more):
            return Unpacked("zlib", found.data, _cut(limits.size) if found.more else "")
    return None


def _gunzip(data: bytes, most: int) -> Unpacked | None:
    parts: list[bytes] = []
    room = most
    for _ in range(_MOST_MEMBERS):
        found = _inflate(data, _GZIP_WINDOW, room)
        if found is None:
            break
        parts.append(found.data)
        room -= len(found.data)
        data = found.rest
        if found.more or (room <= 0 and data):
            return Unpacked("gzip", b"".join(parts), _cut(most))
        if not found.ended:
            return Unpacked("gzip", b"".join(parts), "it ends before it is complete") if any(parts) else None
        if not data:
            return Unpacked("gzip", b"".join(parts))
    return Unpacked("gzip", b"".join(parts), f"{len(data):,} bytes after it are left out") if parts else None


class _Inflated(NamedTuple):
    data: bytes
    rest: bytes
    ended: bool
    more: bool


def _inflate(data: bytes, window: int, most: int) -> _Inflated | None:
    """At most so many bytes of what comes out, whether that was its end, and whether there is more of it."""
    unpacker = zlib.decompressobj(window)
    try:
        out = unpacker.decompress(data, most + 1)
    except zlib.error:
        return None
    return _Inflated(out[:most], unpacker.unused_data, unpacker.eof, len(out) > most)


def _cut(most: int) -> str:
    return f"cut at {size_words(most)}"
