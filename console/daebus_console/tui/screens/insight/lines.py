"""A screen of lines that are worked out aside, for that may take a million exchanges; enter goes where a line leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from daebus_console.render import Line as Spans
from daebus_console.tui.rows.lines import Line, in_roles
from daebus_console.tui.screens.full import FullScreen
from daebus_console.tui.widgets.figure_list import FigureList
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.engine.message.exchange import Exchange
    from daebus_console.engine.session import Session
    from daebus_console.tui.base import BaseApp

Row = tuple[Spans, Any]
"""A line, and where it leads; None where it leads nowhere."""


class LinesScreen(FullScreen):
    """Whoever inherits it says what to work out (`work_out`), how to `draw` it and where to `go` from a row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "app.pop_screen", "Back"),
        Binding("enter", "open", "Go where the line leads", show=False),
        Binding("R", "renew", "Look again"),
    ]
    NAME: ClassVar[str]
    HINT: ClassVar[str]
    """What enter does."""

    app: BaseApp

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.bar = TitleLine([(f" {self.NAME} ", "strong"), ("  looking …", "dim")], classes="pane-title")
        self.list = FigureList(lambda row, _width: in_roles(row[0]), "Looking …", id="insight")
        self._found: Any = None

    def compose(self) -> ComposeResult:
        yield self.bar
        yield self.list
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.action_renew()

    def action_renew(self) -> None:
        """Work it out from what is remembered now."""
        with self.session.lock:
            exchanges = list(self.session.journal.exchanges)
        self.aside("insight", lambda: self.work_out(exchanges), self._take, exclusive=True)

    def on_resize(self) -> None:
        """The lines depend on the width."""
        self.call_after_refresh(self._lay_out)

    def _take(self, found: Any) -> None:
        self._found = found
        self._lay_out()
        # The first line that leads anywhere is the first that one may want.
        leads = (index for index, (_line, leads_to) in enumerate(self.list.rows) if leads_to is not None)
        self.list.put_cursor(next(leads, 0))
        self.list.refresh()

    def _lay_out(self) -> None:
        if self._found is None:
            return
        self.list.rows = list(self.draw(self._found, max(40, self.list.row_width())))
        self.bar.show([(f" {self.NAME} ", "strong"), *self.told(self._found)], [(f" {self.HINT} ", "dim")])
        self.list.refresh()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Go where the line leads."""
        event.stop()
        leads_to = self.list.rows[event.index][1]
        if leads_to is not None:
            self.go(leads_to)

    def narrow(self, text: str) -> None:
        """Leave all that lies over the main screen, and show in its flow what that filter lets through."""
        self._to_main()
        self.app.main.narrow_to(text)

    def show(self, number: int) -> None:
        """The same for one exchange."""
        self._to_main()
        if not self.app.main.select(number):
            self.app.main.notify(f"#{number} is not remembered any more", timeout=3)

    def _to_main(self) -> None:
        main: object = self.app.main
        while self.app.screen is not main and len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def work_out(self, exchanges: Sequence[Exchange]) -> Any:
        """What is told, of all that is remembered. In another thread."""
        raise NotImplementedError

    def draw(self, found: Any, width: int) -> Sequence[Row]:
        """The lines."""
        raise NotImplementedError

    def told(self, found: Any) -> Line:
        """What the title says of it."""
        raise NotImplementedError

    def go(self, leads_to: Any) -> None:
        """Go where a line leads."""
        raise NotImplementedError
