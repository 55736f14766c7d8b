"""Two exchanges compared: a list of what differs, and below it the two values of one difference in full."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from daebus_console.engine.diff import Change
from daebus_console.engine.diff_rules import Rules
from daebus_console.engine.exchange import Exchange, State
from daebus_console.engine.replay_redact import masked
from daebus_console.text import clean, cut
from daebus_console.tui import format as fmt
from daebus_console.tui.compare_head import change_text, standing, tally, title, whole_text
from daebus_console.tui.compare_layout import heads
from daebus_console.tui.compare_rows import NOTHING, SIGNS, Compared, Entry, compare, snapshot, whole
from daebus_console.tui.compare_rules import rule_anywhere, rule_for, rules_line
from daebus_console.tui.compare_values import describe
from daebus_console.tui.lines import Line
from daebus_console.tui.screens.compare_lists import MARGINS, DifferenceList, ValuesView
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.tui.app import ConsoleApp

RENEWED = 0.25
"""Seconds between two looks at whether another answer has come."""
AT_ONCE = 300_000
"""Bytes up to which two exchanges are compared while the keyboard waits; more is done beside it."""
LOWEST_LIST = 3
IGNORE = "ignore"
"""The name of the setting."""


class CompareScreen(Screen[None]):
    """What differs from one exchange to another, renewed as their answers come."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,d", "app.pop_screen", "Back"),
        Binding("n", "next(1)", "Next difference that counts", show=False),
        Binding("N", "next(-1)", "Previous difference that counts", show=False),
        Binding("i", "ignore", "Ignore path"),
        Binding("I", "ignore_anywhere", "Ignore what has this name, anywhere", show=False),
        Binding("u", "take_back", "Undo rule"),
        Binding("U", "take_back_all", "Undo all rules", show=False),
        Binding("o", "any_order", "List order"),
        Binding("x", "exchange", "Swap sides"),
        Binding("v", "show_ignored", "Show or hide what is ignored", show=False),
        Binding("w", "whole", "Show the whole payloads, or the selected values", show=False),
        Binding("y", "copy", "Copy the difference", show=False),
        Binding("Y", "copy_all", "Copy all differences", show=False),
        Binding("p", "copy_path", "Copy the path", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
    ]

    app: ConsoleApp

    def __init__(self, before: Exchange, after: Exchange) -> None:
        super().__init__()
        self.before, self.after = before, after
        self.compared: Compared | None = None
        """What differs; None while it is being found out."""
        self.ignored_shown = False
        self.whole_shown = False
        self.any_order = False
        self.ignore: list[str] = []
        self._seen: object = None
        self._taken = before, after
        self._whole: dict[str, Change | None] = {}
        self._asked = 0
        self.head, self.state_line = TitleLine(classes="pane-title"), TitleLine()
        self.rule_line = TitleLine(id="compare-rules")
        self.list = DifferenceList(id="differences")
        self.value_title, self.value_heads = TitleLine(classes="pane-title"), TitleLine(id="value-heads")
        self.values = ValuesView(id="values")

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return Rules(self.ignore, any_order=self.any_order)

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.state_line
        yield self.rule_line
        yield self.list
        yield self.value_title
        yield self.value_heads
        yield self.values
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin with the rules of earlier times."""
        kept = self.app.settings.get(IGNORE, list, [])
        self.ignore = list(Rules(rule for rule in kept if isinstance(rule, str)).ignore)
        self.list.redact = self.values.redact = self.app.redact
        self.list.focus()
        self.renew()
        self.set_interval(RENEWED, self.poll)

    def on_resize(self) -> None:
        """The heights and the heads depend on the size."""
        self.call_after_refresh(self.show)

    # Comparing -------------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Look whether one of the two stands otherwise than it did."""
        with self.app.session.lock:
            seen = _mark(self.before), _mark(self.after)
        if seen != self._seen:
            self.renew()
        elif State.PENDING in (self.before.state, self.after.state):
            self._show_head()

    def renew(self) -> None:
        """Compare anew."""
        with self.app.session.lock:
            self._seen = _mark(self.before), _mark(self.after)
            before, after = self._taken = snapshot(self.before), snapshot(self.after)
        self._whole = {}
        self._asked += 1
        if before.size + after.size <= AT_ONCE:
            self._take(self._asked, compare(before, after, self.rules))
            return
        self.compared = None
        self._show_head()
        self.list.hint = [[(f"   Comparing {fmt.size(before.size + after.size)}B …", "wait")]]
        self.list.refresh()
        work = partial(self._compare_beside, self._asked, before, after, self.rules)
        self.run_worker(work, thread=True, group="compare", exit_on_error=False)

    def _compare_beside(self, asked: int, before: Exchange, after: Exchange, rules: Rules) -> None:
        """On a thread of its own."""
        compared = compare(before, after, rules)
        if self.is_running:
            self.app.call_from_thread(self._take, asked, compared)

    def _take(self, asked: int, compared: Compared) -> None:
        if asked != self._asked or not self.is_running:
            # Meanwhile something else was asked for.
            return
        self.compared = compared
        self.list.show(compared.rows(ignored=self.ignored_shown))
        self.show()

    # Showing ---------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Draw everything as it is now."""
        self._show_head()
        self.list.hint = self._nothing()
        self._arrange()
        self._show_values()

    def _show_head(self) -> None:
        self.head.show(title(self.before, self.after), tally(self.compared))
        self.state_line.show(standing(self.before, self.after, self.app.session.clock()))
        self.rule_line.show(*rules_line(self.rules, self.size.width))

    def _nothing(self) -> list[Line]:
        compared = self.compared or NOTHING
        lines: list[Line] = [[("   No difference.", "ok"), (_NOT_COUNTED, "dim")]]
        if compared.ignored:
            them = "one is" if compared.ignored == 1 else f"{compared.ignored:,} are"
            lines = [[("   No difference that counts: ", "ok"), (f"{them} ignored, v shows what.", "plain")]]
        waiting = [one for one in (self.before, self.after) if one.state is State.PENDING]
        lines += [[(f"   #{one.number} is not answered yet: compared again as soon as it is.", "wait")]
                  for one in waiting]  # fmt: skip
        return lines

    def _arrange(self) -> None:
        """Most of the height for the list, if it needs it; while the values have the keyboard, first for them."""
        count = self.list.count()
        for part in (self.value_title, self.value_heads, self.values):
            part.display = count > 0
        if not count:
            self.list.styles.height = "1fr"
            if self.values.has_focus:
                self.list.focus()
            return
        room = self.size.height - 6
        most = room * 3 // 5
        if self.values.has_focus:
            most = min(most, max(room // 5, room - self.values.count()))
        self.list.styles.height = max(1, min(count, max(LOWEST_LIST, most)))
        self.call_after_refresh(self.list.show_cursor)

    def _show_values(self) -> None:
        entry = self.list.chosen()
        if entry is None:
            self.values.show(None)
            return
        sign, role = SIGNS[entry.change.how]
        path = clean(entry.change.path)
        told = f"ignored by {clean(entry.ignored_by)}" if entry.ignored_by else describe(entry.change)
        left: Line = [(f" {sign} ", role), (path, "key"), (f"  {told}", "dim")]
        sides = heads(f"before, #{self.before.number}", f"after, #{self.after.number}", self.size.width - MARGINS)
        self.value_heads.show([(" ", "plain"), *sides])
        if self.whole_shown:
            self._show_whole(entry.part)
            return
        place, count = self.list.place()
        self.value_title.show(left, [(f" {place} of {count} ", "dim")])
        self.values.show(entry.change)

    def _show_whole(self, part: str) -> None:
        """Show the payloads of that part as they were compared, where the selected difference is in them."""
        if part not in self._whole:
            change = whole(*self._taken, part)
            self._whole[part] = change and masked(change, self.app.redact)
        found = self._whole[part]
        told = "whole: w shows the selected values alone" if found else "neither has one: w leads back"
        place, count = self.list.place()
        self.value_title.show(
            [(f" {clean(part)}.payload", "key"), (f"  {told}", "dim")], [(f" {place} of {count} ", "dim")]
        )
        self.values.show(found)
        self.values.seek(*self.list.namesakes())

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """A difference was opened: give its values the keyboard."""
        if event.rows is self.list and self.list.chosen() is not None:
            self.values.focus()

    def on_difference_list_selected(self, _event: DifferenceList.Selected) -> None:
        """Another difference was selected."""
        self._show_values()

    def on_values_view_closed(self, _event: ValuesView.Closed) -> None:
        """Back to the list."""
        self.list.focus()

    def on_descendant_focus(self, _event: events.DescendantFocus) -> None:
        """Whoever has the keyboard has the room."""
        self._arrange()

    # Keys ------------------------------------------------------------------------------------------------------

    def action_next(self, direction: int) -> None:
        """Go to the next difference that counts, going round at the end."""
        if not self.list.go(direction):
            self.notify("There is no other difference that counts", timeout=2)

    def _change_rules(self, ignore: list[str], said: str) -> None:
        self.ignore = ignore
        self.app.settings.set(IGNORE, list(ignore))
        self.renew()
        self.notify(cut(said, 300), timeout=3, markup=False)

    def action_ignore(self) -> None:
        """Ignore what stands at the selected path."""
        entry = self._counting()
        if entry is not None:
            self._add_rule(rule_for(entry.change.path))

    def action_ignore_anywhere(self) -> None:
        """Ignore what has the name of the selected path wherever it stands."""
        entry = self._counting()
        if entry is not None:
            self._add_rule(rule_anywhere(entry.change.path))

    def _add_rule(self, rule: str) -> None:
        rules = [one for one in self.ignore if one != rule]
        self._change_rules([*rules, rule], f"Ignored from now on: {clean(rule)}. u takes it back.")

    def _counting(self) -> Entry | None:
        entry = self.list.chosen()
        if entry is None:
            self.notify("Select a difference first", timeout=2)
        elif entry.ignored_by is not None:
            self.notify(f"It is ignored already, by {clean(entry.ignored_by)}", timeout=3, markup=False)
        else:
            return entry
        return None

    def action_take_back(self) -> None:
        """Take back the last rule."""
        if self.ignore:
            self._change_rules(self.ignore[:-1], f"Taken back: {clean(self.ignore[-1])}")
        else:
            self.notify("There is no rule to take back", timeout=2)

    def action_take_back_all(self) -> None:
        """Take back all rules."""
        if self.ignore:
            self._change_rules([], f"Taken back: {', '.join(map(clean, self.ignore))}")
        else:
            self.notify("There is no rule to take back", timeout=2)

    def action_any_order(self) -> None:
        """Let lists be the same in any order, or no longer."""
        self.any_order = not self.any_order
        self.renew()
        self.notify("Lists are compared in any order" if self.any_order else "The order of lists counts", timeout=2)

    def action_exchange(self) -> None:
        """Let before be after."""
        self.before, self.after = self.after, self.before
        self.renew()

    def action_show_ignored(self) -> None:
        """Show what is ignored too, or only what counts."""
        compared = self.compared or NOTHING
        if not compared.ignored and not self.ignored_shown:
            self.notify("Nothing is ignored: i ignores the selected difference", timeout=2)
            return
        self.ignored_shown = not self.ignored_shown
        self.list.show(compared.rows(ignored=self.ignored_shown))
        self.show()

    def action_whole(self) -> None:
        """Show the whole payloads that the selected values are in, or only these."""
        self.whole_shown = not self.whole_shown
        self._show_values()
        self._arrange()

    def action_copy(self) -> None:
        """Copy the selected difference as text."""
        entry = self.list.raw()
        if entry is None:
            self.notify("Select a difference first", timeout=2)
        else:
            self._copy(change_text(entry.change, self.app.redact), "the difference")

    def action_copy_all(self) -> None:
        """Copy all differences that count as text."""
        changes = [entry.change for entry in (self.compared or NOTHING).entries if entry.ignored_by is None]
        text = whole_text(self.before, self.after, changes, self.app.redact)
        self._copy(text, fmt.plural(len(changes), "difference"))

    def action_copy_path(self) -> None:
        """Copy the path of the selected difference."""
        entry = self.list.raw()
        if entry is None:
            self.notify("Select a difference first", timeout=2)
        else:
            self._copy(clean(entry.change.path), "the path")

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {what}: {fmt.plural(len(text), 'sign')}", timeout=2, markup=False)

    def action_help(self) -> None:
        """Tell the keys."""
        from daebus_console.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen.of(self))


_NOT_COUNTED = " Ids, times and who of several instances answered do not count."


def _mark(exchange: Exchange) -> tuple[object, ...]:
    """What is another whenever a comparison may come to something else."""
    return exchange.state, exchange.flags, exchange.replies, exchange.answer is not None
