"""The flow with its keys: opening, marking, going to errors and to the other end of a pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.tui.documents.exchange import TABS
from daebus_console.tui.flow.seek import at_time, is_marked, other_end, seek, went_wrong
from daebus_console.tui.titles.hints import SELECT_FIRST
from daebus_console.tui.widgets.detail_pane import DetailPane
from daebus_console.tui.widgets.flow_view import OLDEST, ORDERS, SLOWEST, FlowView


class FlowList(FlowView):
    """What the user does to the flow."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Details"),
        *(Binding(str(key), f"tab({key - 1})", f"Tab {name}", show=False) for key, name in enumerate(TABS, 1)),
        Binding("f", "follow", "Follow", show=False),
        Binding("space", "pause", "Pause"),
        Binding("b", "screen.by_message", "By message", show=False),
        Binding("m", "mark", "Mark", show=False),
        Binding("left_square_bracket", "problem(-1)", "Previous error", key_display="[", show=False),
        Binding("right_square_bracket", "problem(1)", "Next error", key_display="]"),
        Binding("apostrophe", "marked(1)", "Next mark", key_display="'", show=False),
        Binding("quotation_mark", "marked(-1)", "Previous mark", key_display='"', show=False),
        Binding("p", "pair", "Other end of the pair, or what caused it", show=False),
        Binding("o", "order", "Order: newest last, newest first, slowest first", show=False),
    ]

    async def action_open(self) -> None:
        """Look inside the selected row."""
        index = self.cursor_index()
        if index is None:
            self.action_move(-1)
        else:
            await self.open_row(index)

    def action_tab(self, number: int) -> None:
        """Show a tab of the detail, whose names have these keys."""
        pane = self.screen.query_one(DetailPane)
        pane.display = True
        pane.action_tab(number)

    def action_follow(self) -> None:
        """Keep the newest on the screen, or stand still."""
        wanted = not self.following
        if self.order == SLOWEST:
            self.action_order()
        self.follow(wanted)

    def action_pause(self) -> None:
        """Freeze the view, or go on with what has come meanwhile."""
        self.paused_at = None if self.paused else self.model.place
        self.post_message(self.Moved())

    def action_mark(self) -> None:
        """Mark the selected exchange, or take its mark away."""
        if self.selected is None:
            self.notify(SELECT_FIRST, timeout=2)
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
        self._seek(direction, went_wrong, "No error further that way")

    def action_marked(self, direction: int) -> None:
        """Go to the next or previous marked exchange."""
        self._seek(direction, is_marked, "No mark further that way")

    def _seek(self, direction: int, wanted: Callable[[Exchange], bool], otherwise: str) -> None:
        rows, here = self.rows, self.cursor_index()
        if here is None:
            # Where the newest is followed, the newest such one is meant, whichever way.
            if self.following:
                direction = -1 if self.order == OLDEST else 1
            here = -1 if direction > 0 else len(rows)
        with self._lock:
            found = seek(self.model, rows, here, direction, wanted, self.selected)
        if found is None:
            self.notify(otherwise, timeout=2)
        else:
            self.go_to(found)

    def action_pair(self) -> None:
        """Go to the other end: from request to answer and back, or to the exchange that caused this one."""
        if self.selected is None:
            self.notify(SELECT_FIRST, timeout=2)
            return
        with self._lock:
            number = other_end(self.model, self.selected)
        if number is None:
            self.notify("There is no other end to go to", timeout=2)
        elif number in self.rows:
            self.go_to(self.rows.index(number))
        else:
            self.notify("The other end is hidden, by /, X, c or K", timeout=2)

    def go_to_time(self, at: float) -> bool:
        """Go to the first row from that time (epoch seconds) on; False where there are no rows."""
        with self._lock:
            number = at_time(self.model, at)
        if number is None or number not in self.rows:
            return False
        self.go_to(self.rows.index(number))
        return True

    def action_order(self) -> None:
        """Go through the orders: newest last, newest first, slowest first."""
        self.set_order(ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)])
        self.notify(f"Order: {self.order}", timeout=2)
