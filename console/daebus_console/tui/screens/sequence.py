"""The sequence diagram: who said what to whom, in order; enter shows the exchange of an arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.strip import Strip

from daebus_console.engine.conversation.tree import Conversation
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.message.steady import Steady
from daebus_console.tui.look.measured import measured
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.rows.sequence import TIME, Step, column_width, head_line, participants, step_line, steps
from daebus_console.tui.screens.full import FullScreen
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.engine.session import Session
    from daebus_console.tui.base import BaseApp


class StepList(RowList):
    """The arrows. Left and right scroll where more take part than fit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Show the exchange"),
        Binding("left,h", "shift(-1)", "Left", show=False),
        Binding("right,l", "shift(1)", "Right", show=False),
    ]

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.steps: list[Step] = []
        self.names: list[str] = []
        self.first = 0
        self._cursor = 0
        self._hint = "Looking …"

    def draw(self, steps: list[Step]) -> None:
        """Show these."""
        self.steps, self.names = steps, participants(steps)
        self._hint = "Nothing to draw: select an exchange in the flow, or mark several with m."
        self.refresh()

    @property
    def column(self) -> int:
        """Cells a participant has."""
        return column_width(len(self.names), self.row_width())

    def count(self) -> int:
        return len(self.steps)

    def empty(self) -> list[Line]:
        return [[(f"   {self._hint}", "dim")]]

    def line(self, index: int, _width: int) -> Line:
        return step_line(self.steps[index], self.names, self.column, self.steps[0].at)

    def strip(self, line: Line, over: str, width: int) -> Strip:
        full = measured(super().strip(line, over, max(width, TIME + self.column * len(self.names))))
        if not self.first:
            return full.crop(0, width)
        offset = TIME + self.first * self.column
        shifted = Strip.join([full.crop(0, TIME), full.crop(offset, offset + width - TIME)])
        return shifted.adjust_cell_length(width, self.style_of("plain", over))

    def cursor_index(self) -> int | None:
        return self._cursor if self.steps else None

    def put_cursor(self, index: int) -> None:
        self._cursor = index

    def action_shift(self, columns: int) -> None:
        """Scroll sideways by a participant."""
        fitting = max(1, (self.row_width() - TIME) // self.column)
        self.first = max(0, min(len(self.names) - fitting, self.first + columns))
        self.screen.query_one("#sequence-head", SequenceHead).show_first(self.first)
        self.refresh()

    async def action_open(self) -> None:
        """Show the exchange of the arrow."""
        if self.steps:
            await self.open_row(self._cursor)


class SequenceHead(TitleLine):
    """The names over the columns."""

    def draw(self, names: Sequence[str], column: int, first: int) -> None:
        """Show the names from the first that is on the screen."""
        self.names, self.column = names, column
        self.show(head_line(names[first:], column))

    def show_first(self, first: int) -> None:
        """Begin with another name."""
        self.draw(self.names, self.column, first)


class SequenceScreen(FullScreen):
    """The diagram of what is marked (oldest first), or of what belongs to one exchange, as it stands now."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,D", "app.pop_screen", "Back to the flow")]

    app: BaseApp

    def __init__(self, session: Session, of: Sequence[Exchange] | Exchange) -> None:
        super().__init__()
        self.session = session
        self._of = of
        self.list = StepList(id="steps")
        self.head = SequenceHead(id="sequence-head")
        self.bar = TitleLine([(" Sequence ", "strong"), (" looking …", "dim")], classes="pane-title")

    def compose(self) -> ComposeResult:
        yield self.bar
        yield self.head
        yield self.list
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.on_resize()
        self._look()

    def _look(self) -> None:
        """Work out what is drawn: aside, for it is looked for among all that is remembered."""
        with self.session.lock:
            every = list(self.session.journal.exchanges)

        def work() -> tuple[list[Step], str]:
            exchanges, what, times = _found(self._of, every)
            drawn = steps(exchanges, times)
            span = drawn[-1].at - drawn[0].at if drawn else 0.0
            took = ", the clock stepped meanwhile" if times.has_stepped(exchanges) else f" in {fmt.duration(span)}"
            told = f"{fmt.plural(len(exchanges), 'exchange')}, {fmt.plural(len(drawn), 'message')}{took}"
            return drawn, f"{what}: {told}"

        def done(found: tuple[list[Step], str]) -> None:
            drawn, told = found
            self.bar.show([(" Sequence ", "strong"), (f" {told}", "name")])
            self.list.draw(drawn)
            self.on_resize()

        self.aside("sequence", work, done)

    def on_resize(self) -> None:
        """The columns depend on the width."""
        self.head.draw(self.list.names, self.list.column, self.list.first)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Go to the exchange of the arrow."""
        number = self.list.steps[event.index].number
        self.dismiss()
        if not self.app.main.select(number):
            self.app.main.notify(f"#{number} is not remembered any more", timeout=3)


def _found(of: Sequence[Exchange] | Exchange, every: Sequence[Exchange]) -> tuple[Sequence[Exchange], str, Steady]:
    """What is drawn, what that is, and by what clock it was: that has taken all of it, and the gaps between."""
    if isinstance(of, Exchange):
        conversation = Conversation(of, every)
        return conversation.exchanges(), f"#{of.number} and what belongs to it", conversation.times
    times = Steady()
    for exchange in every:
        if exchange.number >= of[0].number:
            times.at(exchange)
    return of, "what is marked", times
