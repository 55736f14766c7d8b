"""Two conversations side by side: what is missing in the second, new, repeated, slower, or ended otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType

from daebus_console.commands.doing.looking.conversing import lines_of, told_of
from daebus_console.engine.conversation.comparing import Pair, compare
from daebus_console.engine.conversation.tree import Conversation
from daebus_console.engine.message.exchange import Exchange
from daebus_console.render import Span, line
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.screens.insight.lines import LinesScreen, Row

_MOST_SHOWN = 2_000


class _Found(NamedTuple):
    """`together` tells that both belong to one conversation, which there is nothing to compare of."""

    pairs: list[Pair]
    together: bool


class SideBySideScreen(LinesScreen):
    """The one to go by first; enter shows an exchange, d what differs in the payloads of two."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("M", "app.pop_screen", "Back", show=False),
        Binding("d", "payloads", "What differs in the payloads"),
        Binding("x", "exchange", "Swap sides"),
    ]
    NAME = "Two conversations"
    HINT = "enter shows the exchange"

    def __init__(self, session: Any, before: Exchange, after: Exchange) -> None:
        super().__init__(session)
        self._before, self._after = before, after

    def work_out(self, exchanges: Sequence[Exchange]) -> _Found:
        before = Conversation(self._before, exchanges)
        if before.has(self._after):
            return _Found([], together=True)
        return _Found(compare(before, Conversation(self._after, exchanges)), together=False)

    def draw(self, found: _Found, _width: int) -> Sequence[Row]:
        if found.together:
            numbers = f"#{self._before.number} and #{self._after.number}"
            return [
                (line(f"   {numbers} belong to one conversation: there is nothing to compare."), None),
                (line(Span("   Mark one of each with m. V shows the conversation of one.", "dim")), None),
            ]
        rows: list[Row] = list(lines_of(found.pairs[:_MOST_SHOWN], self.app.redact))
        if len(found.pairs) > _MOST_SHOWN:
            rows.append((line(Span(f"  … and {len(found.pairs) - _MOST_SHOWN:,} more", "dim")), None))
        return rows

    def told(self, found: _Found) -> Line:
        told = "" if found.together else f"  {told_of(found.pairs)}"
        return [(f"#{self._before.number} and #{self._after.number}", "name"), (told, "plain")]

    def go(self, leads_to: Pair) -> None:
        exchange = leads_to.after or leads_to.before
        if exchange is not None:
            self.show(exchange.number)

    def action_payloads(self) -> None:
        """Show what differs from one payload to the other."""
        from daebus_console.tui.screens.comparing.compare import CompareScreen

        row = self.list.chosen()
        pair: Pair | None = row[1] if row is not None else None
        if pair is None or pair.before is None or pair.after is None:
            self.notify("Put the cursor on two exchanges that stand beside each other", timeout=3)
        else:
            self.app.push_screen(CompareScreen(pair.before, pair.after))

    def action_exchange(self) -> None:
        """Go by the other one."""
        self._before, self._after = self._after, self._before
        self.action_renew()
