"""What failed, in groups: the same mistake counted once; enter narrows the flow to the members of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from daebus_console.engine.insight.group import Group
from daebus_console.engine.insight.groups import Groups
from daebus_console.naming import shown
from daebus_console.render import sparkline
from daebus_console.text import cells, clean
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line, fit_right, shorter, text_of
from daebus_console.tui.screens.insight.about import About
from daebus_console.tui.screens.insight.keys import InsightKeys
from daebus_console.tui.widgets.figure_list import FigureList
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.engine.session import Session
    from daebus_console.tui.base import BaseApp

_BARS = 12
_WHAT = "where and what"
_HEADING = f"{'count':>7}  {'over time':<{_BARS}}  {'last':<8}  {_WHAT}"


class GroupsScreen(InsightKeys):
    """The failures among what is remembered now; worked out aside, for that may be a million exchanges."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,W", "app.pop_screen", "Back to the flow"),
        Binding("enter", "open", "Show its members"),
        Binding("u", "contrast", "Contrast"),
        Binding("s", "shape", "Shape"),
        Binding("R", "renew", "Group again"),
    ]

    NOTHING_CHOSEN = "There is no group to look into"

    app: BaseApp

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.bar = TitleLine([(" What failed ", "strong"), ("  looking …", "dim")], classes="pane-title")
        self.list = FigureList(self._line, "Looking …", same=lambda group: group.key, id="groups")
        self._groups = Groups()

    def compose(self) -> ComposeResult:
        yield self.bar
        yield TitleLine([(_HEADING, "dim")])
        yield self.list
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.action_renew()

    def action_renew(self) -> None:
        """Group what is remembered now."""
        with self.session.lock:
            exchanges = list(self.session.journal.exchanges)
        redact = self.app.redact if self.app.redact else None

        def work() -> Groups:
            return Groups(redact).add_all(exchanges).tell_apart(lambda: exchanges)

        self.aside("grouping", work, self._show, exclusive=True)

    def _show(self, groups: Groups) -> None:
        self._groups = groups
        self.list.hint = "Nothing that is remembered has failed."
        self.list.take(groups.sorted())
        told = f" {groups.failed:,} of {groups.looked:,} exchanges in {fmt.plural(len(self.list.rows), 'group')}"
        self.bar.show([(" What failed ", "strong"), (told, "name")], [(" enter shows the members ", "dim")])

    def _line(self, group: Group, width: int) -> Line:
        key, groups = group.key, self._groups
        where: Line = [(shown(key.service), "name")]
        if key.action is not None:
            where += [(".", "dim"), (shown(key.action, text=True), "action")]
        # What went wrong is to be seen, too.
        lacking = cells(text_of(where)) - (width - cells(_HEADING) + cells(_WHAT)) * 2 // 3
        error = " ".join(dict.fromkeys(word for word in (key.code, key.type) if word))
        return [
            (fit_right(f"{group.count:,}", 7) + "  ", "plain"),
            (sparkline(group.spread.bars(groups.start, groups.end, _BARS)) + "  ", "error"),
            (fmt.clock(group.last)[:8] + "  ", "dim"),
            *shorter(where, max(0, lacking)),
            (f"  {clean(error)}" if error else "", "error"),
            (f"  {clean(group.text)}", "plain"),
        ]

    def about(self) -> About | None:
        """The group under the cursor, and the action that failed."""
        group: Group | None = self.list.chosen()
        if group is None:
            return None
        key = group.key
        about = About(key.target, key.action, group.filter)
        return about._replace(named=f"{group.count:,} of {about.of}")

    async def action_open(self) -> None:
        """Narrow the flow to the members of the group."""
        group: Group | None = self.list.chosen()
        if group is not None:
            self.dismiss()
            self.app.main.narrow_to(group.filter)

    async def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """A group was clicked, or opened with enter."""
        event.stop()
        await self.action_open()
