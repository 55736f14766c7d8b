"""The line in which commands are typed: coloured, completed, with ghost text, and of several lines where need be."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.style import Style
from rich.text import Text
from textual import events, work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import Edit, EditResult
from textual.worker import get_current_worker

from daebus_console.commands.completion.highlight import Mark, marks
from daebus_console.commands.completion.hint import Hint, hint
from daebus_console.commands.completion.offer import Offer, taken
from daebus_console.commands.grammar.script import goes_on
from daebus_console.repl.pasting import TooLong, pasted
from daebus_console.text import showable
from daebus_console.tui.look.legible import legible
from daebus_console.tui.look.roles import DrawsRoles
from daebus_console.tui.messages import FillIn, StopRequested
from daebus_console.tui.widgets.keys_in_order import carried_out, passed_on
from daebus_console.tui.widgets.repl_recall import Recall
from daebus_console.tui.widgets.text_line import LEFT_OUT

if TYPE_CHECKING:
    from daebus_console.repl.assist import Assist

MOST_ROWS = 6
_PAUSE = 0.03
"""Seconds without a key after which it is looked up what may come: whoever types on does not want it drawn."""
_STYLES = {"bold": "strong", "": "plain"}


class CommandLine(TextArea):
    """Enter carries out, or goes on in a new line while something is open. Tells what changed with `Typed`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "earlier", "Earlier", key_display="↑"),
        Binding("down", "later", "Later", show=False),
        Binding("tab", "complete(1)", "Complete"),
        Binding("pageup", "page_output(-1)", "Scroll up", key_display="PgUp"),
        Binding("pagedown", "page_output(1)", "Scroll down", key_display="PgDn", show=False),
        Binding("shift+up", "scroll_output(-1)", "Scroll up by a row", show=False),
        Binding("shift+down", "scroll_output(1)", "Scroll down by a row", show=False),
        Binding("shift+tab", "complete(-1)", "Complete backwards", show=False),
        Binding("ctrl+t", "fill_in", "Fill in what was sent last"),
        Binding("ctrl+r", "search", "Search what was entered", show=False),
        Binding("ctrl+j", "newline", "New line", show=False),
        Binding("escape", "leave", "Back"),
        Binding("ctrl+c", "empty", "Empty the line, or stop the command under way", show=False),
        Binding("ctrl+l", "clear_output", "Clear the output", show=False),
        # As at a shell's prompt: ctrl+z stops the job, and ctrl+_ undoes.
        Binding("ctrl+z", "app.suspend_process", "Suspend", show=False),
        Binding("ctrl+underscore", "undo", "Undo", show=False),
    ]

    class Typed(Message):
        """What stands there, what is offered or what is searched for has changed."""

    class Entered(Message):
        """What stands there is to be carried out."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class ClearOutput(Message):
        """What was printed is to be forgotten."""

    class ScrollOutput(Message):
        """What was printed is to be scrolled, by that many rows or, with `pages`, pages."""

        def __init__(self, by: int, *, pages: bool) -> None:
            super().__init__()
            self.by = by
            self.pages = pages

    def __init__(self, **keywords: Any) -> None:
        super().__init__(compact=True, soft_wrap=True, highlight_cursor_line=False, **keywords)
        self._helper: Callable[[], Assist] | None = None
        self.leave: Callable[[], object] = lambda: None
        """Gives the focus away, at once."""
        self.offers: Sequence[Offer] = ()
        self.offer = -1
        self.hint: Hint | None = None
        self.recall = Recall()
        self._base: tuple[str, int] = ("", 0)
        self._looked_up = ("", -1)
        self._marks: list[Mark] = []
        self._quiet = False
        self._rows = 1

    def helped_by(self, helper: Callable[[], Assist]) -> None:
        """Have that help while one types; it is made when it is first needed."""
        self._helper = helper

    @property
    def assist(self) -> Assist | None:
        """What helps while one types."""
        return self._helper() if self._helper is not None else None

    def render_line(self, y: int) -> Strip:
        """See Textual, which cannot part what stands in an empty line into rows of no cells."""
        return super().render_line(y) if self.content_size.width > 0 else Strip.blank(self.size.width)

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """See Textual; a slash is typed, so that the footer does not offer what it does elsewhere."""
        return key == "slash" or super().check_consume_key(key, character)

    @work(thread=True, group="warming", exit_on_error=False)
    def _warm(self) -> None:
        """Load what helps before the first key wants it."""
        if self.assist is not None:
            self.assist.entries()

    def on_focus(self) -> None:
        """Somebody is about to type."""
        self._warm()

    # What stands there -----------------------------------------------------------------------------------------

    @property
    def cursor_position(self) -> int:
        """Where the cursor is, in characters from the beginning."""
        row, column = self.cursor_location
        return self._start_of(row) + column

    @cursor_position.setter
    def cursor_position(self, position: int) -> None:
        before = self.text[: max(0, position)]
        row = before.count("\n")
        self.move_cursor((row, len(before) - self._start_of(row)))

    def _start_of(self, row: int) -> int:
        return sum(len(self.document.get_line(index)) + 1 for index in range(row))

    def put(self, text: str, cursor: int | None = None) -> None:
        """Put a text in place of what stands there; what cannot be shown is left out."""
        text = self._showable(text)
        self.replace(text, self.document.start, self.document.end, maintain_selection_offset=False)
        self.cursor_position = len(text) if cursor is None else cursor

    def edit(self, edit: Edit) -> EditResult:
        """See Textual; what cannot be shown does not get in."""
        edit.text = self._showable(edit.text)
        result = super().edit(edit)
        self._changed()
        return result

    def _showable(self, text: str) -> str:
        kept = "\n".join(map(showable, text.split("\n")))
        if kept != text and self.is_mounted:
            self.notify(LEFT_OUT, timeout=4)
        return kept

    def _changed(self) -> None:
        text = self.text
        self._marks = marks(text)
        self.hint = hint(text)
        self._line_cache.clear()
        # With a height of its own making, everything would be laid out anew on every key.
        rows = max(1, min(MOST_ROWS, self.wrapped_document.height))
        if rows != self._rows:
            self._rows = rows
            self.styles.height = rows
        if not self._quiet:
            self.offer = -1
            if not text.strip():
                self.offers = ()
                self.suggestion = ""
            self._look_up(text, len(text))
        self.post_message(self.Typed())

    # Looking up what may come: it takes locks that a busy tap holds, so it is done beside the typing ------------

    @work(thread=True, exclusive=True, group="offers", exit_on_error=False)
    def _look_up(self, text: str, cursor: int) -> None:
        worker = get_current_worker()
        assist = self.assist
        time.sleep(_PAUSE)
        if assist is None or worker.is_cancelled or not text.strip():
            return
        rest = assist.rest(text)
        offers = assist.offers(text, cursor)
        if not worker.is_cancelled:
            self.app.call_from_thread(self._found, text, cursor, offers, rest)

    def _found(self, text: str, cursor: int, offers: Sequence[Offer], rest: str) -> None:
        if self.text != text or self.offer >= 0:
            return
        self.offers, self._base, self._looked_up = offers, (text, cursor), (text, cursor)
        self.suggestion = rest if self.cursor_position == len(text) else ""
        self._line_cache.clear()
        self.refresh()
        self.post_message(self.Typed())

    # Drawing ---------------------------------------------------------------------------------------------------

    def get_line(self, line_index: int) -> Text:
        """See Textual."""
        line = super().get_line(line_index)
        start = self._start_of(line_index)
        end = start + len(line.plain)
        for mark in self._marks:
            if mark.start < end and mark.end > start:
                line.stylize(self._style(mark.role), max(0, mark.start - start), mark.end - start)
        wrong = self.hint
        if wrong is not None and wrong.wrong and start <= wrong.position <= end:
            line.stylize(
                self._style("error") + Style(underline=True),
                wrong.position - start,
                wrong.position + wrong.length - start,
            )
        return line

    def _style(self, role: str) -> Style:
        parent = self.parent
        if not role or not isinstance(parent, DrawsRoles):
            return Style.null()
        found = parent.role_style(_STYLES.get(role, role))
        return Style(color=legible(found + Style(bgcolor=self.rich_style.bgcolor)).color, bold=found.bold)

    # Keys ------------------------------------------------------------------------------------------------------

    async def _on_key(self, event: events.Key) -> None:
        if await passed_on(self, event):
            return
        if self.recall.searching and self._search_key(event):
            event.stop()
            event.prevent_default()
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            self.action_enter()
        elif event.character == ":" and not self.text:
            # The key that leads here, pressed once more.
            event.stop()
            event.prevent_default()
        elif not await carried_out(self, event):
            await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        if await passed_on(self, event):
            return
        event.stop()
        event.prevent_default()
        try:
            text = pasted(event.text)
        except TooLong as error:
            self.notify(str(error), severity="warning", timeout=6, markup=False)
            return
        self.insert(text)

    def action_enter(self) -> None:
        """Take the chosen offer; go on in a new line while something is open; else carry it out."""
        text = self.text
        if self.offer >= 0:
            self._take_offer()
        elif goes_on(text):
            self.insert("\n")
        elif text.strip():
            self.recall.leave()
            self.put("")
            self.post_message(self.Entered(text.strip().removeprefix(":").strip()))

    def _take_offer(self) -> None:
        self.offer, self.offers = -1, ()
        text = self.text
        if taken(text) != text:
            self.put(taken(text))
        else:
            self._changed()

    def action_newline(self) -> None:
        """A new line whatever stands there."""
        self.insert("\n")

    def action_complete(self, step: int) -> None:
        """Put in the next offer, and take one that is alone; with an empty line, go to the next pane."""
        if not self.text:
            self.screen.focus_next() if step > 0 else self.screen.focus_previous()
            return
        text = self.text
        if self.offer < 0 and self._looked_up != (text, len(text)) and self.assist is not None:
            # Tab was quicker than looking up.
            self.offers, self._base = self.assist.offers(text, len(text)), (text, len(text))
        if not self.offers:
            return
        self.offer = (self.offer + step) % len(self.offers) if self.offer >= 0 or step > 0 else len(self.offers) - 1
        base, cursor = self._base
        offer = self.offers[self.offer]
        only = len(self.offers) == 1
        self._quiet = True
        self.put(base[: offer.start] + offer.text + base[cursor:], offer.start + len(offer.text))
        self._quiet = False
        self.suggestion = ""
        if only:
            self._take_offer()

    def action_earlier(self) -> None:
        """The offer above, the line above, or what was entered before."""
        if self.offer >= 0:
            self.action_complete(-1)
        elif self.cursor_location[0] > 0:
            self.action_cursor_up()
        else:
            self._recall(-1)

    def action_later(self) -> None:
        """The offer below, the line below, or what was entered after that."""
        if self.offer >= 0:
            self.action_complete(1)
        elif self.cursor_location[0] < self.document.line_count - 1:
            self.action_cursor_down()
        else:
            self._recall(1)

    def _recall(self, step: int) -> None:
        entries = self.assist.entries() if self.assist is not None else []
        found = self.recall.step(entries, step, self.text)
        if found is not None:
            self.put(found)

    def action_search(self) -> None:
        """Search what was entered."""
        self.recall.begin_search(self.text)
        self.post_message(self.Typed())

    def _search_key(self, event: events.Key) -> bool:
        """While searching, keys change what is searched for; False where the key ends that and means what it says."""
        entries = self.assist.entries() if self.assist is not None else []
        if event.key == "ctrl+r":
            found = self.recall.older(entries)
        elif event.key == "backspace":
            found = self.recall.narrow(entries, self.recall.needle[:-1])
        elif event.is_printable and event.character:
            found = self.recall.narrow(entries, self.recall.needle + event.character)
        elif event.key in ("escape", "ctrl+g"):
            found = self.recall.give_up()
        else:
            self.recall.leave()
            self.post_message(self.Typed())
            # Enter only takes what was found, so that it can be looked at before it is sent.
            return event.key == "enter"
        if found is not None:
            self.put(found)
        self.post_message(self.Typed())
        return True

    def action_leave(self) -> None:
        """Close the offers, or go back to the flow."""
        if self.offers:
            self.offers, self.offer = (), -1
            self.post_message(self.Typed())
        else:
            self.leave()

    def action_fill_in(self) -> None:
        """Fill in the payload that was seen last for the action."""
        self.post_message(FillIn(self.text))

    def action_empty(self) -> None:
        """Empty the line; when it is empty, stop the newest command that is under way."""
        searching = self.recall.searching
        self.recall.leave()
        if self.text or searching:
            self.put("")
        else:
            self.post_message(StopRequested())

    def action_page_output(self, pages: int) -> None:
        """Scroll what was printed by pages."""
        self.post_message(self.ScrollOutput(pages, pages=True))

    def action_scroll_output(self, rows: int) -> None:
        """Scroll what was printed by rows."""
        self.post_message(self.ScrollOutput(rows, pages=False))

    def action_clear_output(self) -> None:
        """Forget what was printed."""
        self.post_message(self.ClearOutput())
