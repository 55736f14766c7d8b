"""faststream: FastStream's binary frames. A question names the channel of its answer, a new one each time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import chain
from struct import Struct

from daebus_console.engine.message.dialect import Dialect, Sighting
from daebus_console.engine.message.exchange import Kind

MAGIC = b"\x89BIN\r\n\x1a\n"
_HEAD = Struct(">8sHII")
_SHORT = Struct(">H")
_LENGTH = _SHORT.unpack_from
_JSON = "application/json"
_NEW_CHANNEL = re.compile(r"[0-9A-Za-z]{22}").fullmatch
_MOST_HEADERS = 256
# Members of an enum are slow to look up, and these are wanted for every frame.
_REQUEST, _RESPONSE, _BROADCAST = Kind.REQUEST, Kind.RESPONSE, Kind.BROADCAST


class Spoken(Dialect):
    """FastStream."""

    name = "faststream"
    title = "FastStream 0.7"
    pairs = "the channel that reply_to names, and correlation_id"
    unknown = "who asked and who answered; that a handler failed, for then no answer is sent at all"
    openings = (MAGIC,)
    silence = "no answer on the wire: FastStream sends none where a handler fails"

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """Its first bytes, a version that is known, and places in the frame that lie in it."""
        return _read(data, channel, _NEW_CHANNEL(channel) is not None)

    def reader(self, channel: str) -> Callable[[bytes], Sighting | None]:
        """The same."""
        sure = _NEW_CHANNEL(channel) is not None
        return lambda data: _read(data, channel, sure)

    def ask(self, channel: str, content: bytes, request_id: str, reply_to: str) -> tuple[bytes, str] | None:
        """A frame of version 1; the answer may come on any channel."""
        del channel
        return frame_of({"correlation_id": request_id, "content-type": _JSON, "reply_to": reply_to}, content), reply_to

    def anew(self, channel: str, data: bytes, request_id: str, reply_to: str) -> tuple[bytes, str] | None:
        """The frame with another id and another channel for its answer; not where a header cannot be written again."""
        del channel
        headers = headers_of(data)
        if headers is None or not headers.get("reply_to") or not all(map(str.isascii, chain(*headers.items()))):
            return None
        return frame_of({**headers, "correlation_id": request_id, "reply_to": reply_to}, body_of(data) or b""), reply_to

    def reply(self, channel: str, data: bytes, content: bytes, failed: str | None) -> tuple[str, bytes] | None:
        """A frame with its correlation_id, on the channel that it names. There are no errors on this wire."""
        del channel
        headers = headers_of(data)
        if headers is None or not headers.get("reply_to") or failed is not None:
            return None
        told = {"correlation_id": headers.get("correlation_id", ""), "content-type": _JSON}
        return headers["reply_to"], frame_of(told, content)

    def again(self, data: bytes) -> bytes | None:
        """With another id, since all that is published bears one, and answers differ in nothing else."""
        headers = headers_of(data)
        if headers is None or "reply_to" in headers:
            return None
        return frame_of(
            {**headers, "correlation_id": f"again-{headers.get('correlation_id', '')}"}, body_of(data) or b""
        )

    def content(self, data: bytes) -> bytes | None:
        """The body of the frame."""
        return body_of(data) or None


def _read(data: bytes, channel: str, sure: bool) -> Sighting | None:
    """What the two headers say that matter: the first of each name, as `headers_of` has them."""
    found = _places(data)
    if found is None:
        return None
    at, body_at, left = found
    asked = reply_to = None
    while left and at + 2 <= body_at:
        left -= 1
        begin = at + 2
        value = begin + (data[at] << 8 | data[at + 1])
        if value + 2 > body_at:
            break
        at = value + 2 + (data[value] << 8 | data[value + 1])
        if at > body_at:
            break
        name = data[begin:value]
        if name == b"correlation_id":
            asked = data[value + 2 : at] if asked is None else asked
        elif name == b"reply_to":
            reply_to = data[value + 2 : at] if reply_to is None else reply_to
    if reply_to:
        back = reply_to.decode("utf-8", "replace")
        return Sighting(_REQUEST, id=asked.decode("utf-8", "replace") if asked else back, reply_to=back)
    if not asked:
        return Sighting(_BROADCAST)
    return Sighting(_RESPONSE, id=asked.decode("utf-8", "replace"), reply_to=channel, sure=sure)


def _places(data: bytes) -> tuple[int, int, int] | None:
    """Where the first header begins, where the body does, and how many headers there are; None where it is no frame."""
    if len(data) < _HEAD.size:
        return None
    magic, version, headers_at, body_at = _HEAD.unpack_from(data)
    if magic != MAGIC or version != 1 or not _HEAD.size <= headers_at <= body_at <= len(data):
        return None
    at = headers_at + 2
    if at > body_at:
        return at, body_at, 0
    return at, body_at, min(data[headers_at] << 8 | data[headers_at + 1], _MOST_HEADERS)


def frame_of(headers: Mapping[str, str], body: bytes) -> bytes:
    """A frame with those headers, which must be ASCII for FastStream to read them."""
    texts = [part.encode() for pair in headers.items() for part in pair]
    told = _SHORT.pack(len(headers)) + b"".join(_SHORT.pack(len(text)) + text for text in texts)
    return _HEAD.pack(MAGIC, 1, _HEAD.size, _HEAD.size + len(told)) + told + body


def body_of(data: bytes) -> bytes | None:
    """What is behind the headers; None where it is no frame."""
    found = _places(data)
    return None if found is None else data[found[1] :]


def headers_of(data: bytes) -> dict[str, str] | None:
    """The headers of a frame, as far as they can be read: its own writer counts the signs of a text for its bytes.

    None where it is no such frame.
    """
    found = _places(data)
    if found is None:
        return None
    at, body_at, count = found
    headers: dict[str, str] = {}
    for _ in range(count):
        pair = []
        for _ in range(2):
            begin = at + 2
            if begin > body_at:
                return headers
            at = begin + _LENGTH(data, at)[0]
            if at > body_at:
                return headers
            pair.append(data[begin:at].decode("utf-8", "replace"))
        headers.setdefault(*pair)
    return headers
