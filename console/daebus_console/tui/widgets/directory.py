"""The directory: who is on the bus. Enter or a click narrows the flow to it, left and right fold."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType

from daebus_console.engine.directory import Directory
from daebus_console.engine.entries import ServiceEntry
from daebus_console.engine.figures.histogram import Histogram
from daebus_console.engine.figures.stats import Stats
from daebus_console.engine.message.envelope import CONTROL_PREFIX
from daebus_console.tui.messages import Narrow, Prefill
from daebus_console.tui.rows.directory import DirectoryRow, directory_rows, row_line
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.widgets.keys_in_order import told
from daebus_console.tui.widgets.row_list import RowList


class DirectoryList(RowList):
    """The rows of a Directory, read anew by `reload`. The cursor stays on its entry when rows come and go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "narrow", "Only this"),
        Binding("right,l", "fold(True)", "Unfold", key_display="→"),
        Binding("left,h", "fold(False)", "Fold", key_display="←", show=False),
        Binding("space", "turn", "Fold or unfold", show=False),
        Binding("r", "request", "Request"),
    ]

    def __init__(
        self, directory: Directory, stats: Stats, lock: AbstractContextManager[object], clock: Any, **keywords: Any
    ) -> None:
        super().__init__(**keywords)
        self.directory = directory
        self.rows: list[DirectoryRow] = []
        self.opened: set[str] = set()
        self.hint: Callable[[int], list[Line]] = lambda _width: []
        """What is said where there is nobody, in lines of that width."""
        self.rule_of: Callable[[DirectoryRow], str] = lambda _row: ""
        """The sign of a debugger's rule on that service or action; empty for none."""
        self._stats = stats
        self._p95s: dict[str, tuple[float, float | None]] = {}
        self._lock = lock
        self._clock = clock
        self._cursor: tuple[str, str, str] | None = None
        self._lines: dict[int, Line] = {}

    def reload(self) -> None:
        """Read who is there, and draw it. Who comes or goes above moves nothing of what is looked at."""
        rows, seen = self.rows, self.in_sight()
        at_top = rows[self.top].key if 0 < self.top < len(rows) else None
        with self._lock:
            self.rows = directory_rows(self.directory, self.opened)
        self.top = next((index for index, row in enumerate(self.rows) if row.key == at_top), self.top)
        if seen and (here := self.cursor_index()) is not None:
            self.show_row(here)
        self.refresh()

    def on_screen(self) -> list[str]:
        """The channels of what can be seen of it now."""
        names: list[str] = []
        for row in self.rows[self.top : self.top + self.page]:
            if row.kind == "service":
                names += [CONTROL_PREFIX + row.name, row.name]
            elif row.kind == "channel":
                names.append(row.name)
        return names

    def count(self) -> int:
        return len(self.rows)

    def empty(self) -> list[Line]:
        return self.hint(self.size.width)

    def prepare(self, first: int, last: int) -> None:
        width, now = self.row_width(), self._clock()
        with self._lock:
            polled = self.directory.polled is not None
            self._lines = {
                index: row_line(
                    self.rows[index],
                    width,
                    now,
                    self.opened,
                    self._p95,
                    polled=polled,
                    rule=self.rule_of(self.rows[index]),
                )
                for index in range(first, last)
            }

    def _p95(self, service: ServiceEntry) -> float | None:
        """The 95th percentile of all its actions together, reckoned once a second."""
        now = self._clock()
        known = self._p95s.get(service.name)
        if known is None or now - known[0] >= 1.0:
            together = Histogram()
            for action in service.actions:
                together.merge(self._stats.histogram(service.name, action))
            known = self._p95s[service.name] = (now, together.quantiles((0.95,))[0])
        return known[1]

    def line(self, index: int, _width: int) -> Line:
        return self._lines.get(index, [])

    def cursor_index(self) -> int | None:
        if self._cursor is None:
            return None
        return next((index for index, row in enumerate(self.rows) if row.key == self._cursor), None)

    def put_cursor(self, index: int) -> None:
        self._cursor = self.rows[index].key

    def row(self) -> DirectoryRow | None:
        """The row the cursor is on."""
        index = self.cursor_index()
        return None if index is None else self.rows[index]

    def clicked(self, index: int, event: events.Click) -> None:
        super().clicked(index, event)
        row = self.rows[index]
        if row.kind == "service" and event.x < 2:
            self.action_turn()
        else:
            self.action_narrow()

    def action_narrow(self) -> None:
        """Show only what concerns it; once more: everything."""
        row = self.row()
        if row is not None and row.term is not None:
            self.post_message(Narrow(row.term))

    def action_fold(self, unfold: bool) -> None:
        """Show or hide what is inside of the service."""
        row = self.row()
        if row is None:
            return
        name = row.name if row.kind == "service" else row.service
        if not name:
            return
        if unfold:
            self.opened.add(name)
        else:
            self.opened.discard(name)
            self._cursor = ("service", "", name)
        self.reload()
        index = self.cursor_index()
        if index is not None:
            self.show_row(index)

    def action_turn(self) -> None:
        """Show what is inside of the service, or hide it."""
        row = self.row()
        if row is not None:
            self.action_fold((row.name if row.kind == "service" else row.service) not in self.opened)

    async def action_request(self) -> None:
        """Begin a request to it in the command line."""
        row = self.row()
        if row is not None and row.command is not None:
            await told(self, Prefill(f"{row.command} "))
