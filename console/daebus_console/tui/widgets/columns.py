"""The names over the columns of the flow, each over its column at any width, from the moment on when it has that."""

from __future__ import annotations

from typing import Any

from textual.strip import Strip

from daebus_console.tui.rows.exchanges import heading
from daebus_console.tui.widgets.title import TitleLine


class ColumnNames(TitleLine):
    """One line, as wide as the rows below it and their scroll bar."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._of = "", 0

    def over(self, date: str, digits: int) -> None:
        """Stand over rows with that date (empty for none), and with numbers of so many digits, from now on."""
        if (date, digits) != self._of:
            self._of = date, digits
            self.refresh()

    def render_line(self, y: int) -> Strip:
        date, digits = self._of
        self.left = heading(max(1, self.size.width - 1), date=date, digits=digits)
        return super().render_line(y)
