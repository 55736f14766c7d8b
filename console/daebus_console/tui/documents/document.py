"""A document: any number of lines, each made only when it is on the screen. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from daebus_console.tui.rows.lines import Line, text_of, wrap


class Document:
    """Lines by index. Those that `foldable` can be opened and closed; `value` and `path` are what may be copied."""

    def count(self) -> int:
        """How many lines there are now."""
        raise NotImplementedError

    def line(self, index: int, width: int) -> Line:
        """One line, fit for `width` cells."""
        raise NotImplementedError

    def toggle(self, _index: int) -> bool:
        """Open or close what starts on that line; False where nothing does."""
        return False

    def opened(self, _index: int) -> bool | None:
        """Whether it is open; None where nothing can be."""
        return None

    def parent(self, _index: int) -> int | None:
        """The line that closes over this one."""
        return None

    def value(self, _index: int) -> str | None:
        """What stands on that line, whole and as it is: for copying. None where there is nothing."""
        return None

    def path(self, _index: int) -> str | None:
        """Where in the payload that line is: `items[0].name`."""
        return None

    def followed(self, _index: int) -> str | None:
        """The filter for all that carries the value on that line; None where there is no single value."""
        return None

    def lay_out(self, width: int, *, whole: bool) -> None:
        """Be shown in lines of that many cells; with `whole` long values take several, else they are cut to one."""

    def place(self, index: int) -> Any:
        """What stands on that line: the same in any layout, and in a later state of the document."""
        return index

    def row_of(self, place: Any) -> int:
        """The line of what another state or layout had in that place, or the nearest; there are some."""
        return min(int(place), self.count() - 1)

    def open_to(self, _place: Any) -> None:
        """Open what is closed over that place."""

    def adopt(self, _before: Document) -> None:
        """Be folded as another document was, of which this is a later state."""

    def find(self, _text: str, _start: int, _direction: int) -> int | None:
        """The next line from `start` (not included) that holds the text, going round; None where there is none."""
        return None


class Lines(Document):
    """A document of lines that are there already."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.lay_out(0, whole=False)

    def lay_out(self, width: int, *, whole: bool) -> None:
        laid = [list(wrap(line, width)) if whole else [line] for line in self.lines]
        self._rows = [(row, line) for rows, line in zip(laid, self.lines, strict=True) for row in rows]
        """What stands in each row, and the line that it is a part of."""
        self._starts = [0, *accumulate(map(len, laid))]

    def count(self) -> int:
        return len(self._rows)

    def place(self, index: int) -> tuple[int, int]:
        number = bisect_right(self._starts, index) - 1
        return number, index - self._starts[number]

    def row_of(self, place: tuple[int, int]) -> int:
        number, row = min(place[0], len(self.lines) - 1), place[1]
        return max(0, min(self._starts[number] + row, self._starts[number + 1] - 1))

    def line(self, index: int, _width: int) -> Line:
        return self._rows[index][0]

    def value(self, index: int) -> str | None:
        return text_of(self._rows[index][1]).strip()
