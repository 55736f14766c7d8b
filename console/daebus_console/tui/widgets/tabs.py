"""Tabs in one line: names to click, the chosen one lit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import events
from textual.message import Message as Event

from daebus_console.tui.rows.lines import Line
from daebus_console.tui.widgets.title import TitleLine


class TabLine(TitleLine):
    """One line of tabs; `title` stands before them."""

    class Chosen(Event):
        """A tab was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, names: Sequence[str], **keywords: Any) -> None:
        super().__init__(**keywords)
        self.names = tuple(names)
        self.chosen = self.names[0]
        self.title: Line = []

    def choose(self, name: str, title: Line, right: Line | None = None) -> None:
        """Light that tab."""
        self.chosen, self.title = name, title
        left: Line = []
        for number, one in enumerate(self.names, 1):
            left += [(f" {number}", "dim"), (f" {one} ", "match" if one == name else "plain")]
        self.show([*left, ("  ", "plain"), *title], right)

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the pointer."""
        start = 0
        for name in self.names:
            end = start + len(name) + 4
            if start <= event.x < end:
                self.post_message(self.Chosen(name))
                return
            start = end
