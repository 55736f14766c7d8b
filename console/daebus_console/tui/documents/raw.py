"""The exact bytes of an exchange's messages, as text and as hex. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from daebus_console.engine.exchange import Message
from daebus_console.text import clean
from daebus_console.tui import format as fmt
from daebus_console.tui.documents.document import Document
from daebus_console.tui.lines import Line

CHUNK = 96
"""Bytes a line of text."""
HEX_CHUNK = 16


class Raw(Document):
    """Message after message: a heading, then its bytes. `hexadecimal` shows each byte and its place."""

    def __init__(
        self,
        messages: Sequence[Message],
        *,
        hexadecimal: bool = False,
        redact: Callable[[bytes], bytes] = bytes,
    ) -> None:
        self.messages = [(message, redact(message.data)) for message in messages]
        self.hexadecimal = hexadecimal
        self._chunk = HEX_CHUNK if hexadecimal else CHUNK
        self._starts = [0, *accumulate(1 + max(1, -(-len(data) // self._chunk)) for _message, data in self.messages)]

    def count(self) -> int:
        return self._starts[-1]

    def line(self, index: int, _width: int) -> Line:
        (message, data), row = self._at(index)
        if row == 0:
            return [
                (f"{fmt.clock(message.at)} ", "dim"),
                (clean(message.channel), "name"),
                (f"  {message.kind.replace('_', '-')}, {len(message.data):,} bytes", "dim"),
            ]
        start = (row - 1) * self._chunk
        piece = data[start : start + self._chunk]
        if not self.hexadecimal:
            return [(clean(piece.decode("utf-8", "backslashreplace")), "plain")]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in piece)
        pairs = piece.hex(" ")
        return [(f"{start:08x}  ", "dim"), (f"{pairs:<47}  ", "plain"), (letters, "string")]

    def _at(self, index: int) -> tuple[tuple[Message, bytes], int]:
        which = bisect_right(self._starts, index) - 1
        return self.messages[which], index - self._starts[which]

    def value(self, index: int) -> str | None:
        return self._at(index)[0][1].decode("utf-8", "backslashreplace")

    def find(self, text: str, start: int, direction: int) -> int | None:
        wanted = text.casefold()
        count = self.count()
        for step in range(1, count + 1):
            index = (start + direction * step) % count
            if wanted in "".join(piece for piece, _role in self.line(index, 0)).casefold():
                return index
        return None
