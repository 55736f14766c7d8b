"""The conversation that an exchange belongs to, over one time axis, as it goes on; enter shows what a row is of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from daebus_console.commands.doing.looking.tracing import head_of, lines_of
from daebus_console.commands.under_way import UnderWay, under_way
from daebus_console.engine.conversation.tree import Conversation
from daebus_console.engine.conversation.waterfall import waterfall
from daebus_console.engine.message.exchange import State
from daebus_console.render import Line as Spans
from daebus_console.text import clean
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.screens.full import FullScreen
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.engine.holding.desk import Held
    from daebus_console.engine.message.exchange import Exchange
    from daebus_console.engine.session import Session
    from daebus_console.tui.base import BaseApp

STEPS = " F11 into  F10 over  ⇧F11 out  F8 run "
"""The keys that step, where there is something to step from."""
_EVERY = 0.5
_OPEN = (State.PENDING, State.TIMEOUT)
_ROLES = {"": "plain", "bold": "strong", "key": "action"}
_LEGEND = "█ handler  ▞ queue  ░ on the way  ▒ not told apart  ╌ unanswered  ≈ own clock"


class WaterfallList(RowList):
    """The rows of the drawing, those of an exchange bearing its number."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open", "Show the exchange")]

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.lines: list[tuple[int, Line]] = []
        self._cursor = 0

    def draw(self, lines: list[tuple[int, Line]]) -> None:
        """Show other lines; the cursor stays on that of its exchange, and in sight."""
        number = self.lines[self._cursor][0] if self._cursor < len(self.lines) else 0
        seen, before = self.in_sight(), self._rows_of(number)
        self.lines = lines
        if number and (rows := self._rows_of(number)):
            self._cursor = rows[min(before.index(self._cursor), len(rows) - 1)]
        self._cursor = min(self._cursor, max(0, len(lines) - 1))
        if seen and lines:
            self.show_row(self._cursor)
        self.refresh()

    def _rows_of(self, number: int) -> list[int]:
        return [index for index, (of, _line) in enumerate(self.lines) if of == number]

    def start_at(self, number: int) -> None:
        """Put the cursor on the first row of that exchange."""
        self._cursor = next(iter(self._rows_of(number)), 0)
        self.show_row(self._cursor)

    def count(self) -> int:
        return len(self.lines)

    def line(self, index: int, _width: int) -> Line:
        return self.lines[index][1]

    def empty(self) -> list[Line]:
        return [[("   Looking …", "dim")]]

    def cursor_index(self) -> int | None:
        return self._cursor if self.lines else None

    def put_cursor(self, index: int) -> None:
        self._cursor = index

    async def action_open(self) -> None:
        """Show the exchange of the row."""
        if self.lines:
            await self.open_row(self._cursor)


