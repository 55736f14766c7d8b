"""Keys that look at what passes in another way: mute its like, go to a time, draw it, kept filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from daebus_console.engine.insight.contrast import FEWEST
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.text import clean
from daebus_console.tui.flow.visibility import Mute, Visibility
from daebus_console.tui.screens.insight.about import About
from daebus_console.tui.screens.insight.keys import InsightKeys

if TYPE_CHECKING:
    from daebus_console.engine.session import Session
    from daebus_console.tui.base import BaseApp
    from daebus_console.tui.widgets.detail_pane import DetailPane
    from daebus_console.tui.widgets.directory import DirectoryList
    from daebus_console.tui.widgets.flow import FlowList


class ExchangeKeys(InsightKeys):
    """What the main screen is beside its panes. Whoever inherits it brings the panes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "mute", "Mute", show=False),
        Binding("X", "unmute", "Unmute all", show=False),
        Binding("T", "time", "Go to a time", show=False),
        Binding("w", "wrap", "Wrap long values, or cut them", show=False),
        Binding(
            "D", "sequence", "Sequence diagram of the marked, else of the selected and what belongs to it", show=False
        ),
        Binding("V", "conversation", "Conversation: all that belongs to the selected over one time axis", show=False),
        Binding("M", "side_by_side", "Both conversations side by side, of the two marked", show=False),
        Binding("u", "contrast", "What sets its action's failures, or the marked, apart from the rest", show=False),
        Binding("s", "shape", "Shape: what the messages of its action look like", show=False),
        Binding("W", "groups", "What failed: failures in groups", show=False),
        Binding("F", "kept_filters", "Filters kept by name", show=False),
    ]

    NOTHING_CHOSEN = "Select an exchange, or a service, channel or action"

    app: BaseApp
    session: Session
    visibility: Visibility
    detail: DetailPane
    directory: DirectoryList
    flow: FlowList

    def narrow_to(self, text: str) -> bool:
        """Show only what that filter lets through."""
        raise NotImplementedError

    def selected_exchange(self) -> Exchange | None:
        """What the keys are about: the row under the cursor, else what is shown in detail."""
        # The detail is a message behind: a key that comes right after an arrow means the row it led to.
        selected = self.flow.selected
        if selected is not None:
            with self.session.lock:
                entry = self.flow.model.entry(selected)
            if entry is not None:
                return entry[0]
        return self.detail.exchange

    def marked(self) -> list[Exchange]:
        """What is marked, oldest first."""
        with self.session.lock:
            return [exchange for exchange in self.session.journal.exchanges if exchange.flags & Flag.MARKED]

    def action_mute(self) -> None:
        """Hide all exchanges like the selected one (or the directory's entry) from now on."""
        row = self.directory.row() if self.directory.has_focus else None
        exchange = self.selected_exchange()
        if row is not None and row.kind in ("service", "channel", "action"):
            mute = Mute(row.service or row.name, row.name if row.kind == "action" else None)
        elif exchange is not None and exchange.target:
            mute = Mute(exchange.target, exchange.action)
        else:
            self.notify("Select what to mute: an exchange, or a service, channel or action", timeout=3)
            return
        with self.session.lock:
            self.visibility.mute(mute)
        self.app.settings.set("mutes", [one.kept for one in self.visibility.mutes])
        self.notify(f"Muted {clean(str(mute))}. X brings it back.", timeout=3, markup=False)

    def action_time(self) -> None:
        """Ask for a time, and go to what passed then."""
        from daebus_console.tui.flow.seek import when
        from daebus_console.tui.screens.ask import AskScreen

        def go(text: str | None) -> None:
            at = when(text, self.session.clock()) if text else None
            if text and at is None:
                self.notify(
                    "A time is HH:MM:SS, or how long ago: 30s, 5m, 2h", timeout=4, severity="warning", markup=False
                )
            elif at is not None and not self.flow.go_to_time(at):
                self.notify("There is nothing in the flow to go to", timeout=3)

        self.app.push_screen(AskScreen("Go to a time", "HH:MM:SS, or how long ago: 5m"), go)

    def action_wrap(self) -> None:
        """Show long values whole, or as much as has room on one line."""
        on = not self.detail.view.wrapping
        self.detail.view.wrap(on)
        self.app.settings.set("wrap", on)
        self.notify("Long values are wrapped" if on else "Long values are cut", timeout=2)

    def action_unmute(self) -> None:
        """Show again what was muted."""
        with self.session.lock:
            count = self.visibility.unmute_all()
        self.app.settings.set("mutes", [])
        self.notify(f"{count} no longer muted" if count else "Nothing is muted", timeout=2)

    def action_sequence(self) -> None:
        """Draw who said what to whom."""
        from daebus_console.tui.screens.sequence import SequenceScreen

        of = self.marked() or self.selected_exchange()
        if of is None:
            self.notify("Select an exchange, or mark several with m", timeout=3)
        else:
            self.app.push_screen(SequenceScreen(self.session, of))

    def action_conversation(self) -> None:
        """Draw the conversation that the selected exchange belongs to, as it goes on."""
        from daebus_console.tui.screens.conversation import ConversationScreen

        selected = self.selected_exchange()
        if selected is None:
            self.notify("Select an exchange", timeout=3)
        else:
            self.app.push_screen(ConversationScreen(self.session, selected))

    def about(self) -> About | None:
        """What the keys that look at many are about: the marked, the directory's entry, the selected one's action."""
        marked = self.marked()
        if len(marked) >= FEWEST:
            only = {(one.target or "", one.action) for one in marked}
            target, action = only.pop() if len(only) == 1 else ("", None)
            return About(target, action, "is:marked", f"the {len(marked):,} marked")
        row = self.directory.row() if self.directory.has_focus else None
        if row is not None and row.kind in ("service", "channel", "action"):
            return About(row.service or row.name, row.name if row.kind == "action" else None)
        exchange = self.selected_exchange()
        return About(exchange.target, exchange.action) if exchange is not None and exchange.target else None

    def action_side_by_side(self) -> None:
        """Lay the conversations of two exchanges beside each other: of the two marked, else the marked and this one."""
        from daebus_console.tui.screens.insight.side_by_side import SideBySideScreen

        found, selected = self.marked(), self.selected_exchange()
        if len(found) == 1 and selected is not None and selected is not found[0]:
            found.append(selected)
        if len(found) == 2:
            self.app.push_screen(SideBySideScreen(self.session, *found))
        else:
            self.notify("Mark an exchange of either with m, the one to go by first", timeout=4)

    def action_groups(self) -> None:
        """Show the failures in groups."""
        from daebus_console.tui.screens.groups import GroupsScreen

        self.app.push_screen(GroupsScreen(self.session))

    def action_kept_filters(self) -> None:
        """Choose among the filters that were kept."""
        from daebus_console.tui.screens.pick import PickScreen

        filters = {
            str(name): text
            for name, text in self.app.settings.get("filters", dict, {}).items()
            if isinstance(text, str)
        }
        if not filters:
            self.notify("No filter is kept yet: ctrl+s in the filter line keeps one", timeout=3)
            return

        def chosen(name: str | None) -> None:
            if name is not None:
                self.narrow_to(filters[name])

        def forget(name: str) -> None:
            filters.pop(name, None)
            self.app.settings.set("filters", dict(filters))

        self.app.push_screen(PickScreen("Filters", filters, forget), chosen)
