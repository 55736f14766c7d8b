"""The line in which one types what to look for in a document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message as Event
from textual.widgets import Input

from daebus_console.tui.widgets.text_line import TextLine


class FindLine(TextLine):
    """Hidden until it is needed. Posts Sought with every change; `leave` closes it and gives the focus away at once."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Next match"),
        Binding("escape", "leave", "Done"),
    ]

    class Sought(Event):
        """Look for the text: anew while it is typed, or for the next one."""

        def __init__(self, text: str, *, next_one: bool = False) -> None:
            super().__init__()
            self.text = text
            self.next_one = next_one

    def __init__(self, leave: Callable[[], None], **keywords: Any) -> None:
        super().__init__(compact=True, placeholder="text to look for, also in what is folded", **keywords)
        self._leave = leave

    def on_input_changed(self, event: Input.Changed) -> None:
        """Each sign typed narrows the search."""
        event.stop()
        if self.display:
            self.post_message(self.Sought(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes to the next match."""
        event.stop()
        self.post_message(self.Sought(event.value, next_one=True))

    def action_leave(self) -> None:
        """Close."""
        self._leave()
