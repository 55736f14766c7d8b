"""A message as text to be changed before it is sent again, checked while it is typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import TextArea
from textual.widgets.text_area import Selection

from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.replay.item import Resend
from daebus_console.text import clean
from daebus_console.tui.draft.draft import Draft, Verdict
from daebus_console.tui.draft.text import first_place, laid_out, safe
from daebus_console.tui.leaving import Dialog
from daebus_console.tui.rows.lines import Line
from daebus_console.tui.widgets.draft_area import LARGEST, DraftArea
from daebus_console.tui.widgets.key_line import KeyLine
from daebus_console.tui.widgets.title import TitleLine

if TYPE_CHECKING:
    from daebus.transport.address import RedisAddress
    from daebus_console.tui.base import BaseApp

AT_ONCE = 50_000
"""Signs up to which a text is checked at every key; a longer one once nothing was typed for a while."""
PAUSE = 0.3
"""Seconds of that while."""
LOOK_EVERY = 0.25
"""Seconds between two looks whether it can still be sent."""
NARROW = 100
"""Cells below which the editor takes the whole screen."""


class EditScreen(Dialog[Resend | None]):
    """Dismissed with the message as it was edited, or None. What was typed is lost only when that is said twice.

    Values of keys that the application redacts are hidden, and sent as they were unless others are written. To be
    made where there is an application. `over()` says why it cannot be sent any more, and nothing while it can. Raises
    Unsendable where the message is nested too deeply to be edited.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "Close", show=False)]

    app: BaseApp

    def __init__(
        self,
        resend: Resend,
        title: str = "Edit and send again",
        draft: Draft | None = None,
        over: Callable[[], str] | None = None,
    ) -> None:
        super().__init__()
        self._over = over
        self.draft = Draft(resend, self.app.redact) if draft is None else draft
        self.verdict = self.draft.check(self.draft.text)
        self._checked: str | None = self.draft.text
        self._goes_to = resend
        self._asked = self._remark = ""
        """The key that was asked about, and what was said."""
        self._refused = False
        self._timer: Timer | None = None
        self.head = TitleLine([(f" {clean(title)}", "strong")], classes="pane-title")
        self.aim = TitleLine(id="edit-aim")
        self.area = DraftArea(self.draft.text, self._touched, id="edit-text")
        # Not when it is mounted: the first keys may be there by then.
        self.area.selection = Selection.cursor(self.draft.place())
        self.below = TitleLine(id="edit-below")

    def compose(self) -> ComposeResult:
        with Vertical(id="edit-box"):
            yield self.head
            yield self.aim
            yield self.area
            yield self.below
            yield KeyLine()

    def on_mount(self) -> None:
        self.set_focus(self.area)
        self.call_after_refresh(self.area.scroll_cursor_visible)
        if self._over is not None:
            self.set_interval(LOOK_EVERY, self._tell)
        self._tell()

    def on_resize(self) -> None:
        """On a small screen nothing else has room."""
        self.set_class(self.size.width < NARROW, "-narrow")

    # Checking --------------------------------------------------------------------------------------------------

    @on(TextArea.Changed)
    def _changed(self, event: TextArea.Changed) -> None:
        """Check what stands there: a short text at once, a long one in a while."""
        event.stop()
        self.area.limit()
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if len(self.area.text) <= AT_ONCE:
            self._check()
        else:
            self._timer = self.set_timer(PAUSE, self._check)
            self._tell()

    def _check(self) -> Verdict:
        """Check what stands there now, unless that is done, and tell."""
        text = self.area.text
        if text != self._checked:
            self.verdict, self._checked = self.draft.check(text), text
            self._goes_to = self.verdict.item or self._goes_to
        self._tell()
        return self.verdict

    @on(TextArea.SelectionChanged)
    def _moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        self._tell()

    @on(DraftArea.TooLong)
    def _too_long(self, event: DraftArea.TooLong) -> None:
        event.stop()
        self._say(f"not pasted: that would make more than {LARGEST:,} characters; ctrl+o opens your editor")

    # What is told ----------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        verdict = self.verdict
        fresh = self.area.text == self._checked
        place = (verdict.line - 1, verdict.column - 1) if fresh and verdict.line else None
        self.area.show_mistake(place)
        self.below.show(self._told(fresh), self._whereabouts())
        self.aim.show(self.draft.aim(self._goes_to), self._environment())

    def _redis(self) -> RedisAddress | None:
        """Where it would be sent; None from a capture that was opened without one."""
        session = self.app.session
        return session.target if isinstance(session, OfflineSession) else session.address

    def _environment(self) -> Line:
        if self.app.read_only:
            return [(" read-only: nothing is sent ", "warn")]
        address = self._redis()
        return [(" no Redis to send it to ", "warn") if address is None else (f" {clean(str(address))} ", "dim")]

    def _told(self, fresh: bool) -> Line:
        verdict = self.verdict
        if self._asked:
            return [(" ? ", "warn"), (f"{self._asked} again throws your changes away, any other key goes on", "warn")]
        if self._remark:
            return [(" · ", "accent"), (self._remark, "plain")]
        if over := self._why_over():
            return [(" ✗ ", "error"), (over, "error")]
        if not fresh:
            return [(" … ", "dim"), ("checked when you pause", "dim")]
        if verdict.item is not None:
            return [(" ✓ ", "ok"), (verdict.told, "plain")]
        where = f"line {verdict.line}, column {verdict.column}: " if verdict.line else ""
        return [(" ✗ ", "error"), ("not sent: " if self._refused else "", "warn"), (f"{where}{verdict.told}", "error")]

    def _why_over(self) -> str:
        return "" if self._over is None else clean(self._over())

    def _whereabouts(self) -> Line:
        row, column = self.area.cursor_location
        told: Line = [(f" {row + 1}:{column + 1} ", "dim")]
        return [("  too long to type in ", "warn"), *told] if self.area.read_only else told

    def _say(self, remark: str) -> None:
        """Say something below the text, until the next key."""
        self._asked, self._remark = "", clean(remark)
        self._tell()

    # Keys ------------------------------------------------------------------------------------------------------

    def _touched(self, key: str) -> None:
        """A key was pressed in the text, or something else was done there: what was said is no longer said."""
        asked = self._asked if key == self._asked else ""
        if (asked, False, "") != (self._asked, self._refused, self._remark):
            self._asked, self._refused, self._remark = asked, False, ""
            self._tell()

    def action_send(self) -> None:
        """Be done, if what stands there can be sent; else say why not, and go there."""
        item = self._check().item
        if over := self._why_over():
            self._say(f"not sent: {over}")
        elif item is None:
            self._asked, self._refused = "", True
            self._go_to_mistake()
            self._tell()
        elif self.app.read_only:
            self._say("not sent: this console is read-only")
        elif self._redis() is None:
            self._say("not sent: this is a capture, and no Redis was named with --redis to send it to")
        else:
            self._leave(item)

    def _leave(self, item: Resend | None) -> None:
        # A quick hand presses twice.
        if self.is_current:
            self.dismiss(item)

    def action_mistake(self) -> None:
        """Put the cursor where the mistake is."""
        if self._check().item is not None:
            self._say("there is no mistake")
        elif not self._go_to_mistake():
            self._say(f"not in one place: {self.verdict.told}")

    def _go_to_mistake(self) -> bool:
        if not self.verdict.line:
            return False
        self.area.move_cursor((self.verdict.line - 1, self.verdict.column - 1))
        self.area.scroll_cursor_visible()
        return True

    def action_close(self) -> None:
        """Close; where something was changed, only when it is said twice."""
        if self.may_go("escape"):
            self._leave(None)

    def may_go(self, key: str) -> bool:
        """Whether what was typed may be lost: nothing was changed, or that key is pressed again. Asks, where not."""
        if self._asked == key or self.area.text == self.draft.text:
            return True
        self._asked = key
        self._tell()
        return False

    def action_restore(self) -> None:
        """Put back the text as it was at first."""
        if self.area.text == self.draft.text:
            self._say("it is as it was")
            return
        self._put(self.draft.text)
        self._say("as it was; ctrl+z brings your changes back")

    def action_lay_out(self) -> None:
        """Give each member a line of its own again."""
        try:
            text = safe(laid_out(self.area.text))
        except ValueError as error:
            verdict = self._check()
            self._go_to_mistake()
            self._say(f"it cannot be laid out: {error if verdict.item else verdict.told}")
            return
        if text == self.area.text:
            self._say("it is laid out already")
            return
        row, _column = self.area.cursor_location
        self._put(text, row)

    def _put(self, text: str, row: int | None = None) -> None:
        self._asked = ""
        self.area.put(text)
        self.area.move_cursor(first_place(text) if row is None else (row, 0))

    def action_editor(self) -> None:
        """Have the text edited in $EDITOR, and take back what comes of it, whatever it is."""
        from daebus_console.tui.acting import editor

        after, failed = None, ""
        try:
            words = editor.command()
            with self.app.suspend():
                # What is raised in here would leave the terminal lent.
                try:
                    after = editor.edit_text(self.area.text, words)
                except editor.EditorError as error:
                    failed = str(error)
        except editor.EditorError as error:
            failed = str(error)
        except SuspendNotSupported:
            failed = "This terminal cannot be lent to an editor; the text can be edited here"
        if failed:
            self.notify(failed, severity="warning", timeout=6, markup=False)
            return
        if after is None:
            self._say("the editor left it as it was")
            return
        self._put(safe(after))
        self._check()
        self._go_to_mistake()

    def action_keys(self) -> None:
        """Show all keys: those of this screen, and those of typing."""
        from daebus_console.tui.screens.help import HelpScreen, grouped

        # What a screen is dismissed with does not matter there.
        (keys,) = grouped(self.active_bindings.values(), cast("Screen[None]", self)).values()
        own = {binding.description for binding in Binding.make_bindings(DraftArea.BINDINGS)}
        groups = {
            "This message": [(key, what) for key, what in keys if what in own],
            "Typing": [(key, what) for key, what in keys if what not in own],
        }
        self.app.push_screen(HelpScreen(groups))
