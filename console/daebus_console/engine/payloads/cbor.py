"""CBOR (RFC 8949). Pure.

Our own reader, for cbor2 makes what tags tell it to (lists that hold themselves, compiled regular expressions), and
builds all that there is before anybody can stop it (10 MB of empty lists: 12 s, 700 MB).
"""

from __future__ import annotations

import struct

from daebus_console.engine.payloads.sink import Cut, Sink
from daebus_console.engine.payloads.source import Source

SELF_DESCRIBED = b"\xd9\xd9\xf7"
"""The tag that says that CBOR follows."""
_FLOATS = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_WORDS = {20: "false", 21: "true", 22: "null", 23: "null"}
"""The last is `undefined`, which JSON has not."""
_LENGTHS = {24: 1, 25: 2, 26: 4, 27: 8}
_INDEFINITE = 31
_BREAK = 0xFF
_BYTES, _TEXT, _LIST, _MAP, _TAG = 2, 3, 4, 5, 6
_PLAIN_TAGS = frozenset({0, 1, 21, 22, 23, 32, 33, 34, 35, 36, 37, 55799})
"""Tags that say what a value is for (a date, a URI, an expression): the value tells enough. Any other is shown."""
_BIG_POSITIVE, _BIG_NEGATIVE = 2, 3
"""Tags of bytes that are a whole number; up to 255 bytes are written as one."""


def is_container(data: bytes) -> bool:
    """Whether a map, a list or the mark of CBOR is at the beginning; no text in UTF-8 begins so."""
    return data[:3] == SELF_DESCRIBED or 0x80 <= data[0] <= 0xBF


def write(source: Source, sink: Sink) -> None:
    """Write the one value with which the source begins. Raises Cut where it is none, or not whole."""
    while not sink.done:
        _write_one(source, sink)


def _write_one(source: Source, sink: Sink) -> None:
    head = source.byte()
    if head == _BREAK:
        sink.end()
        return
    major, low = head >> 5, head & 0x1F
    if major == 7:
        _write_simple(low, source, sink)
        return
    count = _count(low, major, source)
    if major in (_LIST, _MAP):
        sink.container(major == _MAP, count)
    elif major in (_BYTES, _TEXT):
        data = source.take(count) if count is not None else _chunks(major, source, sink)
        (sink.data if major == _BYTES else sink.text_of)(data)
    elif major == _TAG:
        _write_tag(count or 0, source, sink)
    else:
        sink.number(-1 - (count or 0) if major else count or 0)


def _count(low: int, major: int, source: Source) -> int | None:
    """The number that goes with a head; None where an end tells how much there is."""
    if low < 24:
        return low
    if low in _LENGTHS:
        return source.whole(_LENGTHS[low])
    if low == _INDEFINITE and major in (_BYTES, _TEXT, _LIST, _MAP):
        return None
    raise Cut(f"a byte {major << 5 | low:#x}, which means nothing in CBOR")


def _chunks(major: int, source: Source, sink: Sink) -> bytes:
    """A text or bytes of a length that was not told, from its pieces."""
    found: list[bytes] = []
    while (head := source.byte()) != _BREAK:
        count = _count(head & 0x1F, major, source)
        if head >> 5 != major or count is None:
            raise Cut("a piece of a text that is none")
        sink.count()
        found.append(source.take(count))
    return b"".join(found)


def _write_tag(tag: int, source: Source, sink: Sink) -> None:
    if tag in _PLAIN_TAGS:
        sink.count()
        return
    if tag in (_BIG_POSITIVE, _BIG_NEGATIVE) and source.at < len(source.data):
        size = source.data[source.at] - (_BYTES << 5)
        if 0 <= size <= 24:
            source.at += 1
            value = int.from_bytes(source.take(source.byte() if size == 24 else size))
            sink.number(value if tag == _BIG_POSITIVE else -1 - value)
            return
    sink.container(True, 1)
    sink.text(f"tag {tag}")


def _write_simple(low: int, source: Source, sink: Sink) -> None:
    if low in _WORDS:
        sink.literal(_WORDS[low])
    elif low in _FLOATS:
        sink.number(source.unpacked(_FLOATS[low]))
    elif low < 24:
        sink.text(f"simple({low})")
    elif low == 24:
        sink.text(f"simple({source.byte()})")
    else:
        raise Cut(f"a byte {7 << 5 | low:#x}, which means nothing in CBOR")
