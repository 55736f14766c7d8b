"""What commands and panes may do to the view: see `commands.context.View`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from daebus_console.engine.message.exchange import Exchange
from daebus_console.text import clean
from daebus_console.tui.messages import FilterChanged, KeepFilter, Narrow
from daebus_console.tui.screens.again_keys import AgainKeys
from daebus_console.tui.widgets.detail import DocumentView

if TYPE_CHECKING:
    from daebus_console.engine.filter.doubts import Doubt
    from daebus_console.engine.filter.language import Filter
    from daebus_console.tui.flow.model import FlowModel
    from daebus_console.tui.widgets.filter_bar import FilterBar
    from daebus_console.tui.widgets.flow import FlowList


class ViewVerbs(AgainKeys):
    """Filter, pause, clear, select, quit. Whoever inherits it brings the panes, and `tell` to write titles anew."""

    filter_bar: FilterBar
    flow: FlowList
    models: list[FlowModel]
    doubt: Doubt | None = None
    """What was perhaps not meant by the filter."""

    def tell(self) -> None:
        """Write the titles anew."""
        raise NotImplementedError

    def narrow_to(self, text: str, *, typing: bool = False) -> bool:
        """Show only what that filter lets through; False where it does not parse, which the bar then says.

        While one is `typing` the last term is often unfinished: until it is, the terms before it count.
        """
        from daebus_console.engine.filter import language as filters
        from daebus_console.engine.filter.doubts import doubt_of

        try:
            wanted = filters.parse(text)
        except filters.FilterError as error:
            self.filter_bar.show_problem(error)
            before = text[: error.position].rpartition(" ")[0]
            if typing and " " not in text[error.position :].strip():
                self._narrow_for_now(before)
            return False
        self.doubt = doubt_of(text)
        self.filter_bar.show_problem(None)
        self.filter_bar.show_doubt(None if self.doubt is None else str(self.doubt))
        self._apply(text, wanted)
        return True

    @on(FilterChanged)
    def _filter_changed(self, event: FilterChanged) -> None:
        # What is no longer in the line, or was accepted meanwhile, counts no more.
        if self.filter_bar.display and event.text == self.filter_bar.line.value:
            self.narrow_to(event.text, typing=True)

    def accept_filter(self, text: str) -> None:
        """Narrow to it and go back to the flow, at once; one that is wrong stays in the line."""
        if self.narrow_to(text):
            self.filter_bar.display = False
            self.set_focus(self.flow)
            self.flow.tick()

    @on(DocumentView.Followed)
    def _follow_value(self, event: DocumentView.Followed) -> None:
        self.narrow_to(event.filter)
        self.notify(f"What carries it: {clean(event.filter)}. \\ lifts the filter.", timeout=3, markup=False)

    @on(Narrow)
    def _narrow(self, event: Narrow) -> None:
        self.narrow_to("" if event.filter_text == self.filter_text else event.filter_text)

    @on(KeepFilter)
    def _keep_filter(self, event: KeepFilter) -> None:
        from daebus_console.tui.screens.ask import AskScreen

        def keep(name: str | None) -> None:
            if name:
                filters = dict(self.app.settings.get("filters", dict, {}))
                self.app.settings.set("filters", {**filters, name: event.text})
                self.notify(f"Kept as {name}; F offers it", timeout=3, markup=False)
            self.set_focus(self.filter_bar.line)

        self.app.push_screen(AskScreen("A name for this filter", event.text), keep)

    def _narrow_for_now(self, text: str) -> None:
        """Like narrow_to, for what is known to be only a part of what is meant."""
        from daebus_console.engine.filter import language as filters

        try:
            self._apply(text, filters.parse(text))
        except filters.FilterError:
            # What stood before the mistake was no filter by itself: the one of before stays.
            return

    def _apply(self, text: str, wanted: Filter) -> None:
        before, self.filter_text = self.filter_text, text.strip()
        with self.session.lock:
            # What stands already would be looked through once more, and its rows come again one by one.
            if self.filter_text != before or self.visibility.suspended:
                self.visibility.set_filter(None if wanted.everything else wanted.accepts)
        self.flow.tick()
        self.tell()

    # What commands do to the view (see commands.context.View) ----------------------------------------------------

    def set_filter(self, text: str | None) -> None:
        """Show only what passes the filter; None shows everything."""
        self.narrow_to(text or "")

    def toggle_pause(self) -> bool:
        """Hold still, or go on; returns whether it holds still now."""
        self.flow.action_pause()
        return self.flow.paused

    def cleared(self) -> None:
        """The journal was emptied."""
        with self.session.lock:
            for model in self.models:
                model.restart()
        self.flow.use(self.flow.model)
        self.flow.tick()

    def select(self, number: int) -> bool:
        """Bring the exchange of that number into view; False where it is gone."""
        with self.session.lock:
            exchange = self.session.journal.exchange(number)
        if exchange is not None:
            self.show_exchange(exchange)
        return exchange is not None

    def quit(self) -> None:
        """Leave the console."""
        self.app.leave()

    def show_exchange(self, exchange: Exchange) -> None:
        """Select an exchange wherever it is in the flow, and show it in the detail pane."""
        number = exchange.opened.seq if self.flow.model.by_message else exchange.number
        # It may be newer than what was drawn last, all the more where another screen was in front.
        self.flow.tick()
        rows = self.flow.rows
        if number in rows:
            self.flow.go_to(rows.index(number))
        else:
            self.flow.leave_for(exchange)
