"""MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md). Pure.

Our own reader, for msgspec's builds all that there is before anybody can stop it (10 MB of empty lists: 5 s, 700 MB),
and refuses texts that are no UTF-8 and keys that are maps, which are to be seen here.
"""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

from daebus_console.engine.payloads.sink import Cut, Sink
from daebus_console.engine.payloads.source import Source

_FLOATS = {0xCA: struct.Struct(">f"), 0xCB: struct.Struct(">d")}
_SIGNED = {0xD0: struct.Struct(">b"), 0xD1: struct.Struct(">h"), 0xD2: struct.Struct(">i"), 0xD3: struct.Struct(">q")}
_WORDS = {0xC0: "null", 0xC2: "false", 0xC3: "true"}
_BINARY = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_TEXT = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXTENSION = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_UNSIGNED = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_ARRAY = {0xDC: 2, 0xDD: 4}
_MAP = {0xDE: 2, 0xDF: 4}
_TIMESTAMP = -1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_container(first: int) -> bool:
    """Whether a map or a list begins with that byte; no text in UTF-8 begins with any of them."""
    return 0x80 <= first <= 0x9F or first in _ARRAY or first in _MAP


def write(source: Source, sink: Sink) -> None:
    """Write the one value with which the source begins. Raises Cut where it is none, or not whole."""
    while not sink.done:
        _write_one(source, sink)


def _write_one(source: Source, sink: Sink) -> None:
    head = source.byte()
    if head <= 0x7F:
        sink.number(head)
    elif head <= 0x8F:
        sink.container(True, head & 0x0F)
    elif head <= 0x9F:
        sink.container(False, head & 0x0F)
    elif head <= 0xBF:
        sink.text_of(source.take(head & 0x1F))
    elif head >= 0xE0:
        sink.number(head - 0x100)
    elif head in _WORDS:
        sink.literal(_WORDS[head])
    elif head in _TEXT:
        sink.text_of(source.take(source.whole(_TEXT[head])))
    elif head in _UNSIGNED:
        sink.number(source.whole(_UNSIGNED[head]))
    elif head in _ARRAY:
        sink.container(False, source.whole(_ARRAY[head]))
    elif head in _MAP:
        sink.container(True, source.whole(_MAP[head]))
    else:
        _write_rarer(head, source, sink)


def _write_rarer(head: int, source: Source, sink: Sink) -> None:
    if head in _SIGNED:
        sink.number(source.unpacked(_SIGNED[head]))
    elif head in _FLOATS:
        sink.number(source.unpacked(_FLOATS[head]))
    elif head in _BINARY:
        sink.data(source.take(source.whole(_BINARY[head])))
    elif head in _EXTENSION:
        _write_extension(source, sink, source.whole(_EXTENSION[head]))
    elif 0xD4 <= head <= 0xD8:
        _write_extension(source, sink, 1 << (head - 0xD4))
    else:
        raise Cut(f"a byte {head:#x}, which means nothing in MessagePack")


def _write_extension(source: Source, sink: Sink, size: int) -> None:
    kind = int.from_bytes(source.take(1), signed=True)
    data = source.take(size)
    when = _timestamp(data) if kind == _TIMESTAMP else None
    if when is not None:
        sink.text(when)
    else:
        sink.data(data, f"ext({kind}")


def _timestamp(data: bytes) -> str | None:
    """The time that those bytes are, as ISO 8601 has it; None where they are none that Python can tell."""
    if len(data) == 4:
        nanoseconds, seconds = 0, int.from_bytes(data)
    elif len(data) == 8:
        nanoseconds, seconds = int.from_bytes(data) >> 34, int.from_bytes(data) & (1 << 34) - 1
    elif len(data) == 12:
        nanoseconds, seconds = int.from_bytes(data[:4]), int.from_bytes(data[4:], signed=True)
    else:
        return None
    if nanoseconds > 999_999_999:
        return None
    try:
        when = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    except OverflowError:
        return None
    fraction = f".{nanoseconds:09}".rstrip("0") if nanoseconds else ""
    return f"{when}{fraction}Z"