class ConversationScreen(FullScreen):
    """The waterfall of one conversation, looked at again twice a second."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,V", "app.pop_screen", "Back to the flow")]

    app: BaseApp

    def __init__(self, session: Session, start: Exchange) -> None:
        super().__init__()
        self.session = session
        self.bar = TitleLine([(" Conversation ", "strong"), (" looking …", "dim")], classes="pane-title")
        self.list = WaterfallList(id="waterfall")
        self.conversation: Conversation | None = None
        """None until it is worked out."""
        self._start = start
        self._told = self._last = 0
        self._looking = False
        self._next = 0.0
        self._drawn = 0
        """The width for which it is drawn as it will stay; 0 while that may change."""
        self._stood = Standing()

    def _look(self) -> None:
        """Work out the conversation of all that is remembered, with what services told up to now: aside, for that may
        be a million exchanges."""
        session = self.session
        with session.lock:
            exchanges = list(session.journal.exchanges)
            told = session.telling.version
        self._looking = True

        def work() -> tuple[Conversation, float]:
            begun = time.monotonic()
            found = Conversation(self._start, exchanges, session.telling.links(exchanges))
            return found, time.monotonic() - begun

        def done(found: tuple[Conversation, float]) -> None:
            first = self.conversation is None
            (self.conversation, took), self._told, self._looking = found, told, False
            self._last = exchanges[-1].number if exchanges else 0
            # What takes long is not done again and again.
            self._next = time.monotonic() + 10 * took
            self._drawn = 0
            self.renew()
            if first:
                self.list.start_at(self._start.number)

        self.aside("conversation", work, done)

    def compose(self) -> ComposeResult:
        yield self.bar
        yield self.list
        yield TitleLine([(f" {_LEGEND}", "dim")])
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.call_after_refresh(self._look)
        self.set_interval(_EVERY, self.renew)

    def on_resize(self) -> None:
        """The bars depend on the width."""
        self.call_after_refresh(self.renew)

    def renew(self) -> None:
        """Take what has come, and draw how it stands, where that is not what is drawn already."""
        conversation = self.conversation
        if conversation is None:
            return
        width = max(30, self.list.row_width())
        with self.session.lock:
            debugging = under_way(self.session)
            stands = standing(debugging)
            exchanges = self.session.journal.exchanges
            grown = conversation.grow(exchanges.between(self._last + 1, exchanges.last))
            self._last = max(self._last, exchanges.last)
            more = self.session.telling.version != self._told
            if more and not self._looking and time.monotonic() >= self._next:
                self._look()
            if not grown and self._drawn == width and stands == self._stood:
                return
            self._stood = stands
            places = dict(stands.places)
            found = waterfall(conversation, self.session.clock())
            drawn = [
                (number, _in_roles(spans))
                for number, spans in lines_of(
                    found, width, self.app.redact, lambda one: places.get(one.request_id or "", "")
                )
            ]
        # While one of them is open, or may be answered late, the next look may find another picture.
        self._drawn = 0 if any(row.exchange and row.exchange.state in _OPEN for row in found.rows) else width
        self.list.draw(drawn)
        self.bar.show([(" Conversation ", "strong"), *_in_roles(head_of(conversation, found))], stands.next)

    @property
    def chosen(self) -> Held | None:
        """What is held of the row under the cursor, else where the last step has come to, else the oldest of it all."""
        index, debugging = self.list.cursor_index(), under_way(self.session)
        keeper, stepper = debugging.keeper, debugging.stepper
        if keeper is None or stepper is None or self.conversation is None:
            return None
        number = self.list.lines[index][0] if index is not None else 0
        with self.session.lock:
            rows = {one.request_id: one.number for one in self.conversation.exchanges() if one.request_id is not None}
            # A call that has yet to leave has no row; it belongs to that of its parent.
            found = [
                (one, rows.get(one.first.id or "") or rows.get(one.first.parent or "")) for one in keeper.desk.held()
            ]
            at = stepper.at
        here = [(one, row) for one, row in found if row is not None]
        # Of equals the first is taken, which has been held for longest.
        best = min(here, key=lambda pair: (pair[1] != number, pair[0].number != at), default=None)
        return None if best is None else best[0]

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Go to the exchange of the row."""
        number = self.list.lines[event.index][0]
        if not number:
            return
        self.dismiss()
        if not self.app.main.select(number):
            self.app.main.notify(f"#{number} is not remembered any more", timeout=3)


class Standing(NamedTuple):
    """Where a debugger stands: how which request is held, by its id, and what comes `next`."""

    places: tuple[tuple[str, str], ...] = ()
    next: Line = []  # noqa: RUF012  # replaced, never changed


def standing(debugging: UnderWay) -> Standing:
    """Where the debugger of the session stands. Hold the session's lock."""
    keeper, stepper = debugging.keeper, debugging.stepper
    if keeper is None or stepper is None:
        return Standing()
    from daebus_console.engine.holding.words import stage

    held = keeper.desk.held()
    places = [
        (one.first.id, f"H{one.number} held: {stage(one.first)}" + ("  ◀ here" if one.number == stepper.at else ""))
        for one in held
        if one.first.id is not None
    ]
    if stepper.awaited:
        return Standing(tuple(places), [(f" next: {clean(stepper.awaited)} ", "wait")])
    if held:
        return Standing(tuple(places), [(STEPS, "dim")])
    return Standing()


def _in_roles(spans: Spans) -> Line:
    """A line of the other faces in the roles of the screen."""
    return [(clean(span.text), _ROLES.get(span.style, span.style)) for span in spans]
