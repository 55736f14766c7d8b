"""The flow: one row an exchange (or a message), newest at the end, following it or standing still."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.message import Message as Event
from textual.strip import Strip

from daebus_console.engine.exchange import Exchange, Flag, State
from daebus_console.tui.flow_model import Entry, FlowModel
from daebus_console.tui.lines import Line
from daebus_console.tui.rows import exchange_row, message_row
from daebus_console.tui.widgets.row_list import RowList

BUDGET = 0.02
"""Seconds a frame may spend on deciding which rows are shown."""


class FlowList(RowList):
    """The rows of a FlowModel. The selection is a number, not a place: it stays on its row whatever happens around it.

    `following` keeps the newest row on the screen; moving or scrolling up ends that. `clock` gives epoch seconds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Details"),
        Binding("f", "follow", "Follow"),
        Binding("space", "pause", "Pause"),
        Binding("b", "screen.by_message", "By message"),
        Binding("m", "mark", "Mark"),
        Binding("left_square_bracket", "problem(-1)", "Previous error", key_display="[", show=False),
        Binding("right_square_bracket", "problem(1)", "Next error", key_display="]"),
        Binding("apostrophe", "marked(1)", "Next mark", key_display="'", show=False),
        Binding("quotation_mark", "marked(-1)", "Previous mark", key_display='"', show=False),
    ]

    class Selected(Event):
        """Another exchange is selected, or none."""

        def __init__(self, exchange: Exchange | None) -> None:
            super().__init__()
            self.exchange = exchange

    class Moved(Event):
        """Following, pausing, the view or the number of rows changed: titles are to be written anew."""

    def __init__(self, model: FlowModel, lock: AbstractContextManager[object], clock: Any, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.model = model
        self.following = True
        self.paused = False
        self.selected: int | None = None
        self.hint: list[Line] = []
        self._lock = lock
        self._clock = clock
        self._anchor: int | None = None
        self._left_at = 0
        self._drawn = -1
        self._strips: LRUCache[int, Strip] = LRUCache(1000)
        self._entries: dict[int, Entry | None] = {}
        self._look: tuple[object, ...] = ()
        self._turning = False
        self._posted = 0.0

    # The frame -------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look whether anything is to be drawn anew. Called a fixed number of times a second; cheap when nothing is."""
        model = self.model
        if not self.paused:
            with self._lock:
                model.read()
            model.work(BUDGET, self._lock)
        for number in model.changed:
            self._strips.discard(number)
        if self.selected in model.changed:
            self.select(self.selected)
        model.changed.clear()
        if model.version != self._drawn:
            self._drawn = model.version
            self._settle()
            self.refresh()
            self.post_message(self.Moved())
        elif self._turning:
            self.refresh()

    def _settle(self) -> None:
        """After rows came and went: stay at the end, or at the row that stood at the top."""
        if self.following:
            self.top = self.bottom
        elif self._anchor is not None:
            self.top = min(self.model.rows.index(self._anchor), self.bottom)

    @property
    def new(self) -> int:
        """Rows that came since following ended."""
        return 0 if self.following else self.model.appended - self._left_at

    def use(self, model: FlowModel) -> None:
        """Show another model's rows."""
        self.model = model
        self._strips.clear()
        self._entries.clear()
        self._drawn = -1
        self.selected, self._anchor = None, None
        self.follow(True)

    def follow(self, on: bool) -> None:
        """Keep to the end from now on, or no longer."""
        if not on and self.following:
            self._left_at = self.model.appended
        self.following = on
        if on:
            self.top = self.bottom
        self._remember()
        self.refresh()
        self.post_message(self.Moved())

    def _remember(self) -> None:
        rows = self.model.rows
        self._anchor = rows[self.top] if not self.following and self.top < len(rows) else None

    # RowList ---------------------------------------------------------------------------------------------------

    def count(self) -> int:
        return len(self.model.rows)

    def empty(self) -> list[Line]:
        return self.hint

    def cursor_index(self) -> int | None:
        if self.selected is None or self.selected not in self.model.rows:
            return None
        return self.model.rows.index(self.selected)

    def put_cursor(self, index: int) -> None:
        self.select(self.model.rows[index])

    def scrolled(self) -> None:
        at_end = self.top >= self.bottom
        if self.following != at_end:
            self.follow(at_end)
        self._remember()

    def placed(self) -> None:
        if self.following:
            self.follow(False)
        self._remember()

    def action_move(self, rows: int) -> None:
        here = self.cursor_index()
        if rows > 0 and here == self.count() - 1:
            self.action_last()
        elif here is None and self.selected is not None:
            # The selected row is hidden or gone: go on from where it was.
            self.move_to(self.model.rows.index(self.selected) + (rows if rows < 0 else rows - 1))
        else:
            super().action_move(rows)

    def action_last(self) -> None:
        """Go to the newest row and stay with the newest."""
        self.select(None)
        self.follow(True)

    def prepare(self, first: int, last: int) -> None:
        look = (self.size.width, self.has_focus, self.selected, id(self.model))
        if look != self._look:
            self._look = look
            self._strips.clear()
        self._turning = False
        rows = self.model.rows
        with self._lock:
            self._entries = {number: self.model.entry(number) for number in (rows[i] for i in range(first, last))}

    def row_strip(self, index: int) -> Strip:
        number = self.model.rows[index]
        strip = self._strips.get(number)
        if strip is None:
            strip = super().row_strip(index)
            entry = self._entries.get(number)
            if entry is not None and (entry[0].state is State.PENDING or entry[0].state is State.GAP):
                self._turning = True
            else:
                self._strips.set(number, strip)
        return strip

    def line(self, index: int, width: int) -> Line:
        entry = self._entries.get(self.model.rows[index])
        if entry is None:
            return []
        exchange, message = entry
        if message is not None:
            return message_row(message, exchange, width, self._clock())
        return exchange_row(exchange, width, self._clock())

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    # What keys do ----------------------------------------------------------------------------------------------

    def select(self, number: int | None) -> None:
        """Select that row (an exchange's number, or a message's `seq`), or none."""
        self.selected = number
        entry = None
        if number is not None:
            with self._lock:
                entry = self.model.entry(number)
        self.post_message(self.Selected(entry[0] if entry else None))
        self.refresh()

    def go_to(self, index: int) -> None:
        """Select a row and show it a little way off the edge."""
        self.put_cursor(index)
        self.top = max(0, min(index - self.page // 3, self.bottom)) if not self._on_screen(index) else self.top
        self.placed()
        self.refresh()

    def _on_screen(self, index: int) -> bool:
        return self.top <= index < self.top + self.page

    def action_open(self) -> None:
        """Look inside the selected row."""
        index = self.cursor_index()
        if index is None:
            self.action_move(-1)
        else:
            self.post_message(self.Chosen(self, index))

    def action_follow(self) -> None:
        """Keep the newest on the screen, or stand still."""
        self.follow(not self.following)

    def action_pause(self) -> None:
        """Freeze the view, or go on with what has come meanwhile."""
        self.paused = not self.paused
        self.post_message(self.Moved())

    def action_mark(self) -> None:
        """Mark the selected exchange, or take its mark away."""
        if self.selected is None:
            return
        with self._lock:
            entry = self.model.entry(self.selected)
            if entry is not None:
                entry[0].flags ^= Flag.MARKED
                self.model.journal.touch(entry[0])
        self._strips.clear()
        self.refresh()

    def action_problem(self, direction: int) -> None:
        """Go to the next or previous exchange that went wrong."""
        wrong = (State.ERROR, State.TIMEOUT, State.UNKNOWN, State.ORPHAN)
        self._seek(direction, lambda exchange: exchange.state in wrong, "No error further that way")

    def action_marked(self, direction: int) -> None:
        """Go to the next or previous marked exchange."""
        self._seek(direction, lambda exchange: bool(exchange.flags & Flag.MARKED), "No mark further that way")

    def _seek(self, direction: int, wanted: Any, otherwise: str) -> None:
        rows = self.model.rows
        here = self.cursor_index()
        if here is None:
            here = -1 if direction > 0 and not self.following else len(rows)
        index = here + direction
        with self._lock:
            while 0 <= index < len(rows):
                entry = self.model.entry(rows[index])
                if entry is not None and wanted(entry[0]) and rows[index] != self.selected:
                    break
                index += direction
        if 0 <= index < len(rows):
            self.go_to(index)
        else:
            self.notify(otherwise, timeout=2)
