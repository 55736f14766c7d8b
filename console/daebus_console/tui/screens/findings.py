"""The findings: what is wrong, most grave first, with the evidence; enter goes there, f filters to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from daebus_console.engine.findings.finding import Finding
from daebus_console.engine.findings.known import Mark, mark_for
from daebus_console.tui.rows.findings import badge, finding_lines, finding_row, heading, nothing
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.screens.full import FullScreen
from daebus_console.tui.titles.header import away
from daebus_console.tui.widgets.figure_list import FigureList
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.tui.base import BaseApp

Row = tuple[Finding, Mark | None]


class FoundList(FigureList):
    """The findings, one a row."""

    def empty(self) -> list[Line]:
        return nothing(self.size.width, self.size.height)


class FindingText(FigureList):
    """All that is said of one finding, a line a row; the cursor is seen while the keyboard is there."""

    def cursor_index(self) -> int | None:
        return super().cursor_index() if self.has_focus else None

    def draw(self, lines: list[Line], *, anew: bool) -> None:
        """Show these lines, from the first on where they are of another finding."""
        self.rows = lines
        if anew:
            self.top = 0
            self.put_cursor(0)
        self.refresh()


class FindingsScreen(FullScreen):
    """What was found so far, renewed each second."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,exclamation_mark", "app.pop_screen", "Back to the flow"),
        Binding("enter", "open", "Go to the evidence", show=False),
        Binding("f", "narrow", "Filter to it"),
        Binding("n", "known", "Note as known"),
        Binding("a", "all", "Also what is known"),
    ]

    app: BaseApp

    def __init__(self) -> None:
        super().__init__()
        self.head = TitleLine(classes="pane-title")
        self.columns = TitleLine()
        self.list = FoundList(
            lambda row, width: finding_row(row[0], row[1], width), "", same=lambda row: row[0].id, id="findings"
        )
        self.about_title = TitleLine([(" The finding", "strong")], classes="pane-title")
        self.about = FindingText(lambda line, _width: line, "", id="finding")
        self._told: str | None = None
        self.everything = False
        self._places: dict[str, int] = {}

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.columns
        yield self.list
        yield self.about_title
        yield self.about
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.call_after_refresh(self.renew)
        self.set_interval(1.0, self.renew)

    def on_resize(self) -> None:
        """The lines depend on the width."""
        self.call_after_refresh(self.renew)

    def renew(self) -> None:
        """Read what was found; the cursor stays on its finding."""
        session, known = self.app.session, self.app.known.known
        with session.lock:
            found = self._in_order(list(session.findings.book))
            skipped = session.findings.skipped
            lost = away(session, session.clock())
        rows: list[Row] = [(one, known.mark_of(one)) for one in found]
        hidden = sum(mark is not None for _one, mark in rows)
        self.list.take(rows if self.everything else [row for row in rows if row[1] is None])
        more = f"  {hidden} known, a {'hides' if self.everything else 'shows'} them" if hidden else ""
        left = f"  {skipped:,} messages came too fast to be looked at" if skipped else ""
        told = badge(one.severity for one, mark in rows if mark is None)[:-1]
        self.head.show(
            [(" Findings ", "strong"), *told, (more + left, "dim"), *lost],
            [(" enter goes to the evidence, tab into the finding ", "dim")],
        )
        self.columns.show(heading(max(20, self.list.size.width - 1)) if self.list.rows else [])
        self.tell()

    def _in_order(self, found: list[Finding]) -> list[Finding]:
        """Those of one severity as they stand already, what is new before them: being seen again moves none."""
        for one in reversed(found):
            self._places.setdefault(one.id, -len(self._places))
        return sorted(found, key=lambda one: (-one.severity, self._places[one.id]))

    def tell(self) -> None:
        """Write what is to be said of the finding under the cursor."""
        row = self.list.chosen()
        self.about_title.display = self.about.display = row is not None
        told = None if row is None else row[0].id
        lines = finding_lines(row[0], row[1], max(20, self.size.width - 1)) if row is not None else []
        self.about.styles.height = self._room(len(lines))
        self.about.draw(lines, anew=told != self._told)
        self._told = told
        if row is None and self.about.has_focus:
            self.set_focus(self.list)

    def _room(self, lines: int) -> int:
        """Rows for so many lines of a finding: two fifths of the screen, and what the list does not need."""
        # The demo's story takes lines as well.
        others = sum(one.size.height for one in self.children if one not in (self.list, self.about))
        room = self.size.height - max(4, others)
        least = min(room - 3, self.size.height * 2 // 5)
        return max(1, min(lines, max(least, room - max(3, len(self.list.rows)))))

    def _chosen(self) -> Finding | None:
        row = self.list.chosen()
        return row[0] if row is not None else None

    def on_figure_list_moved(self) -> None:
        """Another finding is under the cursor."""
        self.tell()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """Go to the latest exchange that is evidence and is still remembered."""
        event.stop()
        finding = self._chosen()
        if finding is None:
            return
        self.dismiss()
        main = self.app.main
        if not any(main.select(number) for number in reversed(finding.evidence)):
            main.notify("No exchange of it is remembered", timeout=3)

    def action_narrow(self) -> None:
        """Show only what it is about in the flow."""
        finding = self._chosen()
        if finding is not None:
            self.dismiss()
            self.app.main.narrow_to(finding.filter)

    def action_all(self) -> None:
        """Show what is known as well, or no longer."""
        self.everything = not self.everything
        self.renew()

    def action_known(self) -> None:
        """Hide it until it changes, with a note; or show it again."""
        row = self.list.chosen()
        if row is None:
            return
        finding, mark = row
        if mark is not None:
            self._mark(finding, None)
            return
        from daebus_console.tui.screens.ask import AskScreen

        question = "Why it is all right, or who sees to it; - for no note"
        self.app.push_screen(AskScreen(question, finding.text), partial(self._noted, finding))

    def _noted(self, finding: Finding, note: str | None) -> None:
        if note is not None:
            self._mark(finding, mark_for(finding, "" if note == "-" else note))

    def _mark(self, finding: Finding, mark: Mark | None) -> None:
        known = self.app.known
        known.set(finding.id, mark)
        if known.problem is not None:
            self.app.notify(known.problem, severity="warning", markup=False)
        self.renew()
