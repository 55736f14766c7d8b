"""A list of rows of one kind, each drawn by a function: figures, findings, groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.message import Message

from daebus_console.tui.rows.lines import Line
from daebus_console.tui.widgets.row_list import RowList


class FigureList(RowList):
    """Rows of one kind, drawn by a function; `same` tells of a row what remains when the rows are others."""

    class Moved(Message):
        """The cursor is on another row."""

    def __init__(self, draw: Any, hint: str, same: Callable[[Any], object] = id, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.rows: list[Any] = []
        self._draw = draw
        self._cursor = 0
        self._same = same
        self._used = False
        self.hint = hint
        """What stands there while there are no rows."""

    def take(self, rows: list[Any]) -> None:
        """Show these rows from now on. The cursor stays on its row, and that on the screen, wherever it stands now.

        Where nobody has been in the list yet, the first rows are shown, whichever they are.
        """
        before, seen = self.chosen() if self._used else None, self.in_sight()
        self.rows = rows
        if before is not None:
            same = self._same(before)
            self._cursor = next((index for index, row in enumerate(rows) if self._same(row) == same), self._cursor)
        if seen and rows:
            self.show_row(min(self._cursor, len(rows) - 1))
        self.refresh()

    def on_focus(self) -> None:
        """Somebody is in the list, and looks at the row under the cursor."""
        self._used = True

    def count(self) -> int:
        return len(self.rows)

    def line(self, index: int, width: int) -> Line:
        line: Line = self._draw(self.rows[index], width)
        return line

    def empty(self) -> list[Line]:
        return [[(f"   {self.hint}", "dim")]]

    def cursor_index(self) -> int | None:
        return min(self._cursor, len(self.rows) - 1) if self.rows else None

    def put_cursor(self, index: int) -> None:
        self._cursor = index

    def placed(self) -> None:
        self.post_message(self.Moved())

    def chosen(self) -> Any:
        """The row under the cursor, or None."""
        index = self.cursor_index()
        return None if index is None else self.rows[index]

    async def on_key(self, event: Any) -> None:
        """Enter opens the row."""
        if event.key == "enter" and self.chosen() is not None:
            event.stop()
            await self.open_row(self.cursor_index() or 0)
