"""The two lists of the comparison: what differs, and the values of one difference line by line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from daebus_console.engine.diff.values import Change
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.replay.redact import masked, names_in
from daebus_console.text import clean
from daebus_console.tui.compare.layout import rows_of
from daebus_console.tui.compare.rows import MEASURED, Entry, Heading, Row, Widths, entry_line, heading_line, widths
from daebus_console.tui.compare.values import Pair, folded, pairs
from daebus_console.tui.rows.lines import Line, text_of, wrap
from daebus_console.tui.widgets.row_list import RowList

MARGINS = 2
"""Cells that a row of values does not have: one at each end."""
_PATH_ROOM = 30
"""Cells of the title that the path does not have."""


class DifferenceList(RowList):
    """Differences under the headings of their parts. The cursor stands on differences only."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Open")]

    class Selected(Message):
        """The cursor is on another difference."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.rows: Sequence[Row] = []
        self.hint: list[Line] = []
        self.redact = Redactor(())
        self._cursor = 0
        self._masked: dict[int, Entry] = {}
        self._columns: tuple[int, Widths] | None = None

    def show(self, rows: Sequence[Row]) -> None:
        """Show other rows. The cursor stays on its path, or else where it is."""
        before = self.raw()
        self.rows = rows
        self._masked, self._columns = {}, None
        self._cursor = self._near(min(self._cursor, len(rows) - 1), 1) if rows else 0
        if before is not None:
            for index, row in enumerate(rows):
                if isinstance(row, Entry) and row.change.path == before.change.path:
                    self._cursor = index
                    break
        self.show_cursor()
        self.refresh()

    def raw(self) -> Entry | None:
        """The difference under the cursor with its values as they are."""
        row = self.rows[self._cursor] if self._cursor < len(self.rows) else None
        return row if isinstance(row, Entry) else None

    def chosen(self) -> Entry | None:
        """The difference under the cursor with what may be shown of its values."""
        return None if self.raw() is None else self._shown(self._cursor)

    def place(self) -> tuple[int, int]:
        """The how-manieth of how many the cursor is on."""
        entries = [index for index, row in enumerate(self.rows) if isinstance(row, Entry)]
        return sum(1 for index in entries if index <= self._cursor), len(entries)

    def namesakes(self) -> tuple[str, int]:
        """The name of the selected field, and how many differences above it in its part have the same."""
        entry = self.raw()
        if entry is None:
            return "", 0
        name = names_in(entry.change.path)[-1]
        above = [row for row in self.rows[: self._cursor] if isinstance(row, Entry) and row.part == entry.part]
        return name, sum(1 for row in above if names_in(row.change.path)[-1] == name)

    def go(self, direction: int) -> bool:
        """Go to the next difference that counts; False where there is no other."""
        count = len(self.rows)
        for step in range(1, count):
            index = (self._cursor + direction * step) % count
            row = self.rows[index]
            if isinstance(row, Entry) and row.ignored_by is None:
                self.move_to(index)
                return True
        return False

    def _shown(self, index: int) -> Entry | None:
        entry = self.rows[index]
        if isinstance(entry, Heading):
            return None
        if not self.redact:
            return entry
        if index not in self._masked:
            self._masked[index] = entry._replace(change=masked(entry.change, self.redact))
        return self._masked[index]

    def _near(self, index: int, direction: int) -> int:
        """That row; where it is a heading, the difference above or below it."""
        if not isinstance(self.rows[index], Heading):
            return index
        return index - 1 if direction < 0 < index else index + 1

    def count(self) -> int:
        return len(self.rows)

    def line(self, index: int, width: int) -> Line:
        row = self.rows[index]
        if isinstance(row, Heading):
            return heading_line(row)
        if self._columns is None or self._columns[0] != width:
            measured = [entry for entry in map(self._shown, range(min(MEASURED, len(self.rows)))) if entry]
            self._columns = width, widths(measured, width)
        return entry_line(self._shown(index) or row, self._columns[1])

    def empty(self) -> list[Line]:
        return self.hint

    def cursor_index(self) -> int | None:
        return self._cursor if self.rows else None

    def put_cursor(self, index: int) -> None:
        self._cursor = self._near(index, -1 if index < self._cursor else 1)

    def show_row(self, index: int) -> None:
        # The heading above the first of its part is shown with it.
        index = self._cursor
        if index and isinstance(self.rows[index - 1], Heading):
            super().show_row(index - 1)
        super().show_row(index)

    def show_cursor(self) -> None:
        """Have the cursor on the screen."""
        if self.rows:
            self.show_row(self._cursor)
            self.refresh()

    def placed(self) -> None:
        self.post_message(self.Selected())

    async def action_open(self) -> None:
        """Show the values of the difference in full."""
        if self.rows:
            await self.open_row(self._cursor)


class ValuesView(RowList):
    """The two values of a difference. There is no cursor: it scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "close", "List"),
        Binding("space", "fold", "Fold what is the same, or show it", show=False),
    ]

    class Closed(Message):
        """The list is to have the keyboard again."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.redact = Redactor(())
        self.folding = True
        self._change: Change | None = None
        self._pairs: list[Pair] = []
        self._lines: tuple[tuple[int, bool], list[Line]] | None = None

    def show(self, change: Change | None) -> None:
        """Show the values of another difference from their start, or those of the same path as they are now."""
        if change is not None and change is self._change:
            return
        if change is None or self._change is None or change.path != self._change.path:
            self.top = 0
        self._change = change
        self._pairs = pairs(change, self.redact) if change is not None else []
        self._lines = None
        self.refresh()

    def seek(self, name: str, skipped: int) -> None:
        """Scroll to where the field of that name differs, past so many others that are called the same."""
        wanted = clean(json.dumps(name, ensure_ascii=False)) + ":"
        for index, line in enumerate(self.lines()):
            if wanted in text_of(line) and any(text.strip() in ("−", "+") for text, _role in line):
                if not skipped:
                    self.top = max(0, min(index - self.page // 3, self.bottom))
                    self.refresh()
                    return
                skipped -= 1

    def lines(self) -> list[Line]:
        """The rows for the width there is."""
        key = self.row_width(), self.folding
        if self._lines is None or self._lines[0] != key:
            width = max(8, self.size.width - MARGINS)
            rows = rows_of(folded(self._pairs) if self.folding else self._pairs, width)
            path = clean(self._change.path) if self._change is not None else ""
            if len(path) > max(10, width - _PATH_ROOM):
                rows = [*wrap([(path, "key")], width), *rows]
            self._lines = key, rows
        return self._lines[1]

    def count(self) -> int:
        return len(self.lines())

    def line(self, index: int, _width: int) -> Line:
        return [(" ", "plain"), *self.lines()[index]]

    def cursor_index(self) -> int | None:
        return None

    def put_cursor(self, index: int) -> None:
        """There is none."""

    def clicked(self, index: int, event: events.Click) -> None:
        """A click gives it the keyboard, and nothing else."""

    def action_move(self, rows: int) -> None:
        """Scroll by that many rows."""
        self.scroll_rows(rows)

    def action_page(self, direction: int, part: int = 1) -> None:
        """Scroll by a page, or a part of it."""
        self.scroll_rows(direction * max(1, self.page // part - (1 if part == 1 else 0)))

    def action_first(self) -> None:
        """Scroll to the start."""
        self.scroll_rows(-self.count())

    def action_last(self) -> None:
        """Scroll to the end."""
        self.scroll_rows(self.count())

    def action_fold(self) -> None:
        """Fold what is the same on both sides, or show it."""
        self.folding = not self.folding
        self.refresh()

    def action_close(self) -> None:
        """Give the list the keyboard."""
        self.post_message(self.Closed())
