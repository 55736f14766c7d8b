"""The filter line: narrows the flow while one types, with what is wrong below the place where it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from daebus_console.commands.completion.offer import Offer
from daebus_console.text import cells, clean
from daebus_console.tui.messages import FilterChanged, KeepFilter
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.rows.pointing import pointed
from daebus_console.tui.widgets.keys_in_order import told
from daebus_console.tui.widgets.text_line import TextLine
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus_console.engine.filter.lexer import FilterError

_MARGIN = 3
"""Cells before what is typed."""
Completer = Callable[[str, int], Sequence[Offer]]
"""From the line and the place of the cursor in it to what may stand there."""


class FilterLine(TextLine):
    """The input of the bar. Tab completes, enter keeps the filter, escape takes back what was typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep"),
        Binding("escape", "cancel", "Undo and close"),
        Binding("tab", "complete(1)", "Complete"),
        Binding("shift+tab", "complete(-1)", "Complete backwards", show=False),
        Binding("ctrl+s", "keep", "Keep by name"),
        Binding("down", "submit", "To the flow", show=False),
    ]

    def __init__(self, bar: FilterBar) -> None:
        super().__init__(
            compact=True,
            select_on_focus=False,
            placeholder="status:error  service:users  latency:>100ms  any text",
            entered=bar.accept,
        )
        self.bar = bar

    def action_cancel(self) -> None:
        """Take back what was typed."""
        self.bar.cancel()

    async def action_keep(self) -> None:
        """Keep the filter under a name."""
        await self.bar.keep()

    def action_complete(self, step: int) -> None:
        """Put in the next offer."""
        self.bar.complete(step)


class FilterBar(Vertical):
    """Line and message. Posts FilterChanged for what is typed, and KeepFilter; what is wrong is shown below.

    With what is confirmed it calls `accept`, which closes it and gives the focus away where that is a filter.
    """

    def __init__(self, accept: Callable[[str], None], **keywords: Any) -> None:
        super().__init__(**keywords)
        self.accept = accept
        self.line = FilterLine(self)
        self.below = TitleLine(id="filter-below")
        self.completer: Completer | None = None
        self._before = ""
        self._offers: Sequence[Offer] = ()
        self._offer = -1
        self._base = ("", 0)
        self._problem: FilterError | None = None
        self._doubt: Line | None = None

    def compose(self) -> ComposeResult:
        yield self.line
        yield self.below

    def open(self, text: str) -> None:
        """Show the bar with that text in it, to be changed, and room behind it for one more term."""
        self._before = text
        self.display = True
        with self.line.prevent(Input.Changed):
            self.line.value = f"{text} " if text else ""
            self.line.cursor_position = len(self.line.value)
        self.screen.set_focus(self.line)
        self._look_up()

    def cancel(self) -> None:
        """Close without having changed anything."""
        self.accept(self._before)

    async def keep(self) -> None:
        """Have the filter kept under a name."""
        if self._problem is None and self.line.value.strip():
            await told(self, KeepFilter(self.line.value.strip()))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Every change counts at once."""
        event.stop()
        if not self.display:
            return
        self._look_up()
        self.post_message(FilterChanged(event.value))

    def show_problem(self, error: FilterError | None) -> None:
        """Say what is wrong, below where it is; None: nothing is."""
        self._problem = error
        self._draw()

    def _told(self, error: FilterError) -> Line:
        """What is wrong; where that has no room, what was perhaps meant."""
        texts = [str(error), *([f"did you mean {error.suggestion}?"] if error.suggestion else [])]
        text, begin = self.line.value, error.position
        before, marked = cells(text[:begin]), cells(text[begin : begin + error.length])
        # What is longer than the line is scrolled in it.
        place = (_MARGIN + before, marked) if cells(text) < self.line.size.width else None
        return pointed([clean(one) for one in texts], place, _MARGIN, self.size.width)

    def show_doubt(self, text: str | None) -> None:
        """Say what was perhaps not meant; None: nothing."""
        self._doubt = None if text is None else [(f"{' ' * _MARGIN}{clean(text)}", "warn")]
        self._draw()

    def on_resize(self) -> None:
        """What has room depends on the width."""
        self._draw()

    def _look_up(self) -> None:
        text, cursor = self.line.value, len(self.line.value)
        self._offer, self._base = -1, (text, cursor)
        self._offers = self.completer(text, cursor)[:50] if self.completer is not None else ()
        self._draw()

    def complete(self, step: int) -> None:
        """Put in the next offer."""
        if not self._offers:
            return
        self._offer = (self._offer + step) % len(self._offers)
        base, cursor = self._base
        offer = self._offers[self._offer]
        with self.line.prevent(Input.Changed):
            self.line.value = base[: offer.start] + offer.text + base[cursor:]
            self.line.cursor_position = offer.start + len(offer.text)
        self.post_message(FilterChanged(self.line.value))
        if len(self._offers) == 1:
            self._look_up()
        else:
            self._draw()

    def _draw(self) -> None:
        wrong = self._doubt if self._problem is None else self._told(self._problem)
        if wrong is not None and self._offer < 0:
            self.below.show(wrong)
            return
        first = max(0, self._offer - 2)
        line: Line = [(" " * _MARGIN, "dim")]
        for index, offer in enumerate(self._offers[first : first + 20], first):
            line += [(clean(offer.text), "match" if index == self._offer else "name"), ("  ", "plain")]
        meta = self._offers[max(self._offer, 0)].meta if self._offers else ""
        self.below.show(line, [(f" {clean(meta)} ", "dim")] if meta else None)
