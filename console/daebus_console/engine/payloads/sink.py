"""Writes one value after the other as JSON text: containers close by themselves when they are full. Pure.

Nothing recurses, so that no depth of what is read reaches the stack, and what was cut is still whole JSON.
"""

from __future__ import annotations

import json
import math

from daebus_console.engine.payloads.limits import Limits

_quoted = json.JSONEncoder(ensure_ascii=False).encode
_LONGEST_KEY = 200
"""Signs of a key that is a container; each level around it would double its backslashes."""


class Cut(Exception):
    """Reading ends here; the text says why. What was written until then stands."""


class Beyond(Cut):
    """The same for what is well formed as far as it was read, and more than is to be read."""


class _Open:
    """A container that is being written: how many more values it takes (None: until `end`), two for each member."""

    __slots__ = ("close", "is_key", "left", "place", "written")

    def __init__(self, close: str, left: int | None, place: int, is_key: bool) -> None:
        self.close, self.left, self.place, self.is_key = close, left, place, is_key
        self.written = 0


class Sink:
    """Takes values in the order in which they stand in the bytes."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.done = False
        """Whether the one value at the top is complete."""
        self._parts: list[str] = []
        self._open: list[_Open] = []
        self._room = limits.values

    def container(self, is_map: bool, count: int | None) -> None:
        """A list of `count` items or a map of `count` members begins; of None the end is told by `end`."""
        if len(self._open) >= self.limits.levels:
            raise Beyond(f"nested deeper than {self.limits.levels} levels")
        is_key = self._before()
        left = count if count is None or not is_map else 2 * count
        self._open.append(_Open("}" if is_map else "]", left, len(self._parts), is_key))
        self._parts.append("{" if is_map else "[")
        if left == 0:
            self._closed()

    def end(self) -> None:
        """The innermost container, whose length was not told, is over."""
        if not self._open or self._open[-1].left is not None:
            raise Cut("an end of something that has not begun")
        if self._awaits_value():
            raise Cut("a key without its value")
        self._closed()

    def text(self, text: str) -> None:
        """A text."""
        self._put(_quoted(text), text)

    def data(self, data: bytes, kind: str = "") -> None:
        """Bytes, written as in CBOR's diagnostic notation: h'00ff'; `kind` stands before them."""
        shown = data[: self.limits.bytes_shown].hex()
        more = f"… {len(data):,} bytes" if len(data) > self.limits.bytes_shown else ""
        self.text(f"{kind}, h'{shown}'{more})" if kind else f"h'{shown}'{more}")

    def text_of(self, data: bytes) -> None:
        """Bytes that should be a text; those that are none are written as bytes."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.data(data)
        else:
            self.text(text)

    def number(self, value: float) -> None:
        """A whole number or a float; NaN and the infinities as Python's json has them."""
        if isinstance(value, int) or math.isfinite(value):
            self._put(repr(value), repr(value))
        else:
            self.literal(json.dumps(value))

    def literal(self, word: str) -> None:
        """null, true, false."""
        self._put(word, word)

    def closed(self) -> str:
        """The JSON text; what is still open is closed."""
        while self._open:
            top = self._open[-1]
            if top.is_key:
                # A key that did not come to its end is none.
                self._open.pop()
                del self._parts[top.place - (self._open[-1].written > 0) :]
            else:
                if self._awaits_value():
                    self._parts.append('"…"')
                self._open.pop()
                self._parts.append(top.close)
                if self._open:
                    self._open[-1].written += 1
        return "".join(self._parts) or "null"

    def _awaits_value(self) -> bool:
        return self._open[-1].close == "}" and self._open[-1].written % 2 == 1

    def count(self) -> None:
        """Something was read, a value or a piece of one. Raises Beyond where it was one too many."""
        self._room -= 1
        if self._room < 0:
            raise Beyond(f"more than {self.limits.values:,} values")

    def _before(self) -> bool:
        """What stands before the next value; whether it is a key."""
        self.count()
        if not self._open:
            return False
        top = self._open[-1]
        is_key = top.close == "}" and top.written % 2 == 0
        if top.written and (is_key or top.close == "]"):
            self._parts.append(",")
        return is_key

    def _put(self, written: str, as_key: str) -> None:
        if self._before():
            written = _quoted(as_key) + ":"
        self._parts.append(written)
        self._after()

    def _after(self) -> None:
        if not self._open:
            self.done = True
            return
        top = self._open[-1]
        top.written += 1
        if top.left is not None:
            top.left -= 1
            if top.left == 0:
                self._closed()

    def _closed(self) -> None:
        """Close the innermost container, and each around it that is full with it."""
        top = self._open.pop()
        self._parts.append(top.close)
        if top.is_key:
            key = "".join(self._parts[top.place :])
            key = key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}…"
            self._parts[top.place :] = [_quoted(key) + ":"]
        self._after()
