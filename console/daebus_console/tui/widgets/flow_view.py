"""The rows of the flow: kept up with the model once a frame, following the newest or standing still, in any order."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from textual.cache import LRUCache
from textual.message import Message as Event
from textual.strip import Strip

from daebus_console import dates
from daebus_console.engine.insight.usual import Unlike
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.tui.flow.model import Entry, FlowModel, Newest, Place
from daebus_console.tui.flow.order import NewestFirst, Rows, slowest_first
from daebus_console.tui.rows.exchanges import Marks, exchange_row, message_row
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.widgets.row_list import RowList

OLDEST, NEWEST, SLOWEST = "newest last", "newest first", "slowest first"
ORDERS = (OLDEST, NEWEST, SLOWEST)
RANK_EVERY = 1.0
"""Seconds between two rankings of a flow that goes on."""

BUDGET = 0.02
"""Seconds a frame may spend on deciding which rows are shown."""


class FlowView(RowList):
    """The rows of a FlowModel. The selection is a number, not a place: it stays on its row whatever happens around it.

    `following` keeps the newest row on the screen; moving or scrolling up ends that. `clock` gives epoch seconds.
    """

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
        self.paused_at: Place | None = None
        """Where it holds still: nothing behind that place is shown. None while it goes on."""
        self.selected: int | None = None
        self.hint: list[Line] = []
        """What to do next where it shows no message."""
        self.gaps_alone = True
        """Whether no row is a message."""
        self.dated = False
        """Whether the date is always shown: of a capture nobody knows it."""
        self.date = ""
        """The date of the first row, where it is to be shown."""
        self.finding_of: Callable[[int], str] = lambda _number: ""
        """The role of the mark on the row of an exchange for which something was found; empty for none."""
        self.rule_of: Callable[[Exchange], str] = lambda _exchange: ""
        """The sign of a debugger's rule that is for such exchanges, or of being held; empty for none."""
        self.unlike: Callable[[Exchange], Unlike | None] = lambda _exchange: ()
        """Where an exchange is not like the others of its action; None where that is not known yet."""
        self._unjudged = False
        self._lock = lock
        self._clock = clock
        self._anchor: tuple[int, int] | None = None
        """A row, and how far below the top it stays: the selected one where it is in sight, else that at the top."""
        self._newest = Newest(0, 0)
        self._drawn = -1
        self._strips: LRUCache[int, tuple[str, Strip]] = LRUCache(1000)
        self._entries: dict[int, Entry | None] = {}
        self._look: tuple[object, ...] = ()
        self._turning = False
        self.order = OLDEST
        self.rows: Rows = model.rows
        self._ranked_at = 0.0
        self._ranked: tuple[int, int] = (-1, -1)
        """Of which state of the model, and by which choice of what is to be seen, the rows were ranked last."""

    # The frame -------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look whether anything is to be drawn anew. Called a fixed number of times a second; cheap when nothing is."""
        model = self.model
        with self._lock:
            model.read(self.paused_at)
        model.work(BUDGET, self._lock)
        for number in model.changed:
            self._strips.discard(number)
        if self.selected in model.changed:
            self.select(self.selected)
        model.changed.clear()
        ranks = self._is_to_be_ranked()
        if model.version != self._drawn or ranks:
            self._drawn = model.version
            if self.order != SLOWEST or ranks:
                self._arrange()
            self._settle()
            self.refresh()
            self.post_message(self.Moved())
        elif self._turning:
            self.refresh()

    @property
    def paused(self) -> bool:
        """Whether it holds still."""
        return self.paused_at is not None

    def held_back(self) -> tuple[int, int]:
        """How many rows have come since it holds still, and how many of them would be shown."""
        if not self.paused:
            return 0, 0
        with self._lock:
            return self.model.unread, self.model.behind()

    def looked_at(self) -> int:
        """How many rows there would be with nothing hidden: of what it holds back, too, but not of what just came."""
        with self._lock:
            total = self.model.total if self.paused else self.model.decided
        return total - (self.count() if self.gaps_alone else 0)

    def redraw(self) -> None:
        """Draw all rows anew: what they say beside their exchange has changed."""
        self._strips.clear()
        self.refresh()

    def _is_to_be_ranked(self) -> bool:
        """Whether the slowest may be others by now: at once where others are to be seen, else after a while."""
        if self.order != SLOWEST or self._ranked[0] == self.model.version:
            return False
        soon = self._ranked[1] != self.model.visibility.version
        return soon or time.monotonic() - self._ranked_at >= RANK_EVERY

    def _arrange(self) -> None:
        """Have the rows in the chosen order."""
        rows = self.model.rows
        if self.order == SLOWEST:
            self._ranked_at = time.monotonic()
            self._ranked = self.model.version, self.model.visibility.version
            with self._lock:
                self.rows = slowest_first(self.model, self._clock())
        else:
            self.rows = NewestFirst(rows) if self.order == NEWEST else rows

    def set_order(self, order: str) -> None:
        """Show the rows in another of the ORDERS; the selected one stays on the screen where nothing is followed."""
        self.order = order
        self._arrange()
        here = None if self.following else self.cursor_index()
        if here is not None:
            self.top = max(0, min(here - self.page // 3, self.bottom))
            self.follow(False)
            self._remember()
            return
        self.top = 0
        self.follow(order != SLOWEST)

    @property
    def end(self) -> int:
        """Where `top` is when the newest are on the screen."""
        return self.bottom if self.order == OLDEST else 0

    def _settle(self) -> None:
        """After rows came and went: stay at the end, or have what is looked at where it was."""
        if self.following:
            self.top = self.end
        elif self._anchor is not None and self._has_place(self._anchor[0]):
            number, below = self._anchor
            self.top = max(0, min(self.rows.index(number) - below, self.bottom))

    def _has_place(self, number: int) -> bool:
        """Whether it is known where that row is, or would be: by rank only those that are there have a place."""
        return self.order != SLOWEST or number in self.rows

    def keep_in_view(self, index: int | None) -> None:
        if self.following:
            self.top = self.end
            return
        before = self.top
        super().keep_in_view(index)
        if self.top != before:
            # Else what is to stay where it is does so, also where a filter has not come to it yet.
            self._remember()

    @property
    def digits(self) -> int:
        """Of the greatest number that a row has."""
        return len(str(self.model.newest.exchange))

    @property
    def new(self) -> int:
        """Rows that came since following ended."""
        return 0 if self.following else self.model.newer_than(self._newest)

    def use(self, model: FlowModel) -> None:
        """Show another model's rows, with the same exchange selected."""
        entry = None
        if self.selected is not None:
            with self._lock:
                entry = self.model.entry(self.selected)
        following = self.following
        self.model = model
        self._strips.clear()
        self._entries.clear()
        self._drawn = -1
        self.selected, self._anchor = None, None
        self._arrange()
        self.tick()
        if entry is not None:
            number = entry[0].opened.seq if model.by_message else entry[0].number
            if number in self.rows and not following:
                self.follow(False)
                self.go_to(self.rows.index(number))
                return
            self.selected = number
        self.follow(following)

    def follow(self, on: bool) -> None:
        """Keep to the end from now on, or no longer."""
        if not on and self.following:
            self._newest = self.model.newest
        self.following = on
        if on:
            self.top = self.end
        self._remember(at_top=True)
        self.refresh()
        self.post_message(self.Moved())

    def _remember(self, *, at_top: bool = False) -> None:
        """What is looked at stays where it is; `at_top` of the slowest that place is meant, and not what is in it."""
        rows, here, top = self.rows, self.cursor_index(), self.top
        if self.following or top >= len(rows) or (at_top and self.order == SLOWEST and not top):
            self._anchor = None
        elif here is not None and self.in_sight():
            self._anchor = rows[here], here - top
        else:
            self._anchor = rows[top], 0

    # RowList ---------------------------------------------------------------------------------------------------

    def count(self) -> int:
        return len(self.rows)

    def empty(self) -> list[Line]:
        return self.hint

    def below(self) -> list[Line]:
        return self.hint if self.gaps_alone else []

    def cursor_index(self) -> int | None:
        if self.selected is None or self.selected not in self.rows:
            return None
        return self.rows.index(self.selected)

    def put_cursor(self, index: int) -> None:
        self.select(self.rows[index])

    def scrolled(self) -> None:
        at_end = self.order != SLOWEST and self.top == self.end
        if self.following != at_end:
            self.follow(at_end)
        self._remember(at_top=True)

    def placed(self) -> None:
        if self.following:
            self.follow(False)
        self._remember()

    def action_move(self, rows: int) -> None:
        here = self.cursor_index()
        edge = {OLDEST: (1, self.count() - 1), NEWEST: (-1, 0)}.get(self.order)
        if edge == (rows, here):
            self.follow_newest()
        elif here is None and self.selected is not None and self._has_place(self.selected):
            # The selected row is hidden or gone: go on from where it was.
            self.move_to(self.rows.index(self.selected) + (rows if rows < 0 else rows - 1))
        else:
            super().action_move(rows)

    def follow_newest(self) -> None:
        """Select nothing, and stay with the newest."""
        self.select(None)
        self.follow(True)

    def action_last(self) -> None:
        """Go to the last row; where that is the newest, stay with the newest."""
        if self.order == OLDEST:
            self.follow_newest()
        else:
            super().action_last()

    def action_first(self) -> None:
        """Go to the first row; where that is the newest, stay with the newest."""
        if self.order == NEWEST:
            self.follow_newest()
        else:
            super().action_first()

    def prepare(self, first: int, last: int) -> None:
        look = (self.size.width, self.has_focus, self.selected, id(self.model), self.digits)
        if look != self._look:
            self._look = look
            self._strips.clear()
        self._turning = False
        rows = self.rows
        with self._lock:
            # One more, since a row tells what of the date has changed since the one above it.
            numbers = [rows[i] for i in range(max(0, first - 1), last)]
            self._entries = {number: self.model.entry(number) for number in numbers}
        found = [entry[0].kind for entry in self._entries.values() if entry is not None]
        self.gaps_alone = len(rows) == len(found) and all(kind is Kind.GAP for kind in found)
        self._tell_date(first)

    def _tell_date(self, first: int) -> None:
        """Have the date over the times, where the first row's is not that of now."""
        at = self._at(first) if first < len(self.rows) else None
        date = "" if at is None else dates.date(at)
        if not self.dated and date == dates.date(self._clock()):
            date = ""
        if date != self.date:
            self.date = date
            self.post_message(self.Moved())

    def _at(self, index: int) -> float | None:
        """When that happened what the row shows; None where it is gone, or not near those that are drawn."""
        entry = self._entries.get(self.rows[index]) if index >= 0 else None
        return None if entry is None else (entry[1] or entry[0].opened).at

    def _turn(self, index: int) -> str:
        """What of the date is no longer as in the row above."""
        before, at = self._at(index - 1), self._at(index)
        return "" if before is None or at is None else dates.change(before, at)

    def row_strip(self, index: int) -> Strip:
        number = self.rows[index]
        turn = self._turn(index)
        kept = self._strips.get(number)
        if kept is not None and kept[0] == turn:
            return kept[1]
        self._unjudged = False
        strip = super().row_strip(index)
        entry = self._entries.get(number)
        if entry is not None and (entry[0].state in (State.PENDING, State.GAP) or self._unjudged):
            self._turning = True
        else:
            self._strips.set(number, (turn, strip))
        return strip

    def line(self, index: int, width: int) -> Line:
        entry = self._entries.get(self.rows[index])
        if entry is None:
            return []
        exchange, message = entry
        unlike = self.unlike(exchange)
        self._unjudged = unlike is None
        turn = self._turn(index)
        marks = Marks(self.finding_of(exchange.number), self.rule_of(exchange), bool(unlike))
        if message is not None:
            return message_row(message, exchange, width, self._clock(), turn, marks, self.digits)
        return exchange_row(exchange, width, self._clock(), turn, marks, self.digits)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    # Selecting ----------------------------------------------------------------------------------------------------

    def select(self, number: int | None) -> None:
        """Select that row (an exchange's number, or a message's `seq`), or none."""
        self.selected = number
        entry = None
        if number is not None:
            with self._lock:
                entry = self.model.entry(number)
        self.post_message(self.Selected(entry[0] if entry else None))
        self.refresh()

    def leave_for(self, exchange: Exchange) -> None:
        """Select no row, for an exchange that is in none (a filter hides it, the view is frozen) and is looked at."""
        self.selected = None
        self.post_message(self.Selected(exchange))
        self.refresh()

    def point_at(self, exchange: Exchange) -> None:
        """Select an exchange without ceasing to follow."""
        self.select(exchange.opened.seq if self.model.by_message else exchange.number)

    def go_to(self, index: int) -> None:
        """Select a row and show it a little way off the edge."""
        self.put_cursor(index)
        self.top = max(0, min(index - self.page // 3, self.bottom)) if not self._on_screen(index) else self.top
        self.placed()
        self.refresh()

    def _on_screen(self, index: int) -> bool:
        return self.top <= index < self.top + self.page
