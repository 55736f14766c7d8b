"""Bytes that are read from the front, no further than they go. Pure."""

from __future__ import annotations

import struct
from typing import Any

from daebus_console.engine.payloads.sink import Cut


class Source:
    """The bytes and how far they have been read. What would lie beyond their end raises Cut."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        """The next one."""
        if self.at >= len(self.data):
            raise Cut("it ends before it is complete")
        self.at += 1
        return self.data[self.at - 1]

    def take(self, count: int) -> bytes:
        """The next so many. No more memory than there are bytes is taken, whatever the count."""
        if count > len(self.data) - self.at:
            raise Cut(f"{count:,} bytes are announced where {len(self.data) - self.at:,} are left")
        self.at += count
        return self.data[self.at - count : self.at]

    def whole(self, count: int) -> int:
        """The next so many as a whole number, the highest byte first."""
        return int.from_bytes(self.take(count))

    def unpacked(self, form: struct.Struct) -> Any:
        """The number that the next bytes are in that form."""
        return form.unpack(self.take(form.size))[0]
