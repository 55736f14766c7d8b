"""What kind of bytes a message is made of, in a word. Pure."""

from __future__ import annotations

from daebus_console.engine.message import envelope as wire
from daebus_console.engine.payloads.reading import Decoded

JSON, TEXT, BINARY = "json", "text", "binary"


def form(data: bytes, packed: Decoded | None) -> str:
    """`json`, `text`, `binary` for what nobody can read, or what it was decoded by (`msgpack`, `cbor`, `gzip` …)."""
    if packed is not None:
        by = packed.by.partition(",")[0].partition(" ")[0].lower()
        # An envelope of kombu is JSON itself.
        return JSON if by == "kombu" else by
    try:
        wire.decode(data)
    except wire.Unreadable:
        pass
    else:
        return JSON
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return BINARY
    return TEXT
