"""Two exchanges compared: a list of what differs, and below it the two values of one difference in full."""

from __future__ import annotations

from functools import partial

from textual import events
from textual.app import ComposeResult
from textual.message import Message

from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.diff.values import Change
from daebus_console.engine.message.exchange import Exchange, State
from daebus_console.engine.replay.redact import masked, of_exchanges
from daebus_console.text import clean
from daebus_console.tui.compare.head import standing, tally, title
from daebus_console.tui.compare.layout import heads
from daebus_console.tui.compare.rows import NOTHING, SIGNS, Compared, compare, snapshot, whole
from daebus_console.tui.compare.rules import rules_line
from daebus_console.tui.compare.values import describe
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.screens.comparing.keys import IGNORE, CompareKeys
from daebus_console.tui.screens.comparing.lists import MARGINS, DifferenceList, ValuesView
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine

RENEWED = 0.25
"""Seconds between two looks at whether another answer has come."""
AT_ONCE = 300_000
"""Bytes up to which two exchanges are compared while the keyboard waits; more is done beside it."""
LOWEST_LIST = 3
ROOMY = 110
"""Cells from which on hints are sentences."""


class CompareScreen(CompareKeys):
    """What differs from one exchange to another, renewed as their answers come."""

    class Found(Message):
        """A comparison that took its time has come to an end."""

        def __init__(self, asked: int, compared: Compared) -> None:
            super().__init__()
            self.asked = asked
            self.compared = compared

    def __init__(self, before: Exchange, after: Exchange) -> None:
        super().__init__()
        self.before, self.after = before, after
        self.compared: Compared | None = None
        """What differs; None while it is being found out."""
        self._seen: object = None
        self._taken = before, after
        self._whole: dict[str, Change | None] = {}
        self._asked = 0
        self.head, self.state_line = TitleLine(classes="pane-title"), TitleLine()
        self.rule_line = TitleLine(id="compare-rules")
        self.differences = DifferenceList(id="differences")
        self.value_title, self.value_heads = TitleLine(classes="pane-title"), TitleLine(id="value-heads")
        self.values = ValuesView(id="values")

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.state_line
        yield self.rule_line
        yield self.differences
        yield self.value_title
        yield self.value_heads
        yield self.values
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin with the rules of earlier times."""
        kept = self.app.settings.get(IGNORE, list, [])
        self.ignore = list(Rules(rule for rule in kept if isinstance(rule, str)).ignore)
        self.set_focus(self.differences)
        self.renew()
        self.set_interval(RENEWED, self.poll)

    def on_resize(self) -> None:
        """The heights and the heads depend on the size."""
        self.call_after_refresh(self.show)

    # Comparing -------------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Look whether one of the two stands otherwise than it did."""
        with self.app.session.lock:
            seen = _mark(self.before), _mark(self.after)
        if seen != self._seen:
            self.renew()
        elif State.PENDING in (self.before.state, self.after.state):
            self._show_head()

    def renew(self) -> None:
        """Compare anew."""
        with self.app.session.lock:
            self._seen = _mark(self.before), _mark(self.after)
            before, after = self._taken = snapshot(self.before), snapshot(self.after)
        self.differences.redact = self.values.redact = of_exchanges(self.app.redact, before, after)
        self._whole = {}
        self._asked += 1
        if before.size + after.size <= AT_ONCE:
            self._take(self._asked, compare(before, after, self.rules))
            return
        self.compared = None
        self._show_head()
        self.differences.hint = [[(f"   Comparing {fmt.size(before.size + after.size)}B …", "wait")]]
        self.differences.refresh()
        work = partial(self._compare_beside, self._asked, before, after, self.rules)
        self.run_worker(work, thread=True, group="compare", exit_on_error=False)

    def _compare_beside(self, asked: int, before: Exchange, after: Exchange, rules: Rules) -> None:
        """On a thread of its own."""
        self.post_message(self.Found(asked, compare(before, after, rules)))

    def on_compare_screen_found(self, event: Found) -> None:
        """What was compared beside the keyboard is there."""
        self._take(event.asked, event.compared)

    def _take(self, asked: int, compared: Compared) -> None:
        if asked != self._asked:
            # Meanwhile something else was asked for.
            return
        self.compared = compared
        self.differences.show(compared.rows(ignored=self.ignored_shown))
        self.show()

    # Showing ---------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Draw everything as it is now."""
        self._show_head()
        self.differences.hint = self._nothing()
        self._arrange()
        self._show_values()

    def _show_head(self) -> None:
        self.head.show(title(self.before, self.after), tally(self.compared))
        self.state_line.show(standing(self.before, self.after, self.app.session.clock()))
        self.rule_line.show(*rules_line(self.rules, self.size.width))

    def _nothing(self) -> list[Line]:
        compared = self.compared or NOTHING
        lines: list[Line] = [[("   No difference.", "ok"), (_NOT_COUNTED, "dim")]]
        if compared.ignored:
            them = "one is" if compared.ignored == 1 else f"{compared.ignored:,} are"
            lines = [[("   No difference that counts: ", "ok"), (f"{them} ignored, v shows what.", "plain")]]
        waiting = [one for one in (self.before, self.after) if one.state is State.PENDING]
        lines += [[(f"   #{one.number} is not answered yet: compared again as soon as it is.", "wait")]
                  for one in waiting]  # fmt: skip
        return lines

    def _arrange(self) -> None:
        """Most of the height for the list, if it needs it; while the values have the keyboard, first for them."""
        count = self.differences.count()
        for part in (self.value_title, self.value_heads, self.values):
            part.display = count > 0
        if not count:
            self.differences.styles.height = "1fr"
            if self.values.has_focus:
                self.set_focus(self.differences)
            return
        room = self.size.height - 6
        most = room * 3 // 5
        if self.values.has_focus:
            most = min(most, max(room // 5, room - self.values.count()))
        self.differences.styles.height = max(1, min(count, max(LOWEST_LIST, most)))
        self.call_after_refresh(self.differences.show_cursor)

    def _show_values(self) -> None:
        entry = self.differences.chosen()
        if entry is None:
            self.values.show(None)
            return
        sign, role = SIGNS[entry.change.how]
        path = clean(entry.change.path)
        told = f"ignored by {clean(entry.ignored_by)}" if entry.ignored_by else describe(entry.change)
        left: Line = [(f" {sign} ", role), (path, "key"), (f"  {told}", "dim")]
        sides = heads(f"before, #{self.before.number}", f"after, #{self.after.number}", self.size.width - MARGINS)
        self.value_heads.show([(" ", "plain"), *sides])
        if self.whole_shown:
            self._show_whole(entry.part)
            return
        place, count = self.differences.place()
        more = "w shows them in the whole   " if self.size.width >= ROOMY else "w whole  "
        self.value_title.show(left, [(f"  {more}{place} of {count} ", "dim")])
        self.values.show(entry.change)

    def _show_whole(self, part: str) -> None:
        """Show the payloads of that part as they were compared, where the selected difference is in them."""
        if part not in self._whole:
            change = whole(*self._taken, part)
            self._whole[part] = change and masked(change, self.differences.redact)
        found = self._whole[part]
        told = "whole: w shows the selected values alone" if found else "neither has one: w leads back"
        place, count = self.differences.place()
        self.value_title.show(
            [(f" {clean(part)}.payload", "key"), (f"  {told}", "dim")], [(f" {place} of {count} ", "dim")]
        )
        self.values.show(found)
        self.values.seek(*self.differences.namesakes())

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """A difference was opened: give its values the keyboard."""
        if event.rows is self.differences and self.differences.chosen() is not None:
            self.set_focus(self.values)

    def on_difference_list_selected(self, _event: DifferenceList.Selected) -> None:
        """Another difference was selected."""
        self._show_values()

    def on_values_view_closed(self, _event: ValuesView.Closed) -> None:
        """Back to the list."""
        self.set_focus(self.differences)

    def on_descendant_focus(self, _event: events.DescendantFocus) -> None:
        """Whoever has the keyboard has the room."""
        self._arrange()


_NOT_COUNTED = " Ids, times and who of several instances answered do not count."


def _mark(exchange: Exchange) -> tuple[object, ...]:
    """What is another whenever a comparison may come to something else."""
    return exchange.state, exchange.flags, exchange.replies, exchange.answer is not None
