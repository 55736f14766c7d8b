"""A list of names to choose from, each with what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from daebus_console.text import clean
from daebus_console.tui.leaving import Dialog
from daebus_console.tui.look.measured import Choices, Told


class PickScreen(Dialog[str | None]):
    """Dismissed with the chosen name, or None. `forget` is told a name that is to go."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Never mind"),
        Binding("delete,d", "forget", "Forget"),
        Binding("j", "move('cursor_down')", "Down"),
        Binding("k", "move('cursor_up')", "Up"),
    ]

    def __init__(self, title: str, choices: Mapping[str, str], forget: Callable[[str], None]) -> None:
        super().__init__()
        self.title_text = title
        self.names = list(choices)
        self.choices = choices
        self._forget = forget

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_subtitle = "enter: choose, d: forget, escape: never mind"
            yield Told(Text(self.title_text, style="bold"))
            yield Choices(*(self._option(name, self.choices[name]) for name in self.names))

    def _option(self, name: str, text: str) -> Option:
        return Option(Text.assemble((f"{clean(name)}  ", "bold"), (clean(text), "dim")))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """That one it is."""
        self.dismiss(self.names[event.option_index])

    def action_forget(self) -> None:
        """Forget the one that is lit."""
        options = self.query_one(OptionList)
        index = options.highlighted
        if index is not None:
            self._forget(self.names.pop(index))
            options.remove_option_at_index(index)
        if not self.names:
            self.dismiss(None)

    def action_move(self, action: str) -> None:
        """Go up or down, as in lists elsewhere."""
        getattr(self.query_one(OptionList), f"action_{action}")()
