"""The lines of a document with a cursor: what the detail pane shows below its tabs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message as Event

from daebus_console.commands.doing.shared.copying import too_long
from daebus_console.tui.documents.document import Document, Lines
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.widgets.row_list import RowList


class DocumentView(RowList):
    """Shows one document: folding, copying, searching."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "turn", "Fold"),
        Binding("right,l", "unfold", "Unfold", show=False),
        Binding("left,h", "fold", "Fold", show=False),
        Binding("y", "copy", "Copy"),
        Binding("Y", "copy_path", "Copy path", show=False),
        Binding("v", "follow", "Follow the value: show only what carries it, anywhere in a payload", show=False),
    ]

    class Followed(Event):
        """A value is to be followed: `filter` lets through what carries it."""

        def __init__(self, filter: str) -> None:
            super().__init__()
            self.filter = filter

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.document: Document = Lines([])
        self.hint: list[Line] = []
        self.wanted = ""
        """What is looked for: lit wherever it stands."""
        self.wrapping = False
        """Whether long values are shown whole."""
        self._cursor: int | None = None
        self._wanted: tuple[Any, Any] = (None, None)
        """What stood at the top and under the cursor when something was put there last by a layout …"""
        self._returned: tuple[int, int | None] | None = None
        """… and the rows where it came to stand then: once one is another, the user has gone elsewhere."""

    def wrap(self, on: bool) -> None:
        """Show long values whole, or cut them to one line each."""
        self.wrapping = on
        self._lay_out()

    def _lay_out(self) -> None:
        places = self._places()
        self.document.lay_out(self.row_width(), whole=self.wrapping)
        self._return_to(*places)
        self.refresh()

    def _places(self) -> tuple[Any, Any]:
        """What stands at the top and under the cursor; None where nothing does.

        What came there by itself is what it was before: so nothing drifts from layout to layout.
        """
        if self._returned == (self.top, self._cursor):
            return self._wanted
        last = self.count() - 1

        def at(index: int | None) -> Any:
            return None if index is None or last < 0 else self.document.place(min(index, last))

        return at(self.top), at(self._cursor)

    def _return_to(self, top: Any, cursor: Any) -> None:
        """Have that at the top and under the cursor, which stays on the screen, however it is laid out now."""
        self._wanted = top, cursor
        if not self.count():
            self.top, self._cursor = 0, None
            return
        here, page = self._cursor, self._page or self.page
        seen = here is not None and self.top <= here < self.top + page
        if cursor is not None:
            self._cursor = self.document.row_of(cursor)
        if top is not None:
            self.top = self.document.row_of(top)
        if seen and self._cursor is not None:
            self.show_row(self._cursor)
        self._returned = self.top, self._cursor

    def on_resize(self) -> None:
        self._lay_out()

    def show(self, document: Document, *, keep_place: bool = False) -> None:
        """Show another document, from its start or from the same line, folded as it was."""
        stays = keep_place and type(document) is type(self.document)
        places = self._places() if stays else (None, None)
        if keep_place:
            document.adopt(self.document)
        self.document = document
        document.lay_out(self.row_width(), whole=self.wrapping)
        if stays:
            if places[1] is not None:
                # Unless the cursor is in it, a part that was open for being the newest is not any more.
                document.open_to(places[1])
            self._return_to(*places)
        else:
            # What a place is, differs from one kind of document to another.
            self._returned = None
            if not keep_place:
                self.top, self._cursor = 0, None
            elif self._cursor is not None:
                self._cursor = min(self._cursor, document.count() - 1) if document.count() else None
        self.refresh()

    def count(self) -> int:
        return self.document.count()

    def line(self, index: int, width: int) -> Line:
        return light(self.document.line(index, width), self.wanted)

    def empty(self) -> list[Line]:
        return self.hint

    def cursor_index(self) -> int | None:
        return self._cursor

    def put_cursor(self, index: int) -> None:
        self._cursor = index

    def on_focus(self) -> None:
        if self._cursor is None and self.count():
            self._cursor = self.top

    def clicked(self, index: int, event: events.Click) -> None:
        super().clicked(index, event)
        if self.document.opened(index) is not None:
            self.action_turn()

    def action_turn(self) -> None:
        """Open or close what stands on the line."""
        if self._cursor is not None and self._cursor < self.count():
            self.document.toggle(self._cursor)
            self.refresh()

    def action_unfold(self) -> None:
        """Open what stands on the line, or go into it."""
        if self._cursor is None:
            return
        if self.document.opened(self._cursor) is False:
            self.action_turn()
        else:
            self.action_move(1)

    def action_fold(self) -> None:
        """Close what stands on the line, or go to what it is in."""
        if self._cursor is None:
            return
        if self.document.opened(self._cursor):
            self.action_turn()
            return
        parent = self.document.parent(self._cursor)
        if parent is not None:
            self.move_to(parent)

    def seek(self, text: str, direction: int, *, here: bool = False) -> bool:
        """Put the cursor on the next line with the text; with `here`, this line counts. False where there is none."""
        if not self.count():
            return False
        start = self._cursor or 0
        found = self.document.find(text, start - direction if here else start, direction)
        if found is not None:
            self.move_to(found)
        return found is not None

    def action_copy(self) -> None:
        """Copy the value on the line to the clipboard."""
        self._copy(self.document.value(self._cursor) if self._cursor is not None else None, "value")

    def action_copy_path(self) -> None:
        """Copy where in the payload the line is."""
        self._copy(self.document.path(self._cursor) if self._cursor is not None else None, "path")

    def action_follow(self) -> None:
        """Show only what carries the value on the line."""
        wanted = self.document.followed(self._cursor) if self._cursor is not None else None
        if wanted is None:
            self.notify("Put the cursor on a text or a number to follow it", timeout=3)
        else:
            self.post_message(self.Followed(wanted))

    def _copy(self, text: str | None, what: str) -> None:
        if text is None:
            self.notify(f"There is no {what} on this line", timeout=2)
            return
        if told := too_long(text):
            self.notify(f"{told}: Y and f in the flow write the exchange into a file", timeout=5, severity="warning")
            return
        self.app.copy_to_clipboard(text)
        self.notify(f"Copied the {what}: {len(text):,} characters", timeout=2)


def light(line: Line, wanted: str) -> Line:
    """The line with the text lit wherever it stands within a piece."""
    if not wanted:
        return line
    lit: Line = []
    for text, role in line:
        done = 0
        for start, end in _places(wanted.casefold(), text):
            lit += [(text[done:start], role), (text[start:end], "match")]
            done = end
        lit.append((text[done:], role))
    return lit


def _places(wanted: str, text: str) -> Iterator[tuple[int, int]]:
    """Where it stands in the text, small or large: some signs are more when they are folded."""
    folded = [sign.casefold() for sign in text]
    whole, signs = "".join(folded), [index for index, sign in enumerate(folded) for _part in sign]
    found = whole.find(wanted)
    while found >= 0:
        beyond = found + len(wanted)
        yield signs[found], signs[beyond - 1] + 1
        found = whole.find(wanted, beyond)
