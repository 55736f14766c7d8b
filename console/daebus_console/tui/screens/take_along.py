"""In which form exchanges are taken along, and whether into the clipboard or a file."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from daebus_console.engine.export import FORMATS
from daebus_console.tui.leaving import Dialog


class Form(NamedTuple):
    """The name of a format, and whether it goes into a file."""

    name: str
    to_file: bool


class TakeAlongScreen(Dialog[Form | None]):
    """Dismissed with the chosen form, or None. `what` names the exchanges."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Never mind"),
        Binding("f", "to_file", "Into a file"),
        Binding("j", "move('cursor_down')", "Down"),
        Binding("k", "move('cursor_up')", "Up"),
    ]

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_subtitle = "enter: copy, f: into a file, escape: never mind"
            yield Static(Text(f"Take {self.what} along as", style="bold"))
            yield OptionList(
                *(Option(Text.assemble((f"{one.name:<11}", "bold"), (one.summary, "dim"))) for one in FORMATS.values())
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Copy it in that form."""
        self.dismiss(Form(list(FORMATS)[event.option_index], to_file=False))

    def action_to_file(self) -> None:
        """Write a file in the form that is lit."""
        lit = self.query_one(OptionList).highlighted
        if lit is not None:
            self.dismiss(Form(list(FORMATS)[lit], to_file=True))

    def action_move(self, action: str) -> None:
        """Go up or down, as in lists elsewhere."""
        getattr(self.query_one(OptionList), f"action_{action}")()
