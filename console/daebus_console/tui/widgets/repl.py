"""The command pane: what commands print, and the line they are typed in, with history and completion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.suggester import Suggester
from textual.widgets import Input, RichLog

from daebus_console.text import clean
from daebus_console.tui.lines import ROLES, Line
from daebus_console.tui.messages import CommandEntered, FillIn, LeaveRequested, StopRequested
from daebus_console.tui.widgets.text_line import TextLine
from daebus_console.tui.widgets.title import TitleLine

MOST_LINES = 5000
MOST_HISTORY = 1000


class Offer(NamedTuple):
    """One completion: `text` replaces the line from `start` to the cursor; `meta` says what it is."""

    text: str
    start: int
    meta: str = ""


Completer = Callable[[str, int], Sequence[Offer]]
"""From the line and the place of the cursor in it to what may stand there."""


class CommandLine(TextLine):
    """The input line. Up and down go through what was entered, tab completes; escape leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recall(-1)", "Earlier", key_display="↑"),
        Binding("down", "recall(1)", "Later", show=False),
        Binding("tab", "complete(1)", "Complete"),
        Binding("shift+tab", "complete(-1)", "Complete backwards", show=False),
        Binding("ctrl+t", "fill_in", "Fill in what was sent last"),
        Binding("escape", "leave", "Back"),
        Binding("ctrl+c", "empty", "Empty the line, or stop the command under way", show=False, priority=True),
        Binding("ctrl+l", "clear_output", "Clear the output", show=False),
    ]

    def __init__(self, **keywords: Any) -> None:
        self.history: list[str] = []
        super().__init__(compact=True, select_on_focus=False, suggester=FromHistory(self), **keywords)
        self.completer: Completer | None = None
        self.offers: Sequence[Offer] = ()
        self.offer = -1
        self._place = 0
        self._draft = ""
        self._base: tuple[str, int] = ("", 0)
        self._completing = False

    def recall(self, lines: Sequence[str]) -> None:
        """Have these to go back to."""
        self.history = list(lines)
        self._place = len(self.history)

    def remember(self, line: str) -> None:
        """Keep an entered line for `up`."""
        if line and (not self.history or self.history[-1] != line):
            self.history.append(line)
            del self.history[:-MOST_HISTORY]
        self._place = len(self.history)

    def action_recall(self, step: int) -> None:
        """Go through what was entered before."""
        if self._place == len(self.history):
            self._draft = self.value
        self._place = max(0, min(len(self.history), self._place + step))
        self.value = self.history[self._place] if self._place < len(self.history) else self._draft
        self.cursor_position = len(self.value)

    def watch_value(self, _value: str) -> None:
        """What is offered depends on what stands there."""
        if not self._completing:
            self.look_up()

    def look_up(self) -> None:
        """Find what may stand at the cursor."""
        self.offer = -1
        text, cursor = self.value, len(self.value)
        self.offers = self.completer(text, cursor)[:50] if self.completer is not None and text.strip() else ()
        self._base = (text, cursor)
        self.show_offers()

    def show_offers(self) -> None:
        """Tell the pane to draw what is offered."""
        pane = self.parent
        if isinstance(pane, ReplPane):
            pane.show_offers(self.offers, self.offer)

    def action_complete(self, step: int) -> None:
        """Put in the next offer; with an empty line, go to the next pane."""
        if not self.value:
            self.screen.focus_next() if step > 0 else self.screen.focus_previous()
            return
        if not self.offers:
            return
        self.offer = (self.offer + step) % len(self.offers) if self.offer >= 0 or step > 0 else len(self.offers) - 1
        base, cursor = self._base
        offer = self.offers[self.offer]
        self._completing = True
        with self.prevent(Input.Changed):
            self.value = base[: offer.start] + offer.text + base[cursor:]
            self.cursor_position = offer.start + len(offer.text)
        self._completing = False
        if len(self.offers) == 1:
            self.look_up()
        else:
            self.show_offers()

    def action_leave(self) -> None:
        """Close the offers, or go back to the flow."""
        if self.offers:
            self.offers = ()
            self.show_offers()
        else:
            self.post_message(LeaveRequested())

    def action_fill_in(self) -> None:
        """Fill in the payload that was seen last for the action."""
        self.post_message(FillIn(self.value))

    def action_empty(self) -> None:
        """Empty the line; when it is empty, stop the newest command that is under way."""
        if self.value:
            self.value = ""
        else:
            self.post_message(StopRequested())

    def action_clear_output(self) -> None:
        """Forget what was printed."""
        pane = self.parent
        if isinstance(pane, ReplPane):
            pane.output.clear()


class FromHistory(Suggester):
    """Suggests the newest entered line that begins with what stands there; the right arrow takes it."""

    def __init__(self, line: CommandLine) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.line = line

    async def get_suggestion(self, value: str) -> str | None:
        """See Textual."""
        return next((one for one in reversed(self.line.history) if one.startswith(value) and one != value), None)


class ReplPane(Vertical):
    """Output above, one line of offers while there are any, the input line below."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"role--{role}" for role in ROLES}

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.head = TitleLine([(" Commands", "strong")], id="repl-title", classes="pane-title")
        self.output = RichLog(max_lines=MOST_LINES, wrap=True, markup=False, highlight=False, id="repl-output")
        self.output.can_focus = False
        self.offers = TitleLine(id="repl-offers")
        self.line = CommandLine(
            placeholder="request SERVICE ACTION name=value …   (help lists all commands)", id="repl-line"
        )

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.output
        yield self.offers
        yield self.line

    def on_mount(self) -> None:
        self.offers.display = False
        self.write([("help lists the commands, tab completes, ↑ brings back what was entered.", "dim")])

    def show_offers(self, offers: Sequence[Offer], chosen: int) -> None:
        """Draw the offers, the chosen one lit; hidden while there are none."""
        self.offers.display = bool(offers)
        if not offers:
            return
        # Begin at the chosen one once it would be out of sight.
        first = max(0, chosen - 2)
        line: Line = [("  … " if first else "  ", "dim")]
        for index, offer in enumerate(offers[first : first + 20], first):
            line += [(clean(offer.text), "match" if index == chosen else "name"), ("  ", "plain")]
        meta = offers[max(chosen, 0)].meta
        self.offers.show(line, [(f" {clean(meta)} ", "dim")] if meta else None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A command was entered."""
        event.stop()
        text = self.line.value.strip()
        self.line.value = ""
        if text:
            # Whoever is used to typing a colon first may do so.
            text = text.removeprefix(":").strip()
            self.line.remember(text)
            self.echo(text)
            self.post_message(CommandEntered(text))

    def echo(self, command: str) -> None:
        """Show a command as it was entered."""
        self.write([("❯ ", "accent"), (clean(command), "strong")])

    def write(self, line: Line) -> None:
        """Show a line of pieces that are fit for the screen; one too long for the pane is wrapped."""
        text = Text(no_wrap=False, overflow="fold")
        for piece, role in line:
            style = self.get_component_rich_style(f"role--{role}")
            text.append(piece, Style(color=style.color, bold=style.bold))
        self.output.write(text, expand=True, scroll_end=True)

    def on_click(self, _event: events.Click) -> None:
        """A click anywhere in the pane is meant for the line."""
        self.line.focus()


__all__ = ["CommandLine", "Completer", "Offer", "ReplPane"]
