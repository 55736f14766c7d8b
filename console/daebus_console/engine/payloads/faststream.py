"""FastStream's frame: a mark, headers, and a body that begins where the frame says. Pure.

    89 'B' 'I' 'N' 0d 0a 1a 0a | version u16 | headers at u32 | body at u32 | how many u16 | (size u16, text) twice each

All numbers have their highest byte first. FastStream counts the sizes of headers in characters, so that its own reader
stumbles over what is no ASCII; where the body begins is right even then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from daebus_console.engine.payloads.sink import Cut
from daebus_console.engine.payloads.source import Source

MARK = b"\x89BIN\r\n\x1a\n"
_FIXED = len(MARK) + 2 + 4 + 4


class Frame(NamedTuple):
    """What a frame holds. `trouble` is what is wrong with it, else empty."""

    headers: dict[str, str]
    body: bytes
    trouble: str = ""


def read(data: bytes) -> Frame | None:
    """The parts of a frame; None where it has not the mark, or ends before it says where its parts are."""
    if not data.startswith(MARK) or len(data) < _FIXED:
        return None
    at, body_at = int.from_bytes(data[10:14]), int.from_bytes(data[14:18])
    if body_at > len(data):
        return Frame(_headers(data, at, len(data))[0], b"", f"its body is said to begin at {body_at:,}, behind its end")
    headers, trouble = _headers(data, at, body_at)
    return Frame(headers, data[body_at:], trouble)


def _headers(data: bytes, start: int, end: int) -> tuple[dict[str, str], str]:
    """The headers between those places, and what is wrong with them."""
    if not _FIXED <= start <= end:
        return {}, f"its headers are said to begin at {start:,}, which is no place for them"
    inside = data[start:end]
    found, trouble = _pairs(inside, _by_bytes)
    if trouble:
        others, worse = _pairs(inside, _by_signs)
        if not worse:
            return others, ""
    return found, trouble


def _pairs(data: bytes, take: Callable[[Source, int], bytes]) -> tuple[dict[str, str], str]:
    source = Source(data)
    found: dict[str, str] = {}
    try:
        for _ in range(source.whole(2)):
            name = take(source, source.whole(2))
            found[name.decode("utf-8", "replace")] = take(source, source.whole(2)).decode("utf-8", "replace")
    except Cut as cut:
        return found, f"its headers cannot be read to their end: {cut}"
    if source.at < len(data):
        return found, f"{len(data) - source.at:,} bytes stand between its headers and its body"
    return found, ""


def _by_bytes(source: Source, count: int) -> bytes:
    return source.take(count)


def _by_signs(source: Source, count: int) -> bytes:
    """So many characters of UTF-8."""
    end, data = source.at, source.data
    for _ in range(count):
        if end >= len(data):
            break
        end += 1
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end += 1
    else:
        return source.take(end - source.at)
    raise Cut("it ends before it is complete")
