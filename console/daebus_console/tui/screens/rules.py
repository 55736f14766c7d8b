"""Breakpoints and faults: those that stand, ours and others', with their hits; d takes one away."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from daebus_console.commands.doing.holding.breaking import label
from daebus_console.engine.holding.desk import Known
from daebus_console.engine.holding.words import told_untold
from daebus_console.naming import shown
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.holding import no_rules, rule_heading, rule_row
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.screens.full import FullScreen
from daebus_console.tui.titles.header import away
from daebus_console.tui.widgets.figure_list import FigureList
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.tui.base import BaseApp, DebugView

_EVERY = 0.5


class RuleList(FigureList):
    """The rules, one a row."""

    def empty(self) -> list[Line]:
        return no_rules(self.size.width)


class RulesScreen(FullScreen):
    """All rules that stand on this Redis, as far as services tell of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d,delete", "take_away", "Take away"),
        Binding("f", "fault", "New fault"),
        Binding("s", "save", "Save as a file", show=False),
        Binding("H", "held", "What is held"),
        Binding("escape,q,L", "app.pop_screen", "Back"),
    ]

    app: BaseApp

    def __init__(self, main: DebugView) -> None:
        super().__init__()
        self.main = main
        self.head = TitleLine(classes="pane-title")
        self.columns = TitleLine()
        self.list = RuleList(self._row, "", same=lambda one: (one.service, label(one)), id="rules")
        self.said = TitleLine(id="held-said")
        self._said_before = main.last_said

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.columns
        yield self.list
        yield self.said
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(self.list)
        self.renew()
        self.call_after_refresh(self.renew)
        self.set_interval(_EVERY, self.renew)

    def renew(self) -> None:
        """Read what stands."""
        keeper, known = self.main.keeper, []
        suspended: dict[str, list[str]] = {}
        untold: dict[str, list[str]] = {}
        passed = 0
        with self.main.session.lock:
            gone = away(self.main.session, self.main.session.clock())
            if keeper is not None:
                known, passed = keeper.desk.known(), keeper.desk.passed()
                suspended, untold = keeper.desk.suspensions(), keeper.desk.untold()
        self.list.take(known)
        told = f" {fmt.plural(len(known), 'rule')}" if known else ""
        more = f"  suspended: {', '.join(self._suspended(*one) for one in suspended.items())}" if suspended else ""
        more += "".join(f"  {told_untold(*one)}" for one in untold.items())
        lost = f"  {passed:,} went by for want of room" if passed else ""
        left: Line = [(" Breakpoints and faults", "strong"), (told, "name"), (more + lost, "warn")]
        self.head.show([*left, (" ", "plain"), *gone], [(" F9 lifts all ", "dim")])
        self.columns.show(rule_heading(max(40, self.list.size.width - 1)) if known else [])
        said = self.main.last_said
        self.said.show(said if said is not self._said_before else [])

    def _suspended(self, service: str, owners: list[str]) -> str:
        """That it is, by whom if that is somebody else, and what ends it."""
        keeper = self.main.keeper
        ours = keeper is not None and keeper.desk.owner in owners
        return (
            f"{shown(service)} {'(`resume`)' if ours else 'by ' + ', '.join(shown(one, text=True) for one in owners)}"
        )

    def _row(self, one: Known, _width: int) -> Line:
        keeper = self.main.keeper
        owner = keeper.desk.owner if keeper is not None else ""
        one = replace(one, rule=one.rule.masked(self.app.redact))
        return rule_row(one, label(one), time.monotonic(), owner)

    def action_take_away(self) -> None:
        """Take the rule under the cursor away."""
        one: Known | None = self.list.chosen()
        if one is not None:
            self.main.do(f"unbreak {label(one).strip('[]')}")

    def action_fault(self) -> None:
        """Begin to type a fault."""
        self.main.begin("fault ")

    def action_save(self) -> None:
        """Begin to type the name of a file."""
        self.main.begin("fault save ")

    def action_held(self) -> None:
        """Show what is held: the screen from which it came here, or another."""
        from daebus_console.tui.screens.held import HeldScreen

        came_from = self.app.screen_stack[-2]
        self.app.pop_screen()
        if not isinstance(came_from, HeldScreen):
            self.main.action_held()
