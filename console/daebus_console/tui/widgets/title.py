"""The one-line heads of the panes, and the line at the top of the screen: pieces of text, drawn from left and right."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from daebus_console.tui.look.legible import legible
from daebus_console.tui.look.roles import DrawsRoles
from daebus_console.tui.rows.lines import Line


class TitleLine(DrawsRoles):
    """One line with something at its left and something at its right; the right end wins where both have no room."""

    class Pressed(Message):
        """The mouse was pressed on a piece of the right end, which often names a key."""

        def __init__(self, title: TitleLine, text: str) -> None:
            super().__init__()
            self.title = title
            self.text = text

        @property
        def control(self) -> TitleLine:
            return self.title

    def __init__(self, left: Line | None = None, right: Line | None = None, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.left: Line = left or []
        self.right: Line = right or []

    def show(self, left: Line, right: Line | None = None) -> None:
        """Draw these from now on."""
        right = right or []
        if (left, right) != (self.left, self.right):
            self.left, self.right = left, right
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Tell which piece of the right end was meant."""
        x = self.size.width - width_of(self.right)
        for text, _role in self.right:
            before, x = x, x + cell_len(text)
            if before <= event.x < x:
                self.post_message(self.Pressed(self, text))
                return

    def _segments(self, line: Line) -> list[Segment]:
        styles: dict[str, Style] = {}
        for _text, role in line:
            if role not in styles:
                styles[role] = legible(self.role_style(role))
        return [Segment(text, styles[role]) for text, role in line if text]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y:
            return Strip.blank(width, self.rich_style)
        right = Strip(self._segments(self.right))
        room = max(0, width - right.cell_length)
        left = Strip(self._segments(self.left))
        if left.cell_length > room and room > 1:
            left = Strip.join([left.crop(0, room - 1), Strip([Segment("…", self.rich_style)])])
        left = left.adjust_cell_length(room, self.rich_style)
        return Strip.join([left, right]).adjust_cell_length(width, self.rich_style)


def width_of(line: Line) -> int:
    """Cells the line takes."""
    return sum(cell_len(text) for text, _role in line)
