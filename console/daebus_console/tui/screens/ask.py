"""A question with a line for the answer."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from daebus_console.text import clean
from daebus_console.tui.leaving import Dialog
from daebus_console.tui.look.measured import Told
from daebus_console.tui.widgets.text_line import TextLine


class AskScreen(Dialog[str | None]):
    """Dismissed with what was typed, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Never mind")]

    def __init__(self, question: str, about: str = "", value: str = "") -> None:
        super().__init__()
        self.question, self.about, self.value = question, about, value

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_subtitle = "enter: done, escape: never mind"
            yield Told(Text.assemble((self.question, "bold"), f"  {clean(self.about)}"))
            yield TextLine(self.value, compact=True, entered=self._answered)

    def _answered(self, text: str) -> None:
        self.dismiss(text.strip() or None)
