"""A list of many rows, drawn a line at a time: what the flow, the directory and the detail have in common.

It scrolls by whole rows and never lays anything out, so a million rows cost what forty do. Its children say how many
rows there are and what each looks like; the cursor is a row number or None.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message as Event
from textual.strip import Strip

from daebus_console.tui.look.legible import legible
from daebus_console.tui.look.measured import Measures
from daebus_console.tui.look.roles import style_of
from daebus_console.tui.rows.lines import Line, filled, trimmed, within
from daebus_console.tui.widgets.keys_in_order import told

WHEEL = 3
"""Rows a notch of the mouse wheel moves."""


class RowList(Measures, can_focus=True):
    """Override `count` and `line`; call `refresh` when what they return has changed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row--cursor",
        "row--cursor-blurred",
        "row--bar",
        "row--thumb",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("ctrl+u", "page(-1, 2)", "Half a page up", show=False),
        Binding("ctrl+d", "page(1, 2)", "Half a page down", show=False),
        Binding("home,g", "first", "First", show=False),
        Binding("end,G", "last", "Last", show=False),
    ]

    class Chosen(Event):
        """A row was opened: with enter or a second click."""

        def __init__(self, rows: RowList, index: int) -> None:
            super().__init__()
            self.rows = rows
            self.index = index

        @property
        def control(self) -> RowList:
            return self.rows

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.top = 0
        self._styles_of: dict[tuple[str, str], Style] = {}
        self._dragging = False
        self._page = 0
        """Rows that fitted when the size was told last."""

    # For children to say ---------------------------------------------------------------------------------------

    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    def line(self, index: int, width: int) -> Line:
        """What the row looks like; `width` is a hint, longer ones are cut."""
        raise NotImplementedError

    def empty(self) -> list[Line]:
        """What to show while there are no rows: what to do next."""
        return []

    def below(self) -> list[Line]:
        """What to show below the last row, where there is room."""
        return []

    def cursor_index(self) -> int | None:
        """The row the cursor is on, or None."""
        raise NotImplementedError

    def put_cursor(self, index: int) -> None:
        """Put the cursor on that row, which is there. Does not scroll."""
        raise NotImplementedError

    def scrolled(self) -> None:
        """The user has scrolled: `top` is where he wants to be."""

    def placed(self) -> None:
        """The user has put the cursor somewhere."""

    # Geometry --------------------------------------------------------------------------------------------------

    @property
    def page(self) -> int:
        """Rows that fit."""
        return max(1, self.size.height)

    @property
    def bottom(self) -> int:
        """The greatest sensible `top`."""
        return max(0, self.count() - self.page)

    def row_width(self) -> int:
        """Cells for a row, beside the scroll bar."""
        return max(1, self.size.width - 1)

    def show_row(self, index: int) -> None:
        """Scroll as little as needed to have that row on the screen."""
        if index < self.top:
            self.top = index
        elif index >= self.top + self.page:
            self.top = index - self.page + 1
        self.top = max(0, min(self.top, self.bottom))

    def in_sight(self) -> bool:
        """Whether the cursor is on the screen."""
        here = self.cursor_index()
        return here is not None and self.top <= here < self.top + self.page

    def on_resize(self) -> None:
        """What the cursor was on stays on the screen where it was there."""
        before, self._page = self._page, self.page
        here = self.cursor_index()
        self.keep_in_view(here if here is not None and self.top <= here < self.top + before else None)
        self.refresh()

    def keep_in_view(self, index: int | None) -> None:
        """The size is another one, and that row is to stay on the screen."""
        if index is not None:
            self.show_row(index)

    def scroll_rows(self, rows: int) -> None:
        """Scroll by that many rows on behalf of the user."""
        top = max(0, min(self.top + rows, self.bottom))
        if top != self.top:
            self.top = top
            self.scrolled()
            self.refresh()

    def index_at(self, y: int) -> int | None:
        """The row at that line of the widget, or None below the last one."""
        index = self.top + y
        return index if y >= 0 and index < self.count() else None

    async def open_row(self, index: int) -> None:
        """Have the screen open that row, now."""
        await told(self, self.Chosen(self, index))

    # Keys and mouse --------------------------------------------------------------------------------------------

    def move_to(self, index: int) -> None:
        """Put the cursor on that row, or the nearest there is, and show it."""
        count = self.count()
        if count:
            index = max(0, min(index, count - 1))
            self.put_cursor(index)
            self.show_row(index)
            self.placed()
            self.refresh()

    def action_move(self, rows: int) -> None:
        """Move the cursor by that many rows."""
        here = self.cursor_index()
        if here is None:
            here = self.top - 1 if rows > 0 else min(self.count(), self.top + self.page)
        self.move_to(here + rows)

    def action_page(self, direction: int, part: int = 1) -> None:
        """Move the cursor by a page, or a part of it."""
        here = self.cursor_index()
        rows = direction * max(1, self.page // part - (1 if part == 1 else 0))
        self.top = max(0, min(self.top + rows, self.bottom))
        self.move_to((self.top if here is None else here) + rows)

    def action_first(self) -> None:
        """Move to the first row."""
        self.move_to(0)

    def action_last(self) -> None:
        """Move to the last row."""
        self.move_to(self.count() - 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_rows(WHEEL)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_rows(-WHEEL)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if self._on_bar(event.x) and event.button == 1:
            self._dragging = True
            self.capture_mouse()
            self._drag(event.y)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            self._drag(event.y)

    def on_mouse_up(self, _event: events.MouseUp) -> None:
        if self._dragging:
            self._dragging = False
            self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        if self._on_bar(event.x):
            return
        index = self.index_at(event.y)
        if index is not None:
            self.clicked(index, event)

    def clicked(self, index: int, event: events.Click) -> None:
        """A row was clicked: the cursor goes there; a double click opens it."""
        self.put_cursor(index)
        self.placed()
        self.refresh()
        if event.chain > 1:
            self.post_message(self.Chosen(self, index))

    def _on_bar(self, x: int) -> bool:
        return x == self.size.width - 1 and self.count() > self.page

    def _drag(self, y: int) -> None:
        share = min(1.0, max(0.0, y / max(1, self.page - 1)))
        self.scroll_rows(round(share * self.bottom) - self.top)

    # Drawing ---------------------------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_of.clear()

    def style_of(self, role: str, over: str = "") -> Style:
        """The theme's style for a role, on the background of a component class where one is named."""
        key = (role, over)
        style = self._styles_of.get(key)
        if style is None:
            style = style_of(self, role)
            if over and role != "match":
                # Only the ground changes under the cursor: the colours of the signs keep their meaning.
                ground = self.get_component_rich_style(over)
                style += Style(bgcolor=ground.bgcolor, reverse=ground.reverse, underline=ground.underline)
            style = self._styles_of[key] = legible(style)
        return style

    def render_lines(self, crop: Region) -> list[Strip]:
        self.top = max(0, min(self.top, self.bottom))
        self.prepare(self.top, min(self.count(), self.top + self.page))
        return super().render_lines(crop)

    def prepare(self, first: int, last: int) -> None:
        """Rows `first` up to `last` are about to be drawn."""

    def render_line(self, y: int) -> Strip:
        width, count = self.size.width, self.count()
        if not count:
            lines = within(self.empty(), width)
            line = lines[y - 1] if 1 <= y <= len(lines) else []
            return self.strip(line, "", width)
        index = self.top + y
        if index < count:
            strip = self.row_strip(index)
        else:
            lines, place = within(self.below(), width - 1), index - count - 1
            strip = self.strip(lines[place] if 0 <= place < len(lines) else [], "", width - 1)
        return Strip.join([strip, self._bar(y, count)])

    def row_strip(self, index: int) -> Strip:
        """One row, as wide as `row_width`."""
        over = ""
        if index == self.cursor_index():
            over = "row--cursor" if self.has_focus else "row--cursor-blurred"
        return self.strip(self.line(index, self.row_width()), over, self.row_width())

    def strip(self, line: Line, over: str, width: int) -> Strip:
        """A line in the theme's colours, filled up or cut to the width; what is cut says so."""
        # Terminals, and we, have other ideas than Rich of how wide some signs are: what is longer than it is meant to
        # be is drawn over what stands beside it.
        line = filled(trimmed(line, width), width)
        return Strip([Segment(text, self.style_of(role, over)) for text, role in line if text], width)

    def _bar(self, y: int, count: int) -> Strip:
        page = self.page
        if count <= page:
            return Strip([Segment(" ", self.style_of("plain"))], 1)
        size = max(1, page * page // count)
        start = round(self.top / max(1, self.bottom) * (page - size))
        inside = start <= y < start + size
        style = self.get_component_rich_style("row--thumb" if inside else "row--bar")
        return Strip([Segment("┃" if inside else "│", style)], 1)
