"""How others pack what they say: frames of FastStream and envelopes of kombu, as their own clients write them."""

from __future__ import annotations

import base64
import gzip
import json
import struct

from daebus_console.engine.payloads import faststream


def frame(body: bytes, headers: dict[str, str], *, by_signs: bool = False) -> bytes:
    """What FastStream sends; `by_signs` counts characters, as it does."""
    inside = struct.pack(">H", len(headers))
    for text in (text for pair in headers.items() for text in pair):
        inside += struct.pack(">H", len(text) if by_signs else len(text.encode())) + text.encode()
    return faststream.MARK + struct.pack(">HII", 1, 18, 18 + len(inside)) + inside + body


def kombu(body: bytes, content_type: str = "application/json", encoding: str = "base64") -> bytes:
    """What Celery sends, its body packed."""
    return kombu_text(base64.b64encode(body).decode(), content_type, encoding)


def kombu_text(body: str, content_type: str = "application/json", encoding: str = "base64") -> bytes:
    """The same around any text."""
    outer = {"body": body, "content-encoding": "utf-8", "content-type": content_type, "headers": {"clock": 1}}
    return json.dumps({**outer, "properties": {"delivery_mode": 2, "body_encoding": encoding}}).encode()


ORDER = b'{"order": 17, "total": 12.50, "who": "Ann", "password": "hunter2"}'
HEADERS = {"correlation_id": "82e6131f", "content-type": "application/json"}
PACKED = {
    "faststream": frame(ORDER, HEADERS),
    "kombu": kombu(ORDER),
    "gzip": gzip.compress(ORDER, mtime=0),
    "msgpack": b"\x84\xa5order\x11\xa5total\xcb\x40\x29\x00\x00\x00\x00\x00\x00\xa3who\xa3Ann\xa8password\xa7hunter2",
    "cbor": b"\xa4\x65order\x11\x65total\xf9\x4a\x40\x63who\x63Ann\x68password\x67hunter2",
}
"""The same order, packed in each way."""
