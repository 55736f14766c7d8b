"""Keys that do what was done before again, or take it along: replay, edit, compare, record, copy.

What is done is a command that the user could have typed: it is shown and carried out in the command pane.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from daebus_console.commands.terms.words import as_word
from daebus_console.commands.under_way import under_way
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.tui.screens.exchange_keys import ExchangeKeys
from daebus_console.tui.titles.hints import SELECT_FIRST

if TYPE_CHECKING:
    from daebus_console.tui.screens.record import Wanted
    from daebus_console.tui.screens.take_along import Form
    from daebus_console.tui.widgets.repl import ReplPane
    from daebus_console.tui.workspace import Workspace


class AgainKeys(ExchangeKeys):
    """Whoever inherits it brings the panes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "replay", "Replay"),
        Binding("R", "replay_many", "Replay what is marked, else what the filter shows", show=False),
        Binding("A", "pin", "Again: send it again whenever its service restarts, or no longer", show=False),
        Binding("d", "compare", "Compare the two marked, else with what it replays or the one before", show=False),
        Binding("P", "hold_replay", "Pause the replay, or let it go on", show=False),
        Binding("e", "edit", "Edit and send again", show=False),
        Binding("E", "editor", "Edit in $EDITOR and send again", show=False),
        Binding("i", "insert", "Put it into the command line, as the command that sends it again", show=False),
        Binding("y", "copy", "Copy as a command", show=False),
        Binding("Y", "take_along", "Take along: copy or write what is marked, else the selected", show=False),
        Binding("ctrl+r", "record", "Record into a file, or end the recording", show=False),
        Binding("C", "clear", "Clear: forget the messages seen so far", show=False),
        Binding("ctrl+c", "stop", "Stop the command or replay under way", show=False),
    ]

    filter_text: str
    repl: ReplPane
    workspace: Workspace

    # What it is about -----------------------------------------------------------------------------------------

    def _selected(self) -> Exchange | None:
        exchange = self.selected_exchange()
        if exchange is None:
            self.notify(SELECT_FIRST, timeout=2)
        return exchange

    def do(self, command: str) -> None:
        """Carry out a command as if it had been typed."""
        self.repl.echo(command)
        self.workspace.assist.remember(command)
        self.workspace.commands.carry_out(command)

    def begin(self, command: str) -> None:
        """Put the beginning of a command into the command line, and leave whatever screens are over it."""
        while self in self.app.screen_stack and self.app.screen is not self:
            self.app.pop_screen()
        self.repl.display = True
        self.repl.line.put(command)
        self.set_focus(self.repl.line)

    # Replay ---------------------------------------------------------------------------------------------------

    def action_replay(self) -> None:
        """Send the selected exchange again; the answer comes as a new exchange, linked with it."""
        exchange = self._selected()
        if exchange is not None:
            self.do(f"replay #{exchange.number}")

    def action_replay_many(self) -> None:
        """Put the command that replays what is marked, else what the filter shows, into the command line."""
        if self.marked():
            self.begin("replay is:marked ")
        elif self.filter_text:
            self.begin(f"replay {self.filter_text} ")
        else:
            self.notify("Mark exchanges with m, or narrow the flow with /, and R replays these", timeout=4)

    def action_hold_replay(self) -> None:
        """Pause the replays under way, or let them go on."""
        if not under_way(self.session).hold_replays():
            self.notify("No replay is under way", timeout=2)

    def action_pin(self) -> None:
        """Pin the selected exchange, or pin it no longer."""
        exchange = self._selected()
        if exchange is not None:
            self.do(f"{'un' if exchange.has(Flag.PINNED) else ''}pin #{exchange.number}")

    def action_stop(self) -> None:
        """Stop the newest command that is under way; where text is selected, copy that."""
        if self.get_selected_text():
            self.action_copy_text()
        elif not self.workspace.commands.cancel():
            self.notify("No command is under way; q in the flow or ctrl+q leaves", timeout=2)

    def action_clear(self) -> None:
        """Forget the messages seen so far, once that is confirmed."""
        from daebus_console.tui.screens.ask import AskScreen

        with self.session.lock:
            count = len(self.session.journal.messages)

        def answered(answer: str | None) -> None:
            if answer == "y":
                self.do("clear")

        if count:
            self.app.push_screen(AskScreen(f"Forget the {count:,} messages seen so far?", "type y to go on"), answered)
        else:
            self.notify("There is nothing to forget", timeout=2)

    # Edit -----------------------------------------------------------------------------------------------------

    def action_insert(self) -> None:
        """Put the selected exchange into the command line, to be changed and sent again."""
        command = self._selected_command()
        if command is not None:
            self.begin(command)

    def action_edit(self) -> None:
        """Edit the selected exchange, and send it again."""
        self._edit(at_once=False)

    def action_editor(self) -> None:
        """The same, with $EDITOR opened at once."""
        self._edit(at_once=True)

    def _edit(self, *, at_once: bool) -> None:
        from daebus_console.engine.replay.item import Resend, Unsendable, resend_of
        from daebus_console.tui.screens.edit import EditScreen

        exchange = self._selected()
        if exchange is None:
            return
        draft = self.workspace.commands.drafts.get(exchange.number)
        again = "" if draft is None else ", as you left it: it was not sent"
        try:
            screen = EditScreen(draft or resend_of(exchange), f"Edit #{exchange.number} and send again{again}")
        except Unsendable as error:
            self.notify(f"It cannot be edited and sent again: {error}", timeout=4, severity="warning", markup=False)
            return

        def done(item: Resend | None) -> None:
            if item is not None:
                self.repl.echo(f"replay #{exchange.number}, edited")
                self.workspace.commands.replay_edited(exchange, item)

        self.app.push_screen(screen, done)
        if at_once:
            screen.call_after_refresh(screen.action_editor)

    # Compare --------------------------------------------------------------------------------------------------

    def action_compare(self) -> None:
        """Compare the two that are marked; else the selected one with what it replays, or with the one before it."""
        from daebus_console.engine.diff.exchange import not_seen
        from daebus_console.tui.compare.rows import partner
        from daebus_console.tui.screens.comparing.compare import CompareScreen

        marked = self.marked()
        exchange = None if len(marked) == 2 else self._selected()
        told = not_seen(marked if exchange is None else [exchange])
        if told is not None:
            self.notify(told, timeout=4, severity="warning", markup=False)
            return
        if len(marked) == 2:
            self.app.push_screen(CompareScreen(*marked))
            return
        if exchange is None:
            return
        with self.session.lock:
            other = partner(list(self.session.journal.exchanges), exchange)
        if other is None:
            self.notify("Nothing like it was seen before: mark two with m, and d compares these", timeout=4)
        else:
            self.app.push_screen(CompareScreen(*sorted((other, exchange), key=lambda one: one.number)))

    # Take along -----------------------------------------------------------------------------------------------

    def _selected_command(self) -> str | None:
        from daebus_console.tui.acting.resend import CannotResend, as_command

        exchange = self._selected()
        if exchange is None:
            return None
        try:
            return as_command(exchange, self.app.redact)
        except CannotResend as error:
            self.notify(str(error), timeout=4, severity="warning", markup=False)
            return None

    def action_copy(self) -> None:
        """Copy the selected exchange as a command."""
        command = self._selected_command()
        if command is not None:
            self.app.copy_to_clipboard(command)
            self.notify("Copied as a command", timeout=2)

    def action_take_along(self) -> None:
        """Choose a form, and copy or write the marked exchanges, else the selected one, in it."""
        from daebus_console.tui.screens.ask import AskScreen
        from daebus_console.tui.screens.take_along import TakeAlongScreen

        marked = self.marked()
        exchange = None if marked else self._selected()
        if not marked and exchange is None:
            return
        told, which = (f"the {len(marked)} marked", "is:marked") if exchange is None else (f"#{exchange.number}",) * 2

        def chosen(form: Form | None) -> None:
            if form is None:
                return
            if not form.to_file:
                self.do(f"export {which} --as {form.name} --copy")
                return
            self.app.push_screen(
                AskScreen("A file to write", f"{told} as {form.name}", file_name(form.name, exchange)),
                lambda path: self.do(f"export {which} --as {form.name} --output {as_word(path)}") if path else None,
            )

        self.app.push_screen(TakeAlongScreen(told), chosen)

    # Record ---------------------------------------------------------------------------------------------------

    def action_record(self) -> None:
        """Record what passes into a file, or end the recording that is under way."""
        from daebus_console.tui.screens.record import RecordScreen

        if not self.session.passing:
            self.notify("This is a capture, connected to no Redis: nothing passes in it any more", timeout=3)
            return
        if under_way(self.session).stop_recording():
            return

        def wanted(answer: Wanted | None) -> None:
            if answer is not None:
                what = f" {self.filter_text}" if answer.filtered else ""
                self.do(f"record {as_word(answer.path)}{what}")

        name = time.strftime("daebus-%m%d-%H%M%S.jsonl")
        self.app.push_screen(RecordScreen(name, self.filter_text), wanted)


def file_name(form: str, exchange: Exchange | None) -> str:
    """A name for a file of that format, for one exchange or several."""
    from daebus_console.engine.export import FORMATS

    stem = "exchanges" if exchange is None else f"exchange_{exchange.number}"
    return f"{'test_' if form == 'pytest' else ''}{stem}{FORMATS[form].suffix}"
