"""The main screen: directory, flow, detail and commands, wired together. What it shows is the session's."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, TextArea

from daebus_console.commands.under_way import under_way
from daebus_console.text import clean
from daebus_console.tui.acting.offers import filter_completer
from daebus_console.tui.acting.wondering import Wondering
from daebus_console.tui.documents.exchange import LOGS
from daebus_console.tui.flow.model import FlowModel
from daebus_console.tui.flow.visibility import Mute, Visibility
from daebus_console.tui.messages import CommandEntered, FillIn, Prefill, StopRequested
from daebus_console.tui.screens.debug_keys import DebugKeys
from daebus_console.tui.screens.layout import Layout
from daebus_console.tui.settings import SettingsFile
from daebus_console.tui.titles import hints
from daebus_console.tui.titles.commands import commands_title
from daebus_console.tui.titles.directory import directory_title
from daebus_console.tui.titles.flow import flow_title
from daebus_console.tui.titles.header import YIELDING, doing, header
from daebus_console.tui.widgets.columns import ColumnNames
from daebus_console.tui.widgets.detail_pane import DetailPane
from daebus_console.tui.widgets.directory import DirectoryList
from daebus_console.tui.widgets.filter_bar import FilterBar
from daebus_console.tui.widgets.flow import FlowList
from daebus_console.tui.widgets.flow_view import OLDEST, ORDERS
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.repl import ReplPane
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.tui.base import BaseApp
    from daebus_console.tui.workspace import Workspace

FRAMES = 12
"""How often a second it looks for what is new."""
SLOW_EVERY = 6
"""Frames between two looks at the directory and the figures of the header."""


class MainScreen(DebugKeys):
    """Everything at once. Keys of a pane are the pane's own; these are those of the whole screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Carried out before the next key is looked at, so that what is typed right after them goes into the line.
        Binding("slash", "filter", "Filter", key_display="/", priority=True),
        Binding("colon", "command", "Command", key_display=":", priority=True),
        Binding("c", "control", "Show or hide control channels and the console's own questions", show=False),
        Binding("K", "quiet", "Show or hide heartbeats and the like", show=False),
        Binding("backslash", "suspend", "Lift or restore the filter", key_display="\\", show=False),
        Binding("S", "stats", "Group by action: the statistics", show=False),
        Binding("z", "zoom", "Zoom", show=False),
        Binding("f2", "toggle_pane('left')", "Directory", show=False),
        Binding("f3", "toggle_pane('detail-pane')", "Detail", show=False),
        Binding("f4", "toggle_pane('repl-pane')", "Commands", show=False),
        Binding("plus", "resize(1)", "Higher", key_display="+", show=False),
        Binding("minus", "resize(-1)", "Lower", key_display="-", show=False),
        Binding("greater_than_sign", "widen(2)", "Wider directory", key_display=">", show=False),
        Binding("less_than_sign", "widen(-2)", "Narrower directory", key_display="<", show=False),
        Binding("escape", "back", "Back", show=False),
        Binding("q", "app.leave", "Quit"),
    ]

    app: BaseApp

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace
        self.session = session = workspace.session
        self.visibility = Visibility()
        self.filter_text = ""
        self.head = TitleLine(id="header", yields=YIELDING)
        with session.lock:
            models = [FlowModel(session.journal, self.visibility, by_message=by) for by in (False, True)]
        self.models = models
        self.directory = DirectoryList(session.directory, session.stats, session.lock, session.clock, id="directory")
        self.directory_title = TitleLine([(" Services", "strong")], classes="pane-title")
        self.flow_title = TitleLine([(" Flow", "strong")], id="flow-title", classes="pane-title")
        self.columns = ColumnNames(id="columns")
        self.flow = FlowList(models[0], session.lock, session.clock, id="flow")
        self.flow.dated = session.recorded
        self.filter_bar = FilterBar(self.accept_filter, id="filter-bar")
        self._wondering = asks = Wondering(session, workspace.sender, workspace.app.redact)
        self.detail = DetailPane(session.clock, asks.redact, asks.insight, asks.told, id="detail-pane", classes="pane")
        self.repl = ReplPane(id="repl-pane", classes="pane")
        self.begin_to_learn()
        self._frame_number = 0
        self._awaited: str | None = None
        self._lacks_told = False
        self.layout_of = Layout(self)

    def compose(self) -> ComposeResult:
        yield self.head
        with Horizontal(id="body"):
            with Vertical(id="left", classes="pane"):
                yield self.directory_title
                yield self.directory
            with Vertical(id="right"):
                with Vertical(id="flow-pane", classes="pane"):
                    yield self.flow_title
                    yield self.filter_bar
                    yield self.columns
                    yield self.flow
                yield self.detail
        yield self.repl
        yield KeyLine()

    def on_mount(self) -> None:
        self.filter_bar.completer = filter_completer(self.session)
        self.repl.line.helped_by(lambda: self.workspace.assist)
        self.repl.line.leave = self._leave_commands
        self.set_focus(self.flow)
        self.restore(self.app.settings)
        self._slow()
        self.tell()
        self.set_interval(1 / FRAMES, self._frame)

    def restore(self, settings: SettingsFile) -> None:
        """Be as remembered."""
        self.layout_of.restore(settings.get("layout", dict, {}))
        self.detail.view.wrap(settings.get("wrap", bool, False))
        order = settings.get("order", str, self.flow.order)
        if order in ORDERS:
            self.flow.set_order(order)
        with self.session.lock:
            for text in settings.get("mutes", list, []):
                if isinstance(text, str) and text.strip():
                    with suppress(ValueError):
                        self.visibility.mute(Mute.of(text))

    # Frames ----------------------------------------------------------------------------------------------------

    def _frame(self) -> None:
        self._frame_number += 1
        self._take_output()
        self._show_awaited()
        self.learn()
        self.flow.tick()
        if self.detail.display:
            self.detail.update()
            ask = self._wondering.about(self.detail.exchange, logs=self.detail.tab == LOGS)
            if ask is not None:
                self.run_worker(ask, thread=True, group="wondering", exit_on_error=False)
        if self._frame_number % SLOW_EVERY == 0:
            self._slow()

    @property
    def command_width(self) -> int:
        """Cells of a line of the command pane."""
        return self.repl.size.width

    def watch_for(self, request_id: str) -> None:
        """Show the exchange of that request as soon as it is seen. For any thread."""
        self._awaited = request_id

    def _show_awaited(self) -> None:
        if self._awaited is None:
            return
        with self.session.lock:
            exchange = self.session.correlator.find(self._awaited)
        if exchange is not None:
            self._awaited = None
            self.flow.point_at(exchange)
            self.detail.show(exchange)

    def _take_output(self) -> None:
        commands = self.workspace.commands
        lines = commands.take_output()
        if lines:
            self.repl.write(*lines)
        for line in lines:
            self.said(line)
            # A caret points into a line that is not there.
            wrong = bool(line) and line[0][1] == "error" and line[0][0].strip(" ^") != ""
            if wrong and not self.layout_of.is_seen("repl-pane"):
                self.notify(line[0][0], severity="error", timeout=5, markup=False)
        self.repl.head.show(*commands_title(commands.under_way, commands.output.passing, under_way(self.session)))

    def _slow(self) -> None:
        self._tell_lacks()
        session, found = self.session, [*self.debugged(), *self.found()]
        with session.lock:
            left, right = header(
                session, session.clock(), read_only=self.app.read_only, doing=doing(under_way(session)), found=found
            )
            services = sum(1 for service in session.directory.services.values() if service.gone is None)
        self.head.show(left, right)
        self.directory_title.show(*directory_title(services, self.size.width))
        if self.directory.display:
            self.directory.hint = partial(hints.no_services, session)
            self.directory.reload()
            session.look_at(self.directory.on_screen(), self.directory.opened)
        else:
            session.look_at(())
        hint = hints.no_flow(
            total=self.flow.looked_at(),
            hidden=self.flow.model.hidden,
            held_back=self.flow.held_back(),
            looking=self.flow.model.looks_back,
            sharded=session.tap.sharded and not session.recorded,
            recorded=session.recorded,
            away=hints.away(session),
            doubt=self.doubt,
        )
        if self.flow.gaps_alone or hint != self.flow.hint:
            self.flow.hint = hint
            self.flow.refresh()
        self.tell()

    def _tell_lacks(self) -> None:
        """Of a capture that is read, tell once what could not be."""
        session, loaded = self.session, getattr(self.session, "loaded", None)
        if self._lacks_told or loaded is None or not loaded.is_set():
            return
        self._lacks_told = True
        for text in session.told_lacks():
            self.workspace.commands.output.note(text)
        if session.lacks:
            where = "" if self.layout_of.is_seen("repl-pane") else "; F4 shows what"
            told = f"{session.address} could not be read completely: {session.lacks}{where}"
            self.notify(clean(told), severity="warning", timeout=8, markup=False)

    def tell(self) -> None:
        """Write the title of the flow, and the names of its columns."""
        with self.session.lock:
            told = flow_title(self.flow, self.filter_text, passing=self.session.passing)
        self.flow_title.show(*told)
        self.columns.over(self.flow.date, self.flow.digits)

    @on(events.DescendantFocus)
    def _light_pane(self) -> None:
        """The pane with the keyboard has a lit title."""
        here = self.layout_of.of_focus()
        for pane in self.query(".pane"):
            pane.set_class(pane is here, "-focused")

    def on_resize(self, event: events.Resize) -> None:
        """Small terminals get narrow panes, large ones use their room."""
        size = event.size
        self.set_class(size.width < 100 or size.height < 30, "-narrow")
        self.set_class(size.width >= 160, "-wide")
        self.set_class(size.height >= 45, "-tall")
        self.tell()

    # What widgets tell -----------------------------------------------------------------------------------------

    @on(FlowList.Selected)
    def _show_selected(self, event: FlowList.Selected) -> None:
        self.detail.show(event.exchange)

    @on(FlowList.Moved)
    def _flow_moved(self) -> None:
        if self.flow.order != self.app.settings.get("order", str, OLDEST):
            self.app.settings.set("order", self.flow.order)
        self.tell()

    @on(RowList.Chosen)
    def _open_chosen(self, event: RowList.Chosen) -> None:
        if event.rows is self.flow:
            self.detail.display = True
            self.set_focus(self.detail.view)

    @on(TitleLine.Pressed, "#repl-title")
    def _commands_title_pressed(self, event: TitleLine.Pressed) -> None:
        if "ctrl+c" in event.text:
            self.action_stop()
        else:
            self.action_hold_replay()

    @on(TitleLine.Pressed, "#flow-title")
    def _flow_title_pressed(self) -> None:
        if self.flow.paused:
            self.flow.action_pause()
        else:
            self.flow.action_follow()

    @on(Prefill)
    def _prefill(self, event: Prefill) -> None:
        self.begin(event.text)

    @on(CommandEntered)
    def _command_entered(self, event: CommandEntered) -> None:
        self.workspace.assist.remember(event.text)
        self.workspace.commands.carry_out(event.text)

    @on(FillIn)
    def _fill_in(self, event: FillIn) -> None:
        filled = self.workspace.commands.fill_in(event.text)
        if filled is None:
            self.notify("No payload was seen for that yet: type `request SERVICE ACTION` first", timeout=3)
        else:
            self.begin(filled)

    @on(StopRequested)
    def _stop_requested(self) -> None:
        self.action_stop()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See Textual: in a line these keys are typed, and in the detail a slash finds."""
        if action in ("filter", "command") and isinstance(self.focused, Input | TextArea):
            return False
        if action == "filter" and self.layout_of.holds_focus(self.detail):
            return False
        return super().check_action(action, parameters)

    # Actions ---------------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Narrow the flow with a filter."""
        self.filter_bar.open(self.filter_text)

    def action_command(self) -> None:
        """Type a command."""
        self.repl.display = True
        # At once: `focus()` waits its turn, and what is typed meanwhile would go to the flow's keys.
        self.set_focus(self.repl.line)

    def _leave_commands(self) -> None:
        """Go from the command line to the flow, which has to be on the screen then."""
        if self.layout_of.zoomed is self.repl:
            self.layout_of.zoom()
        self.set_focus(self.flow)

    def action_suspend(self) -> None:
        """Lift the filter for a while, or restore it."""
        with self.session.lock:
            self.visibility.toggle_suspended()

    def action_control(self) -> None:
        """Show or hide control channels and the console's own questions."""
        with self.session.lock:
            shown = self.visibility.toggle_control()
        self.notify(f"Control channels are {'shown' if shown else 'hidden'}", timeout=2)

    def action_quiet(self) -> None:
        """Show or hide what other frameworks say all the time."""
        with self.session.lock:
            shown = self.visibility.toggle_quiet()
        self.notify(f"Heartbeats and the like are {'shown' if shown else 'hidden'}", timeout=2)

    def action_back(self) -> None:
        """One step back: from zoom, from a pane to the flow, from a filter to everything."""
        if self.layout_of.zoomed is not None:
            self.layout_of.zoom()
        elif self.filter_bar.display:
            self.filter_bar.cancel()
        elif not self.flow.has_focus:
            self.set_focus(self.flow)
        elif self.filter_text:
            self.narrow_to("")

    def action_by_message(self) -> None:
        """Show one row a message, or one an exchange."""
        self.flow.use(self.models[0 if self.flow.model.by_message else 1])
        self.flow.tick()

    def action_stats(self) -> None:
        """Show the figures."""
        from daebus_console.tui.screens.stats import StatsScreen

        self.app.push_screen(StatsScreen(self.session))

    # Layout ----------------------------------------------------------------------------------------------------

    def action_toggle_pane(self, name: str) -> None:
        """Hide or show a pane."""
        shown = not self.layout_of.pane(name).display
        if not shown and self.layout_of.holds_focus(self.layout_of.pane(name)):
            self.set_focus(self.flow)
        self.layout_of.show(name, shown)
        self.app.remember_layout()

    def action_zoom(self) -> None:
        """Give the pane with the keyboard the whole screen, or take it back."""
        self.layout_of.zoom()

    def action_resize(self, rows: int) -> None:
        """Make the pane with the keyboard higher or lower."""
        self.layout_of.make_higher(rows)
        self.app.remember_layout()

    def action_widen(self, cells: int) -> None:
        """Make the directory wider or narrower."""
        self.layout_of.make_wider(cells)
        self.app.remember_layout()
