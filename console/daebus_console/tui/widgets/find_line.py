"""The line in which one types what to look for in a document."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message as Event
from textual.widgets import Input

from daebus_console.tui.widgets.text_line import TextLine


class FindLine(TextLine):
    """Hidden until it is needed. Posts Sought with every change, and when it is done."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Next match"),
        Binding("escape", "leave", "Done"),
    ]

    class Sought(Event):
        """Look for the text: anew while it is typed, or for the next one. `done`: the line has closed."""

        def __init__(self, text: str, *, next_one: bool = False, done: bool = False) -> None:
            super().__init__()
            self.text = text
            self.next_one = next_one
            self.done = done

    def __init__(self, **keywords: Any) -> None:
        super().__init__(compact=True, placeholder="text to look for, also in what is folded", **keywords)

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
        self.post_message(self.Sought(self.value, done=True))
