"""The keys of the comparison: rules, what is shown, what is taken along."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.message.exchange import Exchange
from daebus_console.text import clean, cut
from daebus_console.tui.compare.head import change_text, whole_text
from daebus_console.tui.compare.rows import NOTHING, Compared, Entry
from daebus_console.tui.compare.rules import rule_anywhere, rule_for
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.screens.comparing.lists import DifferenceList
from daebus_console.tui.screens.full import FullScreen

if TYPE_CHECKING:
    from daebus_console.tui.base import BaseApp

IGNORE = "ignore"
"""The name of the setting."""


class CompareKeys(FullScreen):
    """What the screen of comparison does when told to. Whoever inherits it compares, and shows what came of it."""

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
    ]

    app: BaseApp
    differences: DifferenceList
    before: Exchange
    after: Exchange
    compared: Compared | None

    def __init__(self) -> None:
        super().__init__()
        self.ignored_shown = False
        self.whole_shown = False
        self.any_order = False
        self.ignore: list[str] = []

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return Rules(self.ignore, any_order=self.any_order)

    def renew(self) -> None:
        """Compare anew."""
        raise NotImplementedError

    def show(self) -> None:
        """Draw everything as it is now."""
        raise NotImplementedError

    def action_next(self, direction: int) -> None:
        """Go to the next difference that counts, going round at the end."""
        if not self.differences.go(direction):
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
        entry = self.differences.chosen()
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
        self.differences.show(compared.rows(ignored=self.ignored_shown))
        self.show()

    def action_whole(self) -> None:
        """Show the whole payloads that the selected values are in, or only these."""
        self.whole_shown = not self.whole_shown
        self.show()

    def action_copy(self) -> None:
        """Copy the selected difference as text."""
        entry = self.differences.raw()
        if entry is None:
            self.notify("Select a difference first", timeout=2)
        else:
            self._copy(change_text(entry.change, self.differences.redact), "the difference")

    def action_copy_all(self) -> None:
        """Copy all differences that count as text."""
        changes = [entry.change for entry in (self.compared or NOTHING).entries if entry.ignored_by is None]
        text = whole_text(self.before, self.after, changes, self.differences.redact)
        self._copy(text, fmt.plural(len(changes), "difference"))

    def action_copy_path(self) -> None:
        """Copy the path of the selected difference."""
        entry = self.differences.raw()
        if entry is None:
            self.notify("Select a difference first", timeout=2)
        else:
            self._copy(clean(entry.change.path), "the path")

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied {what}: {fmt.plural(len(text), 'character')}", timeout=2, markup=False)
