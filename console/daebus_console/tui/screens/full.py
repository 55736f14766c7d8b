"""What every screen that takes the whole terminal has in common: `?` tells its keys, and enter opens a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType

from daebus_console.tui.leaving import LeftOnce
from daebus_console.tui.widgets.row_list import RowList

_Found = TypeVar("_Found")


class FullScreen(LeftOnce[None]):
    """Whoever inherits it binds its own keys; where enter opens a row, it says so with the action `open`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark", "help", "Help", key_display="?")]

    def action_help(self) -> None:
        """Tell the keys that do something now."""
        from daebus_console.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen.of(self))

    def aside(
        self, group: str, work: Callable[[], _Found], done: Callable[[_Found], object], *, exclusive: bool = False
    ) -> None:
        """Work something out on a thread, and hand it on here: keys and the tap go on meanwhile.

        Where it is `exclusive`, what was begun before in that group is of no interest any more.
        """
        app = self.app

        def found() -> None:
            app.call_from_thread(done, work())

        self.run_worker(found, thread=True, group=group, exclusive=exclusive, exit_on_error=False)

    async def action_open(self) -> None:
        """Open the row that the cursor is on."""
        rows = self.focused
        index = rows.cursor_index() if isinstance(rows, RowList) else None
        if isinstance(rows, RowList) and index is not None:
            await rows.open_row(index)
