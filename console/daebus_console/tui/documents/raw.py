"""The exact bytes of an exchange's messages, as text and as hex. Pure."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

from daebus_console.engine.message.exchange import Message
from daebus_console.naming import shown
from daebus_console.text import cells, clean
from daebus_console.tui.documents.document import Document
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line, fit, wrap

HEX_CHUNK = 16
"""Bytes a line in hex, and half as many, or a quarter, where there is no room for them."""
_HEX_CELLS = 10 + 2
"""Cells of a line in hex besides those of its bytes, of which each takes four."""
_WIDEST = 80
_LOOKED_THROUGH = 4 * 1024 * 1024
"""Bytes up to which a message is looked through for how wide its signs are."""
_PRINTABLE = bytes(range(32, 127))
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
        self._cells = [4 if hexadecimal else _most_cells(data) for _message, data in self.messages]
        self.lay_out(_WIDEST, whole=False)

    def lay_out(self, width: int, *, whole: bool) -> None:
        """All bytes are shown at any width, and none is cut: as many a line as have room, whatever they are.

        With `whole` headings are not cut either.
        """
        heads = [_heading(message) for message, _data in self.messages]
        self._heads = [list(wrap(head, width)) if whole else [head] for head in heads]
        if self.hexadecimal:
            chunk = next((one for one in (HEX_CHUNK, HEX_CHUNK // 2) if _HEX_CELLS + 4 * one <= width), HEX_CHUNK // 4)
            self._chunks = [chunk] * len(self.messages)
        else:
            # A sign is not parted, so that a line may have up to three bytes more where signs have several.
            self._chunks = [
                max(1, width // most - (0 if data.isascii() else 3))
                for most, (_message, data) in zip(self._cells, self.messages, strict=True)
            ]
        sizes = [
            len(head) + max(1, -(-len(data) // chunk))
            for (_message, data), chunk, head in zip(self.messages, self._chunks, self._heads, strict=True)
        ]
        self._starts = [0, *accumulate(sizes)]

    def place(self, index: int) -> tuple[int, int, int | None]:
        which, row = self._at(index)
        head = len(self._heads[which])
        return (which, row, None) if row < head else (which, 0, self._begin(which, row - head))

    def row_of(self, place: tuple[int, int, int | None]) -> int:
        which, row, byte = place
        head = len(self._heads[which])
        return self._starts[which] + (min(row, head - 1) if byte is None else head + self._row_of(which, byte))

    def count(self) -> int:
        return self._starts[-1]

    def line(self, index: int, _width: int) -> Line:
        which, row = self._at(index)
        data, head = self.messages[which][1], self._heads[which]
        if row < len(head):
            return head[row]
        start = self._begin(which, row - len(head))
        piece = data[start : self._begin(which, row - len(head) + 1)]
        if not self.hexadecimal:
            return [(clean(piece.decode("utf-8", "backslashreplace")), "plain")]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in piece)
        pairs = fit(piece.hex(" "), 3 * self._chunks[which] - 1)
        return [(f"{start:08x}  ", "dim"), (f"{pairs}  ", "plain"), (letters, "string")]

    def _at(self, index: int) -> tuple[int, int]:
        """Which message stands there, and with which of its lines."""
        which = bisect_right(self._starts, index) - 1
        return which, index - self._starts[which]

    def _begin(self, which: int, row: int) -> int:
        """Where that line of bytes begins: never in the middle of a sign."""
        data = self.messages[which][1]
        start = row * self._chunks[which]
        if not self.hexadecimal and start:
            for place in range(start, min(start + 3, len(data))):
                if data[place] & 0xC0 != 0x80:
                    return place
            return min(start + 3, len(data))
        return start

    def _row_of(self, which: int, place: int) -> int:
        """In which line of bytes that one stands."""
        row = place // self._chunks[which]
        return row if self._begin(which, row) <= place else row - 1

    def value(self, index: int) -> str | None:
        return self.messages[self._at(index)[0]][1].decode("utf-8", "backslashreplace")

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
        begin, head = self._starts[which], len(self._heads[which])
        message, _data = self.messages[which]
        rows = [begin] if text.casefold() in shown(message.channel).casefold() else []
        for data, wanted in self._sought(which, text):
            if direction > 0:
                at = data.find(wanted, 0 if beyond is None else self._begin(which, max(0, beyond - begin - head + 1)))
            else:
                before = len(data) if beyond is None else self._begin(which, max(0, beyond - begin - head))
                at = data.rfind(wanted, 0, before if beyond is None else before + len(wanted) - 1)
            if at >= 0:
                rows.append(begin + head + self._row_of(which, at))
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


def _heading(message: Message) -> Line:
    return [
        (f"{fmt.stamp(message.at)} ", "dim"),
        (shown(message.channel), "name"),
        (f"  {message.kind.replace('_', '-')}, {len(message.data):,} bytes", "dim"),
    ]


def _most_cells(data: bytes) -> int:
    """How many cells a byte may take as text: more than one where there are signs that are shown by their numbers."""
    if not data.translate(None, _PRINTABLE):
        return 1
    if len(data) > _LOOKED_THROUGH:
        return 4
    try:
        signs = set(data.decode())
    except UnicodeDecodeError:
        return 4
    return max(map(_cells_a_byte, signs))


def _cells_a_byte(sign: str) -> int:
    # Marks that pile up on a letter are shown by their numbers.
    most = 6 if unicodedata.combining(sign) else cells(clean(sign))
    return -(-most // len(sign.encode()))
