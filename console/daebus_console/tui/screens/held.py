"""What is held, and the one under the cursor from inside: let go, edit, answer, fail, drop, step, choose an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from daebus_console.engine.holding.desk import Held
from daebus_console.engine.holding.words import where
from daebus_console.text import clean
from daebus_console.tui.documents.node import Node, note
from daebus_console.tui.documents.tree import Tree
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.holding import heading, held_row, nothing_held
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.screens.conversation import STEPS
from daebus_console.tui.screens.full import FullScreen
from daebus_console.tui.widgets.detail import DocumentView
from daebus_console.tui.widgets.figure_list import FigureList
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.tui.base import BaseApp, DebugView

_EVERY = 0.25


class HeldList(FigureList):
    """What is held, one a row."""

    def empty(self) -> list[Line]:
        return nothing_held(self.size.width)


class HeldScreen(FullScreen):
    """What is held now, renewed four times a second; the cursor stays on its message whatever comes and goes.

    F8 lets go on what the cursor is on, as `c` does, and ends a step.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "verdict('go')", "Go on"),
        Binding("e", "edit", "Edit"),
        Binding("a", "answer", "Answer"),
        Binding("f", "fail", "Fail"),
        Binding("d", "verdict('drop')", "Drop"),
        Binding("f11", "app.step('into')", "Step into", key_display="F11", show=False),
        Binding("f10", "app.step('over')", "Step over", key_display="F10", show=False),
        Binding("shift+f11,f23", "app.step('out')", "Step out", key_display="⇧F11", show=False),
        Binding("A", "all", "All go on"),
        Binding("n", "next", "Only the next goes on", show=False),
        Binding("o", "order", "Order: choose it as the next", show=False),
        Binding("O", "go_in_order", "Go in the order that was chosen", show=False),
        Binding("S", "save_order", "Save what was let go as a test", show=False),
        Binding("V", "conversation", "Conversation that it belongs to", show=False),
        Binding("L", "rules", "Rules", show=False),
        Binding("enter", "look_inside", "Look inside", show=False),
        Binding("escape,q,H", "back", "Back", key_display="esc"),
    ]

    app: BaseApp

    def __init__(self, main: DebugView) -> None:
        super().__init__()
        self.main = main
        self.head = TitleLine(classes="pane-title")
        self.columns = TitleLine()
        self.list = HeldList(self._row, "", same=lambda held: held.number, id="held")
        self.about = TitleLine([(" Inside", "strong")], classes="pane-title")
        self.inside = DocumentView(id="held-inside")
        self.said = TitleLine(id="held-said")
        self._said_before = main.last_said
        self.order: list[int] = []
        self._now = 0.0
        self._inside_of: tuple[str, str, str] | None = None
        self._at: int | None = None

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.columns
        yield self.list
        yield self.about
        yield self.inside
        yield self.said
        yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(self.list)
        # At once: a quick hand presses the next key before anything is drawn.
        self.renew()
        self.call_after_refresh(self.renew)
        self.set_interval(_EVERY, self.renew)

    def on_resize(self) -> None:
        """The columns depend on the width."""
        self.call_after_refresh(self.renew)

    # Drawing ---------------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Read what is held."""
        session, keeper = self.main.session, self.main.keeper
        held: list[Held] = []
        problem, standing, unlisted, passed = None, 0, 0, 0
        if keeper is not None:
            self._now = keeper.now()
            with session.lock:
                held = keeper.desk.held()
                standing = sum(not one.group for one in keeper.desk.settings.values())
                problem, unlisted, passed = keeper.problem, keeper.desk.unlisted(), keeper.desk.passed()
        self.list.take(held)
        numbers = [one.number for one in held]
        self.order = [number for number in self.order if number in numbers]
        arrived = self.main.stepped_to
        if arrived is not None and arrived != self._at and arrived in numbers:
            # Whoever steps wants to see where it has come to.
            self._at = arrived
            self.list.put_cursor(numbers.index(arrived))
            self.list.show_row(numbers.index(arrived))
        told = f" {fmt.plural(len(held), 'message')}" if held else ""
        told += f" and {unlisted:,} more" if held and unlisted else ""
        rules = fmt.plural(standing, "rule") + (" of ours stands" if standing == 1 else " of ours stand")
        right: Line = [] if problem else [(f" {rules} · F9 lifts all ", "dim")]
        lost = f"  {passed:,} went by for want of room" if passed else ""
        wrong = f"  {clean(problem)}" if problem else ""
        self.head.show([(" Held", "strong"), (told, "name"), (lost, "warn"), (wrong, "error")], right)
        self.columns.show(heading(max(40, self.list.size.width - 1)) if held else [])
        said = self.main.last_said
        self.said.show(said if said is not self._said_before else [], [(STEPS if held else "", "dim")])
        self._show_inside()

    def _row(self, held: Held, width: int) -> Line:
        keeper = self.main.keeper
        order = {number: place for place, number in enumerate(self.order, 1)}
        return held_row(held, width, self._now, order, keeper.desk.owner if keeper is not None else "")

    @property
    def chosen(self) -> Held | None:
        """What the cursor is on."""
        found: Held | None = self.list.chosen()
        return found

    def _show_inside(self) -> None:
        held = self.chosen
        self.about.display = self.inside.display = held is not None
        key = None if held is None else held.first.key
        if key == self._inside_of:
            return
        self._inside_of = key
        if held is None:
            return
        first = held.first
        facts: Line = [(" Inside ", "strong"), (f"{where(first)} ", "action")]
        if first.id is not None:
            facts.append((f" id {clean(first.id)}", "dim"))
        if not first.ok:
            facts.append(("  an error", "error"))
        self.about.show(facts, [(f" {first.length:,} bytes " if first.length else "", "dim")])
        self.main.look_inside(held, lambda payload: self._draw_inside(held, payload))

    def _draw_inside(self, held: Held, payload: Any) -> None:
        if self._inside_of != held.first.key:
            return
        if payload is None:
            node = note([("It is too large to be shown, and may be let go all the same.", "dim")])
        else:
            node = Node(self.app.redact.mask(payload))
            node.label = [("payload", "strong")]
            node.open = node.foldable and not isinstance(node.value, str)
        self.inside.show(Tree([node, *self._whose(held)]))

    def _whose(self, held: Held) -> list[Node]:
        """By whose rules it is held, whole, where that is not us alone."""
        keeper = self.main.keeper
        if keeper is None or held.owners == [keeper.desk.owner]:
            return []
        node = Node(", ".join("you" if one == keeper.desk.owner else one for one in held.owners))
        node.label, node.open = [("held by", "strong")], node.foldable
        return [node]

    def on_figure_list_moved(self) -> None:
        """Another one is under the cursor."""
        self._show_inside()

    # Keys ------------------------------------------------------------------------------------------------------

    def _with(self, action: Callable[[Held], None]) -> None:
        """Do that with what the cursor is on."""
        held = self.chosen
        if held is None:
            self.notify("Nothing is held", timeout=2)
        else:
            action(held)

    def action_verdict(self, verdict: str) -> None:
        """Let it go on, or drop it."""
        self._with(lambda held: self.main.do(f"release {held.number} {verdict}"))

    def action_edit(self) -> None:
        """Edit its payload, and let it go on with that."""
        self._with(self.main.edit_held)

    def action_answer(self) -> None:
        """Answer in its place."""
        self._with(self.main.answer_held)

    def action_fail(self) -> None:
        """Answer with an error in its place."""
        self._with(self.main.fail_held)

    def action_all(self) -> None:
        """Let all go on, as they are."""
        self.main.do("release all")

    def action_next(self) -> None:
        """Let the one go on that has been held for longest."""
        self.main.do("release next")

    def action_order(self) -> None:
        """Put it behind those that were chosen, or take it out of them."""
        held = self.chosen
        if held is not None:
            if held.number in self.order:
                self.order.remove(held.number)
            else:
                self.order.append(held.number)
            self.renew()

    def action_go_in_order(self) -> None:
        """Let those go that were chosen, in that order."""
        if self.order:
            self.main.do(f"release {','.join(map(str, self.order))}")
        else:
            self.notify("o puts what is held into an order, O lets it go in that order", timeout=4)

    def action_save_order(self) -> None:
        """Write what was let go, in its order, as a test."""
        self.main.begin("release save test_order.py")

    def action_conversation(self) -> None:
        """Show the conversation that it belongs to."""
        if self.chosen is not None:
            self.main.conversation_of(self.chosen.first.id)

    def action_rules(self) -> None:
        """List the rules."""
        self.main.action_rules()

    def action_look_inside(self) -> None:
        """Give the keyboard to what is inside."""
        if self.chosen is not None:
            self.set_focus(self.inside)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """A row was opened."""
        event.stop()
        if event.rows is self.list:
            self.action_look_inside()

    def action_back(self) -> None:
        """From inside back to the list, from there to the flow."""
        if self.inside.has_focus:
            self.set_focus(self.list)
        else:
            self.app.pop_screen()
