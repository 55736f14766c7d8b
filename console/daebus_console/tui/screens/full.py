"""What every screen that takes the whole terminal has in common: `?` tells its keys, and enter opens a row."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from daebus_console.tui.widgets.row_list import RowList


class FullScreen(Screen[None]):
    """Whoever inherits it binds its own keys; where enter opens a row, it says so with the action `open`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark", "help", "Help", key_display="?")]

    def action_help(self) -> None:
        """Tell the keys that do something now."""
        from daebus_console.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen.of(self))

    async def action_open(self) -> None:
        """Open the row that the cursor is on."""
        rows = self.focused
        index = rows.cursor_index() if isinstance(rows, RowList) else None
        if isinstance(rows, RowList) and index is not None:
            await rows.open_row(index)
