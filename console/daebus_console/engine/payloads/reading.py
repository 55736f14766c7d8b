"""From the bytes of a message to JSON text that says what is in them, layer by layer. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.nesting import is_too_deep
from daebus_console.engine.payloads import cbor, compressed, faststream, kombu, msgpack, pickled
from daebus_console.engine.payloads.limits import LIMITS, Limits, size_words
from daebus_console.engine.payloads.sink import Beyond, Cut, Sink
from daebus_console.engine.payloads.source import Source

Write = Callable[[Source, Sink], None]


_STARTS = (b"\x1f\x8b", b"x\x01", b"x^", b"x\x9c", b"x\xda", b'{"body"')


def is_packed(data: bytes) -> bool:
    """Whether those bytes may be something to decode: cheap, and asked of each message that a filter looks into."""
    return data >= b"\x80" or data.startswith(_STARTS)


class Decoded(NamedTuple):
    """What a message says, as JSON.

    `by` names what it was decoded by, from the outside in: `gzip, msgpack`. `headers` are those that an envelope has
    beside its body. `trouble` tells what is wrong with it or was left out, else it is empty.
    """

    by: str
    text: str
    headers: Mapping[str, str] | None = None
    trouble: str = ""

    @property
    def data(self) -> bytes:
        """The text as a message would have it."""
        return self.text.encode("utf-8", "backslashreplace")


class _Layer(NamedTuple):
    by: tuple[str, ...]
    text: str
    headers: Mapping[str, str] | None = None
    trouble: str = ""


def decode(data: bytes, limits: Limits = LIMITS) -> Decoded | None:
    """What those bytes say; None where they are JSON or a text as they stand, or nothing that is known for certain."""
    if not is_packed(data):
        return None
    found = _kombu(data, limits) if _may_be_text(data) else _binary(data, limits, limits.layers)
    if found is None:
        return None
    return Decoded(", ".join(found.by), found.text, found.headers, found.trouble)


def _may_be_text(data: bytes) -> bool:
    """Whether it may be UTF-8: cheap where it is not, as what is binary mostly shows in its first bytes."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _kombu(data: bytes, limits: Limits) -> _Layer | None:
    found = kombu.read(data)
    if found is None:
        return None
    body = _body(found.body, found.content_type, limits, limits.layers - 1)
    if body.by == ("bytes",):
        return None
    text = found.before + body.text + found.after
    if is_too_deep(text.encode("utf-8", "surrogatepass")):
        return None
    return _Layer(("kombu", *body.by), text, trouble=body.trouble)


def _binary(data: bytes, limits: Limits, layers: int) -> _Layer | None:
    """What is in bytes that say themselves what they are."""
    frame = faststream.read(data)
    if frame is not None:
        return _framed(frame, limits, layers)
    unpacked = compressed.unpack(data, limits) if layers > 0 else None
    if unpacked is not None:
        inner = _body(unpacked.data, "", limits, layers - 1)
        return _Layer((unpacked.by, *inner.by), inner.text, inner.headers, unpacked.trouble or inner.trouble)
    if pickled.looks_like(data):
        listed = _pickle(data, limits)
        if not listed.trouble or listed.trouble.startswith("more"):
            return listed
    if msgpack.is_container(data[0]):
        found = _written("msgpack", msgpack.write, data, limits, certain=False)
        if found is not None:
            return found
    return _written("CBOR", cbor.write, data, limits, certain=False) if cbor.is_container(data) else None


def _framed(frame: faststream.Frame, limits: Limits, layers: int) -> _Layer:
    if not frame.body:
        return _Layer(("FastStream",), "null", frame.headers, frame.trouble)
    content_type = next((value for name, value in frame.headers.items() if name.lower() == "content-type"), "")
    inner = _body(frame.body, content_type, limits, layers - 1)
    return _Layer(("FastStream", *inner.by), inner.text, frame.headers, frame.trouble or inner.trouble)


def _body(data: bytes, content_type: str, limits: Limits, layers: int) -> _Layer:
    """What is inside of something: by what it is said to be, and otherwise by what it looks like."""
    said = content_type.partition(";")[0].strip().lower()
    if said in _STATED:
        stated = _STATED[said](data, limits)
        if stated is not None:
            return stated
    try:
        text = data.decode()
    except UnicodeDecodeError:
        if data[:1] and layers > 0:
            found = _binary(data, limits, layers)
            if found is not None:
                return found
        return _bytes(data, limits)
    if said == "text/plain":
        return _Layer(("text",), json.dumps(text, ensure_ascii=False))
    try:
        wire.decode(data)
    except wire.Unreadable:
        return _Layer(("text",), json.dumps(text, ensure_ascii=False))
    return _Layer(("JSON",), text)


def _bytes(data: bytes, limits: Limits) -> _Layer:
    sink = Sink(limits)
    sink.data(data)
    return _Layer(("bytes",), sink.closed())


def _pickle(data: bytes, limits: Limits) -> _Layer:
    listed = pickled.opcodes(data, limits)
    return _Layer(("pickle (its opcodes; it is never loaded)",), json.dumps(listed.opcodes), trouble=listed.trouble)


def _written(by: str, write: Write, data: bytes, limits: Limits, *, certain: bool) -> _Layer | None:
    """What a reader makes of the bytes. Where only their look speaks for it, they must be one value and no more."""
    source, sink = Source(data[: limits.size]), Sink(limits)
    trouble = ""
    try:
        write(source, sink)
    except Cut as cut:
        at_end = len(data) > limits.size
        trouble = f"cut at {size_words(limits.size)}" if at_end else f"not read to its end: {cut}"
        if not certain and not at_end and not isinstance(cut, Beyond):
            return None
    else:
        left = len(data) - source.at
        if left and not certain:
            return None
        trouble = f"{left:,} bytes after it" if left else ""
    return _Layer((by,), sink.closed(), trouble=trouble)


def _as_msgpack(data: bytes, limits: Limits) -> _Layer | None:
    return _written("msgpack", msgpack.write, data, limits, certain=True)


def _as_cbor(data: bytes, limits: Limits) -> _Layer | None:
    return _written("CBOR", cbor.write, data, limits, certain=True)


_STATED: Mapping[str, Callable[[bytes, Limits], _Layer | None]] = {
    "application/x-msgpack": _as_msgpack,
    "application/msgpack": _as_msgpack,
    "application/vnd.msgpack": _as_msgpack,
    "application/cbor": _as_cbor,
    "application/x-python-serialize": _pickle,
    "application/x-python-pickle": _pickle,
}
