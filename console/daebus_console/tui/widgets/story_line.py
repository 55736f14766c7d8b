"""The line of the demo's story, above the keys of a screen: it says what to do next, and never has the keyboard."""

from __future__ import annotations

from textual.strip import Strip

from daebus_console.tui.rows.lines import Line
from daebus_console.tui.titles.story import laid_out
from daebus_console.tui.widgets.title import TitleLine, width_of

_HINT: Line = [(" F6", "accent"), (" ends it ", "dim")]
_NARROW = 60
"""Cells of a line below which the words need all of them, and more lines."""


class StoryLine(TitleLine, can_focus=False):
    """One line where that has room, else two; where lines are short as many as it takes, up to four."""

    _told: Line = []  # noqa: RUF012  # replaced, never changed

    def tell(self, line: Line) -> None:
        """Say this from now on."""
        self._told = line
        self._fit()

    def on_resize(self) -> None:
        """How many lines it takes depends on the width."""
        self._fit()

    def _lines(self) -> list[Line]:
        lines = 2 if self.right else 4
        return laid_out(self.left, max(1, self.size.width - width_of(self.right)), lines)

    def _fit(self) -> None:
        self.show(self._told, [] if self.size.width < _NARROW else _HINT)
        if self.size.width:
            self.styles.height = len(self._lines())

    def render_line(self, y: int) -> Strip:
        """See Textual."""
        width, lines = self.size.width, self._lines()
        line = lines[y] if y < len(lines) else []
        right = Strip(self._segments(self.right if y == len(lines) - 1 else []))
        left = Strip(self._segments(line)).adjust_cell_length(max(0, width - right.cell_length), self.rich_style)
        return Strip.join([left, right]).adjust_cell_length(width, self.rich_style)
