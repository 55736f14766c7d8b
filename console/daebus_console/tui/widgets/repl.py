"""The command pane: what commands print, the line they are typed in, what may come and what is wrong in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import accumulate, islice
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.strip import Strip

from daebus_console.commands.grammar.secrets import shown
from daebus_console.text import cells, clean
from daebus_console.tui.look.legible import legible
from daebus_console.tui.look.roles import DrawsRoles
from daebus_console.tui.messages import CommandEntered
from daebus_console.tui.rows.lines import Line, parted
from daebus_console.tui.rows.pointing import pointed
from daebus_console.tui.widgets.repl_line import CommandLine
from daebus_console.tui.widgets.repl_menu import OutputLog
from daebus_console.tui.widgets.title import TitleLine, width_of

MOST_LINES = 5000
_BEGIN = (
    "help lists the commands, tab completes, ↑ brings back what was entered.",
    "help lists commands, tab completes",
    "help lists commands",
)
"""What stands there at first: as much as has room on one line."""
_EMPTY = (
    "request SERVICE ACTION name=value …   (help lists all commands)",
    "request SERVICE ACTION name=value …",
    "help lists commands",
)
"""What stands in an empty line."""


class ReplPane(DrawsRoles, Vertical):
    """Output above, what is offered while there is something, the line, and below it what is wrong."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.head = TitleLine([(" Commands", "strong")], id="repl-title", classes="pane-title")
        self.output = OutputLog(max_lines=MOST_LINES, id="repl-output")
        self.output.can_focus = False
        self.line = CommandLine(placeholder=_EMPTY[0], id="repl-line")
        self.below = TitleLine(id="repl-below")
        self._written: deque[Line] = deque(maxlen=MOST_LINES)
        self._rows: deque[int] = deque(maxlen=MOST_LINES)
        """How many rows each of them takes."""
        self._begin: Line = [(_BEGIN[0], "dim")]

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.output
        yield self.line
        yield self.below

    def on_mount(self) -> None:
        self.below.display = False
        self.app.theme_changed_signal.subscribe(self, lambda _theme: self._write_anew())
        self.write(self._begin)

    @on(CommandLine.Typed)
    def _typed(self, event: CommandLine.Typed) -> None:
        """Show what may come, and below the line what is wrong in it."""
        event.stop()
        line = self.line
        offers = line.offers if line.has_focus and not line.recall.searching else ()
        start = offers[0].start if offers else 0
        before = line.text[line.text.rfind("\n", 0, start) + 1 : start]
        self.output.show_menu(offers, line.offer, cells(clean(before)))
        self.below.show(self._below())

    def on_descendant_focus(self) -> None:
        """Somebody is about to type: there is room for what is wrong."""
        self.below.display = True

    def on_descendant_blur(self) -> None:
        """Nobody types any more."""
        self.below.display = False
        self.output.show_menu((), -1, 0)

    def _below(self) -> Line:
        recall, hint = self.line.recall, self.line.hint
        if recall.searching:
            return [
                (" searching for ", "wait" if not recall.failed else "error"),
                (f"{clean(recall.needle)}▏", "strong"),
            ]
        if hint is None or not hint.wrong:
            return [(f" {clean(hint.text)}", "dim")] if hint is not None else []
        text = self.line.text
        before = text[text.rfind("\n", 0, hint.position) + 1 : hint.position]
        marked = text[hint.position : hint.position + hint.length]
        one_row = "\n" not in text and cells(clean(text)) < self.line.size.width
        place = (1 + cells(clean(before)), cells(clean(marked))) if one_row else None
        return pointed([clean(hint.text)], place, 1, self.size.width)

    @on(CommandLine.ClearOutput)
    def _clear(self, event: CommandLine.ClearOutput) -> None:
        event.stop()
        self._written.clear()
        self._rows.clear()
        self.output.clear()
        self.output.to_the_end()

    @on(CommandLine.ScrollOutput)
    def _scroll(self, event: CommandLine.ScrollOutput) -> None:
        event.stop()
        self.output.scroll_rows(event.by * (max(1, self.output.size.height - 1) if event.pages else 1))

    @on(CommandLine.Entered)
    def _entered(self, event: CommandLine.Entered) -> None:
        """A command was entered."""
        event.stop()
        if event.text:
            self.echo(event.text)
            self.post_message(CommandEntered(event.text))

    def echo(self, command: str) -> None:
        """Show a command as it was entered, but for what is secret in it, at the end: there its output will be."""
        self.output.to_the_end()
        text = shown(command, getattr(self.app, "redact", None)).text
        lines = enumerate(text.split("\n"))
        self.write(*([("· " if index else "❯ ", "accent"), (clean(line), "strong")] for index, line in lines))

    def write(self, *lines: Line) -> None:
        """Show lines of pieces that are fit for the screen; those too long for the pane are wrapped."""
        self._written.extend(lines)
        self._print(lines)

    def _print(self, lines: Iterable[Line]) -> None:
        output, styles = self.output, dict[str, Style]()
        width = output.scrollable_content_region.width
        printed: list[Strip] = []
        for line in lines if width else ():
            if line is self._begin:
                line = [(_with_room(_BEGIN, width), "dim")]
            for _text, role in line:
                if role not in styles:
                    style = legible(self.role_style(role))
                    styles[role] = Style(color=style.color, bold=style.bold)
            rows = [
                Strip([Segment(text, styles[role]) for text, role in row], width_of(row)) for row in parted(line, width)
            ]
            self._rows.append(len(rows))
            printed += rows
        output.add(printed)

    @on(OutputLog.Widened)
    def _write_anew(self) -> None:
        """Write what was written in the colours and for the width of now; the line that is read stays at the top."""
        output = self.output
        reading, read = output.reading, self._line_at(output.scroll_offset.y)
        output.clear()
        self._rows.clear()
        # Nothing is scrolled meanwhile.
        output.reading = True
        self._print(self._written)
        output.reading = reading
        if reading:
            output.scroll_to(y=sum(islice(self._rows, read)) - self._dropped, animate=False)
        else:
            output.to_the_end()

    def on_resize(self) -> None:
        """What stands in an empty line depends on the width."""
        self.line.placeholder = _with_room(_EMPTY, self.size.width - 2)

    @property
    def _dropped(self) -> int:
        """Rows of what was written that had no room."""
        return sum(self._rows) - len(self.output.lines)

    def _line_at(self, row: int) -> int:
        """Which of what was written stands at that row of the output."""
        row += self._dropped
        return next((index for index, end in enumerate(accumulate(self._rows)) if end > row), 0)

    def on_click(self, _event: events.Click) -> None:
        """A click anywhere in the pane is meant for the line."""
        self.line.focus()


def _with_room(texts: Sequence[str], width: int) -> str:
    """The first of them that so many cells hold, else the last."""
    return next((one for one in texts if cells(one) <= width), texts[-1])
