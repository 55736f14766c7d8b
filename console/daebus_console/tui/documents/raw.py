"""The exact bytes of an exchange's messages, as text and as hex. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from daebus_console.engine.message.exchange import Message
from daebus_console.naming import shown
from daebus_console.text import clean
from daebus_console.tui.documents.document import Document
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line

CHUNK = 96
"""Bytes a line of text."""
HEX_CHUNK = 16
_BYTES = re.compile(r"([0-9a-fA-F]{2} ?)+")


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
        self._small: dict[int, bytes] = {}
        self._chunk = HEX_CHUNK if hexadecimal else CHUNK
        self._starts = [0, *accumulate(1 + max(1, -(-len(data) // self._chunk)) for _message, data in self.messages)]

    def count(self) -> int:
        return self._starts[-1]

    def line(self, index: int, _width: int) -> Line:
        (message, data), row = self._at(index)
        if row == 0:
            return [
                (f"{fmt.stamp(message.at)} ", "dim"),
                (shown(message.channel), "name"),
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
        if not text or not self.messages:
            return None
        count = len(self.messages)
        here = max(0, min(count - 1, bisect_right(self._starts, start) - 1))
        found = self._row_with(here, text, direction, start)
        if found is not None:
            return found
        others = ((here + direction * step) % count for step in range(1, count + 1))
        rows = (self._row_with(which, text, direction, None) for which in others)
        return next((row for row in rows if row is not None), None)

    def _row_with(self, which: int, text: str, direction: int, beyond: int | None) -> int | None:
        """The first row of a message, that way, that holds the text (or begins with it): of those beyond that one."""
        begin = self._starts[which]
        message, _data = self.messages[which]
        rows = [begin] if text.casefold() in shown(message.channel).casefold() else []
        for data, wanted in self._sought(which, text):
            if direction > 0:
                at = data.find(wanted, 0 if beyond is None else max(0, beyond - begin) * self._chunk)
            else:
                end = len(data) if beyond is None else max(0, beyond - begin - 1) * self._chunk + len(wanted) - 1
                at = data.rfind(wanted, 0, end)
            if at >= 0:
                rows.append(begin + 1 + at // self._chunk)
        if beyond is not None:
            rows = [row for row in rows if (row > beyond if direction > 0 else row < beyond)]
        nearest = min if direction > 0 else max
        return nearest(rows, default=None)

    def _sought(self, which: int, text: str) -> Iterator[tuple[bytes, bytes]]:
        """Where to look in a message, and for which bytes: in small and capital letters; in hex for bytes as well."""
        data = self.messages[which][1]
        if which not in self._small:
            self._small[which] = data.lower()
        for spelling in {text.lower(), text.upper(), text}:
            yield self._small[which], spelling.encode("utf-8", "replace").lower()
        if self.hexadecimal and _BYTES.fullmatch(text):
            yield data, bytes.fromhex(text)
