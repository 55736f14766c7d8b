"""Where to record to, and whether all of it or what the filter lets through."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from daebus_console.text import clean
from daebus_console.tui.leaving import Dialog
from daebus_console.tui.look.measured import Told
from daebus_console.tui.widgets.text_line import TextLine


class Wanted(NamedTuple):
    """A file to record into; `filtered` tells that only what the filter lets through is to go in."""

    path: str
    filtered: bool


class RecordScreen(Dialog[Wanted | None]):
    """Dismissed with what is wanted, or None. `offered` is the name of the file to begin with."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Never mind"),
        Binding("ctrl+f", "filtered", "Only what the filter lets through", priority=True),
    ]

    def __init__(self, offered: str, filter_text: str) -> None:
        super().__init__()
        self.offered, self.filter_text = offered, filter_text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_subtitle = "enter: record, escape: never mind"
            yield Told(Text("Record into", style="bold"))
            yield TextLine(self.offered, compact=True, entered=lambda _path: self._done(filtered=False))
            if self.filter_text:
                text = Text.assemble(
                    ("enter", "bold"), " records everything, ", ("ctrl+f", "bold"), f" only {clean(self.filter_text)}"
                )
            else:
                text = Text("Everything that passes is recorded. Set a filter first (/) to record what matches it.")
            yield Told(text)

    def action_filtered(self) -> None:
        """What the filter lets through."""
        self._done(filtered=bool(self.filter_text))

    def _done(self, *, filtered: bool) -> None:
        path = self.query_one(TextLine).value.strip()
        self.dismiss(Wanted(path, filtered) if path else None)
