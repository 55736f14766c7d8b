"""The one-line heads of the panes, and the line at the top of the screen: pieces of text, drawn from left and right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip

from daebus_console.text import cells, cut
from daebus_console.tui.look.legible import legible
from daebus_console.tui.look.measured import Measures
from daebus_console.tui.look.roles import DrawsRoles
from daebus_console.tui.rows.lines import Line, trimmed

_LEAST = 8
"""Cells that are left of what yields."""


class TitleLine(DrawsRoles, Measures):
    """One line with something at its left and something at its right.

    Where both have no room, what is dim at the right (hints, mostly) goes first. Where roles are named that `yields`,
    pieces at the left in them are shortened, those of the last role first; then what is plain at the right goes, the
    last first, and then those pieces, of the first role first. After that the right end wins.
    """

    class Pressed(Message):
        """The mouse was pressed on a piece of the right end, which often names a key."""

        def __init__(self, title: TitleLine, text: str) -> None:
            super().__init__()
            self.title = title
            self.text = text

        @property
        def control(self) -> TitleLine:
            return self.title

    def __init__(self, left: Line | None = None, *, yields: Sequence[str] = (), **keywords: Any) -> None:
        super().__init__(**keywords)
        self.yields = yields
        self.left: Line = left or []
        self.right: Line = []

    def show(self, left: Line, right: Line | None = None) -> None:
        """Draw these from now on."""
        right = right or []
        if (left, right) != (self.left, self.right):
            self.left, self.right = left, right
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Tell which piece of the right end was meant."""
        _left, right = fitted(self.left, self.right, self.size.width, self.yields)
        x = self.size.width - width_of(right)
        for text, _role in right:
            before, x = x, x + cells(text)
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
        left_end, right_end = fitted(self.left, self.right, width, self.yields)
        right = trimmed(right_end, width)
        left = trimmed(left_end, width - width_of(right))
        blank = Segment(" " * (width - width_of(left) - width_of(right)), self.rich_style)
        return Strip([*self._segments(left), blank, *self._segments(right)], width)


def fitted(left: Line, right: Line, width: int, yields: Sequence[str] = ()) -> tuple[Line, Line]:
    """Both ends as they are to be drawn in so many cells: see TitleLine."""

    def over() -> int:
        return width_of(left) + width_of(right) - width

    def spare(piece: tuple[str, str]) -> int:
        return max(0, cells(piece[0]) - _LEAST) if piece[1] in yields else 0

    if over() > 0:
        right = [piece for piece in right if piece[1] != "dim"]
    if not yields:
        return left, right
    while over() > sum(map(spare, left)) and (plain := [at for at, piece in enumerate(right) if piece[1] == "plain"]):
        right = right[: plain[-1]] + right[plain[-1] + 1 :]
    for role in yields:
        if over() > sum(map(spare, left)):
            left = [piece for piece in left if piece[1] != role]
    for role in reversed(yields):
        for at, piece in enumerate(left):
            if piece[1] == role and over() > 0:
                shorter = cut(piece[0], cells(piece[0]) - min(spare(piece), over()))
                left = [*left[:at], (shorter, role), *left[at + 1 :]]
    return left, right


def width_of(line: Line) -> int:
    """Cells the line takes."""
    return sum(cells(text) for text, _role in line)
