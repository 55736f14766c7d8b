"""Messages and gaps as lines of a capture. Pure."""

from __future__ import annotations

import msgspec

from daebus_console import naming
from daebus_console.engine.capture.format import (
    LONGEST_LINE,
    VERSION,
    BytesLine,
    GapLine,
    Header,
    MessageLine,
    OddLine,
    SeenLine,
    without_password,
)
from daebus_console.engine.hiding.redact import Redactor

Item = tuple[float, str, bytes] | GapLine | SeenLine
"""A message, as time, channel and data, a gap, or until when all was seen."""


class Lines:
    """Writes lines into buffers; `redact` masks in every message."""

    def __init__(self, redact: Redactor | None = None) -> None:
        self._redact = redact if redact else None
        self._encoder = msgspec.json.Encoder()

    def header(self, redis_url: str, started: float) -> bytearray:
        """The first line; `started` is when the recording began."""
        keys = list(self._redact.keys) if self._redact is not None else []
        buffer = bytearray()
        self._append(Header(VERSION, without_password(redis_url), started, keys), buffer)
        return buffer

    def add(self, item: Item, buffer: bytearray) -> int:
        """Add a line; returns how many messages it holds. One beyond all reason is a gap that says so."""
        if isinstance(item, GapLine | SeenLine):
            self._append(item, buffer)
            return 0
        at, channel, data = item
        before = len(buffer)
        try:
            self._append(self._line(at, channel, data), buffer)
        except UnicodeEncodeError:
            del buffer[before:]
            self._append(self._odd_line(at, channel, data), buffer)
        if len(buffer) - before > LONGEST_LINE:
            del buffer[before:]
            self._append(GapLine(at, 0.0, f"a message of {len(data)} bytes is missing here: it is too long"), buffer)
            return 0
        return 1

    def _line(self, at: float, channel: str, data: bytes) -> MessageLine | BytesLine:
        if self._redact is not None:
            data = self._redact(data)
        try:
            return MessageLine(at, channel, data.decode())
        except UnicodeDecodeError:
            return BytesLine(at, channel, data)

    def _odd_line(self, at: float, channel: str, data: bytes) -> msgspec.Struct:
        try:
            name = naming.to_bytes(channel)
        except UnicodeEncodeError:
            # Half a surrogate pair, which no channel on a bus has.
            return self._line(at, channel.encode("utf-8", "backslashreplace").decode(), data)
        line = self._line(at, "", data)
        if isinstance(line, MessageLine):
            return OddLine(at, name, data=line.data)
        return OddLine(at, name, data_base64=line.data_base64)

    def _append(self, line: msgspec.Struct, buffer: bytearray) -> None:
        self._encoder.encode_into(line, buffer, -1)
        buffer += b"\n"
