"""The statistics: figures by service and action, over time, and the slowest exchanges; enter goes to what it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from daebus_console.engine.figures.rows import Row, Slow
from daebus_console.engine.filter.writing import literal
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.rows.stats import charts, figures_line, heading, names_of, slow_line
from daebus_console.tui.screens.insight.about import About
from daebus_console.tui.screens.insight.keys import InsightKeys
from daebus_console.tui.titles.header import away
from daebus_console.tui.widgets.figure_list import FigureList
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.engine.session import Session
    from daebus_console.tui.base import BaseApp

CHART_ROWS = 7
SLOWEST = 100


class ChartView(TitleLine):
    """A few lines of a chart."""

    lines: ClassVar[list[Line]] = []

    def draw(self, lines: list[Line]) -> None:
        """Show another chart."""
        self.lines = lines  # type: ignore[misc]  # each chart has its own from here on
        self.refresh()

    def render_line(self, y: int) -> Any:
        self.left, self.right = (self.lines[y] if y < len(self.lines) else []), []
        return super().render_line(0)


def _of(row: Row) -> tuple[str, str, bool]:
    """What a row has the figures of."""
    return row.service, row.action, bool(row.beyond)


class StatsScreen(InsightKeys):
    """What the session has counted, renewed each second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,S", "app.pop_screen", "Back to the flow"),
        Binding("enter", "open", "Narrow the flow to it, or show the exchange", show=False),
        Binding("u", "contrast", "Contrast"),
        Binding("s", "shape", "Shape"),
        Binding("C", "clear", "Begin to count anew"),
    ]

    NOTHING_CHOSEN = "Put the cursor on one action: of these there are many"

    app: BaseApp

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.head = TitleLine(classes="pane-title")
        self.rate_title = TitleLine([(" Requests a second", "strong"), ("  errors and timeouts lit", "dim")])
        self.latency_title = TitleLine([(" Latency, 95th percentile", "strong")])
        self.rates, self.latencies = ChartView(classes="chart"), ChartView(classes="chart")
        self.columns = TitleLine()
        self.figures = FigureList(figures_line, "No request was seen yet.", same=_of, id="figures")
        self.slow_title = TitleLine(
            [(" Slowest", "strong"), ("  enter shows the exchange", "dim")], classes="pane-title"
        )
        self.slowest = FigureList(
            slow_line, "No request was answered yet.", same=lambda slow: slow.number, id="slowest"
        )

    def compose(self) -> ComposeResult:
        yield self.head
        with Horizontal(id="chart-titles"):
            yield self.rate_title
            yield self.latency_title
        with Horizontal(id="charts"):
            yield self.rates
            yield self.latencies
        yield self.columns
        yield self.figures
        yield self.slow_title
        yield self.slowest
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(self.figures)
        self.call_after_refresh(self.renew)
        self.set_interval(1.0, self.renew)

    def on_resize(self) -> None:
        """The charts depend on the width."""
        self.call_after_refresh(self.renew)

    def renew(self) -> None:
        """Read the figures."""
        session = self.session
        with session.lock:
            now = session.clock()
            total = session.stats.totals(now)
            rows = [total, *session.stats.rows(now)]
            slowest = session.stats.slowest(SLOWEST)
            self.figures.take(rows)
            row: Row = self.figures.chosen()
            slots = session.stats.series(row.service or None, row.action or None, now)
            slot = session.stats.slot
            lost = away(session, now)
        what = " ".join(names_of(row)).strip() or "all together"
        self.head.show(
            [(" Statistics ", "strong"), (f" {what} ", "name"), *lost], [(" enter narrows the flow to it ", "dim")]
        )
        width = max(20, self.rates.size.width)
        rates, latencies = charts(slots, width - 1, CHART_ROWS, slot)
        self.rates.draw(rates)
        self.latencies.draw(latencies)
        self.columns.show(heading(max(20, self.figures.size.width - 1)))
        self.slowest.take(slowest)

    def about(self) -> About | None:
        """The row of the figures under the cursor."""
        row: Row | None = self.figures.chosen()
        return None if row is None or row.beyond else About(row.service, row.action or None)

    def action_clear(self) -> None:
        """Begin to count anew."""
        with self.session.lock:
            self.session.stats.clear()
        self.renew()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Go to the exchanges of the row, or to the one exchange."""
        main = self.app.main
        if event.rows is self.figures:
            row: Row = self.figures.rows[event.index]
            if row.beyond:
                self.notify(f"These have no rows of their own: {row.beyond:,} actions were seen before them", timeout=4)
                return
            terms = [f"to:{literal(row.service)}"] if row.service else []
            terms += [f"action:{literal(row.action)}"] if row.action else []
            self.dismiss()
            main.narrow_to(" ".join(terms))
        else:
            slow: Slow = self.slowest.rows[event.index]
            self.dismiss()
            if not main.select(slow.number):
                main.notify(f"#{slow.number} is not remembered any more", timeout=3)
