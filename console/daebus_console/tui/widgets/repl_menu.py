"""What commands print; and over its last rows, while there are any, the offers of what may be typed.

They lie over it because a widget that comes and goes would have everything laid out and drawn anew, often on every key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widgets import RichLog

from daebus_console.commands.completion.offer import Offer
from daebus_console.text import cells, clean, cut, pad
from daebus_console.tui.look.legible import legible
from daebus_console.tui.look.measured import Measures

MOST_ROWS = 6
_WIDEST = 60


class OutputLog(RichLog, Measures):
    """A log that can have a menu over its end; the chosen offer is lit, and each says what it is."""

    class Widened(Message):
        """It has another width: what was printed is wrapped for the one before."""

        def can_replace(self, message: Message) -> bool:
            """See Textual: of several that wait one is enough."""
            return isinstance(message, OutputLog.Widened)

    DEFAULT_CSS = """
    OutputLog { overflow-x: hidden; }
    OutputLog > .menu--row { color: $text-muted; background: $surface; }
    OutputLog > .menu--name { color: $text-primary; background: $surface; }
    OutputLog > .menu--chosen { color: $text; background: $accent 50%; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"menu--row", "menu--chosen", "menu--name"}

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.menu: list[Strip] = []
        self.reading = False
        """Whether the user has scrolled up, and wants to stay there whatever is printed."""
        self._width = 0

    def show_menu(self, offers: Sequence[Offer], chosen: int, indent: int) -> None:
        """Show the offers around the chosen one (-1: none is), `indent` cells from the left; without any, none."""
        menu = self._rows(offers, chosen, indent) if offers and self.size.height else []
        if menu or self.menu:
            self.menu = menu
            self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """See Textual. At the end nobody reads any more."""
        super().watch_scroll_y(old_value, new_value)
        self.reading = new_value < self.max_scroll_y

    def add(self, rows: Sequence[Strip]) -> None:
        """Write rows at the end. The end stays on the screen, or what is read there."""
        self.lines.extend(rows)
        dropped = max(0, len(self.lines) - (self.max_lines or len(self.lines)))
        del self.lines[:dropped]
        self._start_line += dropped
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.lines))
        self.refresh()
        if not self.reading:
            self.scroll_end(animate=False, immediate=False, x_axis=False)
        elif dropped:
            self.scroll_rows(-dropped)

    def to_the_end(self) -> None:
        """Go to the end, and stay there."""
        self.reading = False
        self.scroll_end(animate=False, x_axis=False)

    def on_resize(self, event: events.Resize) -> None:
        """See Textual. The end stays on the screen."""
        event.prevent_default()
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width = width
            self.post_message(self.Widened())
        if not self.reading:
            self.to_the_end()

    def scroll_rows(self, rows: int) -> None:
        """Scroll by that many rows, at once."""
        self.scroll_relative(y=rows, animate=False)

    def render_line(self, y: int) -> Strip:
        """See Textual."""
        row = y - (self.size.height - len(self.menu))
        return self.menu[row] if 0 <= row < len(self.menu) else super().render_line(y)

    def _rows(self, offers: Sequence[Offer], chosen: int, indent: int) -> list[Strip]:
        rows = min(self.size.height, MOST_ROWS, len(offers))
        first = max(0, min(chosen - rows + 1, len(offers) - rows))
        shown = offers[first : first + rows]
        most = self.size.width
        width = min(_WIDEST, most // 2, max(cells(clean(offer.text)) for offer in shown))
        indent = max(1, min(indent, most - width - 20))
        row, name, lit = (self._style(part) for part in ("row", "name", "chosen"))
        strips = []
        for index, offer in enumerate(shown, first):
            more = f" {index + 1}/{len(offers)}" if index == first + rows - 1 and len(offers) > rows else ""
            meta = cut(clean(offer.meta), max(0, most - indent - width - 4 - len(more))) + more
            segments = [
                Segment(" " * indent, row),
                Segment(f" {pad(clean(offer.text), width)} ", lit if index == chosen else name),
                Segment(f" {meta}", row),
            ]
            length = sum(cells(segment.text) for segment in segments)
            strips.append(Strip(segments, length).adjust_cell_length(most, row))
        return strips

    def _style(self, part: str) -> Style:
        return legible(self.get_component_rich_style(f"menu--{part}"))
