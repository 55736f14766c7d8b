"""The detail pane: one exchange in five tabs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from daebus_console.engine.insight.usual import Unlike
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.text import clean
from daebus_console.tui.documents.document import Document, Lines
from daebus_console.tui.documents.exchange import (
    LOGS,
    RAW,
    REQUEST,
    RESPONSE,
    TABS,
    TIMELINE,
    Insight,
    Redact,
    build,
    title,
)
from daebus_console.tui.titles import hints
from daebus_console.tui.widgets.detail import DocumentView
from daebus_console.tui.widgets.find_line import FindLine
from daebus_console.tui.widgets.tabs import TabLine

LARGE = 256 * 1024
"""Bytes beyond which a payload is not read on the application's own thread."""


class DetailPane(Vertical):
    """Shows an exchange, and keeps up with it while it goes on.

    `clock` gives epoch seconds, `insight` what services tell of an exchange, `told` a number that rises with that.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "tab(0)", "Request", show=False),
        Binding("2", "tab(1)", "Response", show=False),
        Binding("3", "tab(2)", "Timeline", show=False),
        Binding("4", "tab(3)", "Raw", show=False),
        Binding("5", "tab(4)", "Logs", show=False),
        Binding("t", "next_tab", "Next tab"),
        Binding("x", "hexadecimal", "Hex", show=False),
        Binding("slash", "find", "Find", key_display="/", priority=True),
        Binding("n", "find_next(1)", "Next match", show=False),
        Binding("N", "find_next(-1)", "Previous match", show=False),
    ]

    def __init__(
        self,
        clock: Callable[[], float],
        redact: Redact,
        insight: Callable[[Exchange], Insight] = lambda _exchange: Insight(),
        told: Callable[[], int] = int,
        **keywords: Any,
    ) -> None:
        super().__init__(**keywords)
        self._insight, self._told = insight, told
        self.tabs = TabLine(TABS, id="detail-tabs", classes="pane-title")
        self.view = DocumentView(id="detail")
        self.view.hint = hints.NO_DETAIL
        self.find = FindLine(self._leave_find, id="find-line")
        self.find.display = False
        self.exchange: Exchange | None = None
        self.tab = RESPONSE
        self.hexadecimal = False
        self.unlike: Callable[[Exchange], Unlike | None] = lambda _exchange: ()
        """Where an exchange is not like the others of its action; None where that is not known yet."""
        self._clock = clock
        self._redact = redact
        self._built: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield self.view
        yield self.find

    def show(self, exchange: Exchange | None) -> None:
        """Show that exchange; the tab stays, unless it would be empty."""
        if exchange is not None and exchange is not self.exchange:
            if exchange.kind is not Kind.REQUEST and self.tab == RESPONSE and exchange.kind is not Kind.RESPONSE:
                self.tab = REQUEST
            elif exchange.kind is Kind.REQUEST and self.tab == REQUEST and self.exchange is not None:
                self.tab = RESPONSE if self.exchange.kind is not Kind.REQUEST else REQUEST
        self.exchange = exchange
        self.update()

    def update(self) -> None:
        """Draw what has changed in the exchange since it was last drawn."""
        exchange, now = self.exchange, self._clock()
        if exchange is None:
            self.tabs.choose(self.tab, [])
            self.view.show(Lines([]))
            self._built = ()
            return
        self.tabs.choose(self.tab, *title(exchange, now))
        moving = exchange.state is State.PENDING and (self.tab == TIMELINE or not exchange.progress)
        built = (
            exchange.number,
            self.tab,
            self.hexadecimal,
            self.view.size.width,
            exchange.state,
            exchange.flags,
            exchange.replies,
            exchange.aside.gap,
            self.unlike(exchange),
            int(now * 5) if moving and self.tab in (TIMELINE, RESPONSE) else 0,
            self._told() if self.tab == LOGS else 0,
        )
        if built != self._built:
            same = built[:3] == self._built[:3]
            self._built = built
            if exchange.size > LARGE and self.tab in (REQUEST, RESPONSE):
                self._build_aside(exchange, built, same)
            else:
                self.view.show(self._build(exchange), keep_place=same)

    def _build(self, exchange: Exchange) -> Document:
        width = max(20, self.view.size.width - 2)
        insight = self._insight(exchange) if self.tab in (LOGS, RESPONSE) else None
        return build(
            self.tab,
            exchange,
            width,
            self._clock(),
            hexadecimal=self.hexadecimal,
            redact=self._redact,
            insight=insight,
            unlike=self.unlike(exchange) or (),
        )

    def _build_aside(self, exchange: Exchange, built: tuple[object, ...], same: bool) -> None:
        """Read a large payload in a thread: the keys go on working meanwhile."""
        if not same:
            self.view.show(Lines([[(f"   reading {exchange.size:,} bytes …", "wait")]]))

        def work() -> None:
            document = self._build(exchange)
            self.app.call_from_thread(done, document)

        def done(document: Document) -> None:
            if self._built == built:
                self.view.show(document, keep_place=same)

        self.run_worker(work, thread=True, group="reading", exclusive=True, exit_on_error=False)

    def on_resize(self) -> None:
        """The chart depends on the width."""
        self.update()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        """A tab was clicked."""
        self.choose(event.name)

    def choose(self, tab: str) -> None:
        """Show that tab."""
        self.tab = tab
        self.update()

    def action_tab(self, number: int) -> None:
        """Show a tab by its place."""
        self.choose(TABS[number])

    def action_next_tab(self) -> None:
        """Show the next tab."""
        self.choose(TABS[(TABS.index(self.tab) + 1) % len(TABS)])

    def action_hexadecimal(self) -> None:
        """Show the raw bytes as hex, or as text."""
        self.hexadecimal = not self.hexadecimal
        self.choose(RAW)

    # Finding ---------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See Textual: in the line a slash is typed."""
        return not (action == "find" and self.find.has_focus) and super().check_action(action, parameters)

    def action_find(self) -> None:
        """Look for a text in what is shown, also in what is folded."""
        self.find.display = True
        # At once: `focus()` waits its turn, and what is typed meanwhile would go to the pane's keys.
        self.screen.set_focus(self.find)

    def action_find_next(self, direction: int) -> None:
        """Go to the next or previous match."""
        if self.find.value and not self.view.seek(self.find.value, direction):
            self.notify(f"“{clean(self.find.value)}” is nowhere here", timeout=2, markup=False)

    def on_find_line_sought(self, event: FindLine.Sought) -> None:
        """The text to look for was typed, or its next match is wanted."""
        event.stop()
        if event.next_one:
            self.action_find_next(1)
        elif event.text and self.find.display:
            self.view.seek(event.text, 1, here=True)
        self._mark_found()

    def _leave_find(self) -> None:
        if self.find.value:
            self.view.seek(self.find.value, 1, here=True)
        self._mark_found()
        self.find.display = False
        self.screen.set_focus(self.view)

    def _mark_found(self) -> None:
        self.view.wanted = self.find.value
        self.view.refresh()
