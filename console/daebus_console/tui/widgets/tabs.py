"""Tabs in one line: names to click, the chosen one lit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import events
from textual.message import Message as Event

from daebus_console.tui.rows.lines import Line, shorter
from daebus_console.tui.widgets.title import TitleLine, width_of


class TabLine(TitleLine):
    """One line of tabs, and behind them a title.

    Where what the title `needs` to say has no room beside them, the tabs that are not chosen are their numbers alone.
    Where it has none then, the title is without its first piece, which is the number, and names in it are shortened.
    """

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
        self._needs = 0

    def choose(self, name: str, title: Line, needs: int = 0) -> None:
        """Light that tab. `needs` is how many cells of the title are to be seen."""
        self.chosen, self.title, self._needs = name, title, needs
        self._tell()

    def on_resize(self) -> None:
        """What has room depends on the width."""
        self._tell()

    def _tell(self) -> None:
        pieces = [piece for tab in self._tabs() for piece in tab]
        title, lacking = self.title, width_of(pieces) + 2 + self._needs - self.size.width
        if lacking > 0:
            title = shorter(title[1:], lacking - width_of(title[:1]))
        self.show([*pieces, ("  ", "plain"), *title])

    def _tabs(self) -> list[Line]:
        """What stands for each tab."""
        tabs: list[Line] = []
        for number, one in enumerate(self.names, 1):
            tabs.append([(f" {number}", "dim"), (f" {one} ", "match" if one == self.chosen else "plain")])
        if sum(map(width_of, tabs)) + 2 + self._needs > self.size.width:
            return [
                tab if one == self.chosen else [tab[0], (" ", "plain")]
                for one, tab in zip(self.names, tabs, strict=True)
            ]
        return tabs

    def on_click(self, event: events.Click) -> None:
        """Choose the tab under the pointer."""
        start = 0
        for name, tab in zip(self.names, self._tabs(), strict=True):
            end = start + width_of(tab)
            if start <= event.x < end:
                self.post_message(self.Chosen(name))
                return
            start = end
