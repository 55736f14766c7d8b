"""The text of a draft to type in: coloured, with the mistake lit, and quick in a text of a megabyte.

It draws its own lines, and of a long one only what is on the screen; Textual's own would lay out the whole text anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult

from daebus_console.tui.draft.text import INDENT, new_line, partner, parts, safe, token_at
from daebus_console.tui.rows.lines import ROLES
from daebus_console.tui.widgets.keys_in_order import carried_out, passed_on

LARGEST = 4_000_000
"""Signs beyond which a text can be looked at and not typed in."""


class DraftArea(TextArea):
    """Tells `Changed` and `SelectionChanged`, as every TextArea. `touched` is called before each key, click and paste.

    What cannot be shown becomes a JSON escape on its way in, wherever it comes from.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {*(f"role--{role}" for role in ROLES), "draft--mistake", "draft--line"}
    BINDINGS: ClassVar[list[BindingType]] = [
        # Here and not on the screen: keys that come at once are to be carried out in their order.
        Binding("ctrl+s,ctrl+enter", "screen.send", "Send", key_display="^s"),
        Binding("f8,ctrl+n", "screen.mistake", "Mistake", key_display="F8"),
        Binding("ctrl+o", "screen.editor", "$EDITOR"),
        Binding("ctrl+l", "screen.lay_out", "Lay out"),
        Binding("ctrl+r", "screen.restore", "As it was"),
        Binding("escape", "screen.close", "Close", key_display="esc"),
        Binding("f1", "screen.keys", "Keys", key_display="F1"),
    ]

    class TooLong(Message):
        """What was pasted has no room, and was not taken."""

    def __init__(self, text: str, touched: Callable[[str], None], **keywords: Any) -> None:
        self.touched = touched
        self.mistake: tuple[int, int] | None = None
        super().__init__(
            soft_wrap=False,
            tab_behavior="indent",
            show_line_numbers=True,
            compact=True,
            read_only=len(text) > LARGEST,
            **keywords,
        )
        # Textual goes three times through a text that it begins with.
        self.load_text(text)
        self.indent_width = INDENT
        self.cursor_blink = False

    # What stands there -----------------------------------------------------------------------------------------

    def put(self, text: str) -> None:
        """Another text in place of the whole; undo brings back what was there."""
        self.replace(text, self.document.start, self.document.end, maintain_selection_offset=False)

    def limit(self) -> None:
        """Let it be typed in as long as it is not too long."""
        self.read_only = len(self.text) > LARGEST

    def edit(self, edit: Edit) -> EditResult:
        """See Textual; nothing gets in that cannot be shown."""
        edit.text = safe(edit.text)
        return super().edit(edit)

    def show_mistake(self, place: tuple[int, int] | None) -> None:
        """Light that place (row and column from 0), or none."""
        if place != self.mistake:
            self.mistake = place
            self.refresh()

    def find_matching_bracket(self, bracket: str, search_from: tuple[int, int]) -> tuple[int, int] | None:
        """See Textual; what is in strings does not count, and what is far away is not looked for."""
        del bracket
        return partner(self.document.lines, *search_from)

    def _rewrap_and_refresh_virtual_size(self) -> None:
        """See Textual, which goes through the whole text each time. Here no line is wrapped, and none has a tab."""
        self._line_cache.clear()
        self._refresh_size()

    # Keys and mouse --------------------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        if await passed_on(self, event):
            return
        self.touched(event.key)
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_new_line()
        else:
            # What is not bound goes on to the handler of the text area by itself, as clicks and pastes do below.
            await carried_out(self, event)

    def action_new_line(self) -> None:
        """A new line, indented as it belongs."""
        if self.read_only:
            return
        start, end = sorted(self.selection)
        before, after = self.document.get_line(start[0])[: start[1]], self.document.get_line(end[0])[end[1] :]
        text, behind = new_line(before, after)
        self.replace(text, start, end, maintain_selection_offset=False)
        if behind:
            row = self.cursor_location[0] - 1
            self.move_cursor((row, len(self.document.get_line(row))))

    async def _on_paste(self, event: events.Paste) -> None:
        if await passed_on(self, event):
            return
        self.touched("")
        if len(self.text) + len(event.text) > LARGEST:
            event.stop()
            event.prevent_default()
            self.post_message(self.TooLong())

    async def _on_mouse_down(self, _event: events.MouseDown) -> None:
        self.touched("")

    # Drawing ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """See Textual."""
        left, top = self.scroll_offset
        row, width = top + y, self.size.width
        ground = self.rich_style
        if row >= self.document.line_count:
            return Strip.blank(width, ground)
        here = row == self.cursor_location[0]
        if here and self.highlight_cursor_line:
            ground += self.get_component_rich_style("text-area--cursor-line")
        gutter = Segment(f"{row + 1:>{self.gutter_width - 2}}  ", self._gutter_style(row, here))
        signs = self._window(row, left, width - self.gutter_width, ground)
        return Strip([gutter, *signs]).adjust_cell_length(width, ground)

    def _role(self, role: str) -> Style:
        """The colour of a role, on whatever ground there is."""
        found = self.get_component_rich_style(f"role--{role}")
        return Style(color=found.color, bold=found.bold, dim=found.dim)

    def _gutter_style(self, row: int, here: bool) -> Style:
        style = self.rich_style + self.get_component_rich_style(f"text-area--{'cursor-gutter' if here else 'gutter'}")
        if self.mistake is not None and row == self.mistake[0]:
            found = self.get_component_rich_style("draft--line")
            style += Style(color=found.color, bold=found.bold)
        return style

    def _window(self, row: int, left: int, room: int, ground: Style) -> list[Segment]:
        """What is to be seen of a line in `room` cells from the cell `left` on."""
        line = self.document.get_line(row)
        start = self.cell_width_to_column_index(left, row) if left else 0
        # The cursor may stand behind the last sign.
        end = min(len(line) + 1, start + room)
        if start >= end:
            return []
        styles = [ground] * (end - start)

        def lay(first: int, last: int, style: Style) -> None:
            for at in range(max(first, start), min(last, end)):
                styles[at - start] += style

        for part in parts(line):
            if part.start < end and part.end > start:
                lay(part.start, part.end, self._role(part.role))
        for first, last, name in self._marks(row, line):
            lay(first, last, self.get_component_rich_style(name))
        return _grouped(f"{line[start:end]}{' ' if end > len(line) else ''}", styles)

    def _marks(self, row: int, line: str) -> list[tuple[int, int, str]]:
        """What lies over the colours of a line."""
        marks = []
        if self.mistake is not None and row == self.mistake[0]:
            marks.append((*token_at(line, self.mistake[1]), "draft--mistake"))
        cursor = self.cursor_location
        if (first := min(self.selection)) != (last := max(self.selection)):
            if first[0] <= row <= last[0]:
                begin = first[1] if row == first[0] else 0
                marks.append((begin, last[1] if row == last[0] else len(line) + 1, "text-area--selection"))
        elif self.matching_bracket_location is not None:
            for place in (cursor, self.matching_bracket_location):
                if place[0] == row:
                    marks.append((place[1], place[1] + 1, "text-area--matching-bracket"))
        if self.has_focus and row == cursor[0]:
            marks.append((cursor[1], cursor[1] + 1, "text-area--cursor"))
        return marks


def _grouped(text: str, styles: list[Style]) -> list[Segment]:
    """Signs of one style together."""
    segments = []
    begin = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or styles[at] != styles[begin]:
            segments.append(Segment(text[begin:at], styles[begin]))
            begin = at
    return segments
