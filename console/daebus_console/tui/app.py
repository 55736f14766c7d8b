"""The application: holds the settings and what is on the screen, the bus and the captures opened over it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.geometry import Size
from textual.notifications import Notify
from textual.screen import Screen
from textual.theme import ThemeProvider
from textual.widgets import Input, TextArea
from textual.widgets._toast import ToastHolder, ToastRack

from daebus_console.commands.known_file import KnownFile, known_path
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.repl.place import history_path
from daebus_console.tui.acting.commanding import Commands
from daebus_console.tui.base import BaseApp
from daebus_console.tui.driver import ConsoleDriver, restore
from daebus_console.tui.look.roles import COMPONENTS
from daebus_console.tui.screens.main import MainScreen
from daebus_console.tui.settings import SettingsFile, default_path
from daebus_console.tui.workspace import Workspace

if TYPE_CHECKING:
    from daebus_console.engine.offline import OfflineSession
    from daebus_console.repl.history import EntryHistory
    from daebus_console.tui.acting.leading import Leader


def _actions() -> type[Provider]:
    # Only wanted when the palette is opened.
    from daebus_console.tui.acting.palette import Actions

    return Actions


ROWS = [(0, "-tiny"), (8, "-lower"), (14, "-low"), (20, "-high")]
COLUMNS = [(0, "-thin"), (64, "-broad"), (110, "-roomy")]
"""From how many rows and columns on screens have which class."""
ROWS_OF_A_TOAST = 12
"""Rows of a screen for each thing that is said in passing at the same time."""
_PATIENCE = 1.0
"""Seconds to wait for a screen before its keys are looked at."""
NARROWEST = 20
"""Cells that every screen has, even where the terminal is narrower."""


class ConsoleApp(BaseApp):
    """The console on a session that somebody else started and will stop.

    `sender` publishes for the commands; without one it has its own. With `read_only` every verb that publishes is
    refused; with `confirm_remote` it is asked before much is sent to another machine. `redact` masks values in
    payloads wherever they are shown. Without `settings` nothing is remembered, without `history_path` no command,
    without `known` no finding that the user knows of. With `guided` it leads through the story of the demo.
    """

    COMPONENT_CLASSES = COMPONENTS  # type: ignore[assignment]  # Textual reads it
    _restored = False
    CSS_PATH = Path(__file__).with_name("console.tcss")
    TITLE = "daebus-console"
    VERTICAL_BREAKPOINTS = ROWS
    HORIZONTAL_BREAKPOINTS = COLUMNS
    COMMANDS: ClassVar = {_actions}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "Suspend: back to the shell, until `fg`", show=False),
        Binding("ctrl+p", "command_palette", "All actions", show=False, priority=True),
        Binding("f9", "off", "Off: lift all rules of ours, and let go all that they hold", show=False, priority=True),
        Binding("f11", "step('into')", "Step into", show=False),
        Binding("f10", "step('over')", "Step over", show=False),
        Binding("shift+f11,f23", "step('out')", "Step out", key_display="⇧F11", show=False),
        Binding("f8", "step('run')", "Run", show=False),
    ]

    def __init__(
        self,
        session: Session,
        *,
        sender: Sender | None = None,
        read_only: bool = False,
        confirm_remote: bool = True,
        redact: Redactor | None = None,
        settings: SettingsFile | None = None,
        history_path: Path | None = None,
        known: KnownFile | None = None,
        guided: bool = False,
        **keywords: Any,
    ) -> None:
        super().__init__(**keywords)
        self.read_only = read_only or (sender is not None and sender.read_only)
        self.confirm_remote = confirm_remote
        self.redact = redact or Redactor(())
        self.settings = settings or SettingsFile()
        self.known = known or KnownFile()
        self._history_path = history_path
        self._guided = guided
        self._leader: Leader | None = None
        self.mains: list[MainScreen] = []
        """Of what was started with, and of the captures opened over it."""
        self._begin(session, sender)

    def _begin(self, session: Session, sender: Sender | None, *, owned: bool = False) -> MainScreen:
        workspace = Workspace(self, session, sender, owned=owned)
        workspace.main = main = MainScreen(workspace)
        self.mains.append(main)
        return main

    def get_default_screen(self) -> MainScreen:
        """Textual asks for what is at the bottom of all screens."""
        return self.mains[0]

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """See Textual, whose panel of keys and maximized widgets would lie over what `?` and `z` do here."""
        ours = ("Theme", "Quit", "Screenshot")
        return (command for command in super().get_system_commands(screen) if command.title in ours)

    def deliver_screenshot(
        self, filename: str | None = None, path: str | None = None, time_format: str | None = None
    ) -> str | None:
        """Save it where whatever else is written goes, too: Textual wants a folder for downloads, and fails without."""
        return super().deliver_screenshot(filename, path or os.getcwd(), time_format)

    @property
    def workspace(self) -> Workspace:
        """What is on the screen."""
        return self.mains[-1].workspace

    @property
    def session(self) -> Session:
        """The session that is on the screen."""
        return self.workspace.session

    @property
    def sender(self) -> Sender:
        """What publishes for the commands."""
        return self.workspace.sender

    @property
    def commands(self) -> Commands:
        """What carries out commands."""
        return self.workspace.commands

    @property
    def main(self) -> MainScreen:
        """The main screen of what is on the screen."""
        return self.mains[-1]

    def on_mount(self) -> None:
        """Be as remembered."""
        # A terminal is asked how many colours it has; who has none is no terminal.
        self.set_class(not self.is_headless and self.console.color_system == "standard", "-few-colours")
        # Textual has the widgets follow the class, and not what the application itself has of roles.
        self.stylesheet.apply(self)
        theme = self.settings.get("theme", str, "")
        if theme in self.available_themes:
            self.theme = theme
        if self.settings.problem is not None:
            self.notify(self.settings.problem, severity="warning", markup=False)
        self._restored = True
        if self._guided:
            # Of all consoles only that of the demo has it.
            from daebus_console.tui.acting.leading import Leader

            self._leader = Leader(self)

    def action_end_story(self) -> None:
        """Lead through the demo's story no longer."""
        if self._leader is not None:
            self._leader.end()

    def watch_theme(self, theme: str) -> None:
        """Remember the theme."""
        if self._restored:
            self.settings.set("theme", theme)

    def remember_layout(self) -> None:
        """Remember which panes there are and how large."""
        self.settings.set("layout", self.main.layout_of.state())

    @cached_property
    def history(self) -> EntryHistory:
        """What was entered in command lines, now and in earlier times."""
        from daebus_console.repl.history import EntryHistory

        history = EntryHistory(self._history_path, self.redact)
        history.entries()
        if history.problem is not None:
            self.notify(history.problem, severity="warning", markup=False)
        return history

    def open_capture(self, session: OfflineSession) -> None:
        """Show a capture over what is on the screen, until the user leaves it."""
        from daebus_console.engine.offline import OfflineSender

        sender = OfflineSender(session, read_only=self.read_only)
        main = self._begin(session, sender, owned=True)
        session.start()
        self.push_screen(main)

    def leave(self) -> None:
        """Leave the capture on the screen; else the console."""
        if len(self.mains) == 1:
            self.exit(0)
            return
        main = self.mains.pop()
        while main in self.screen_stack:
            self.pop_screen()
        self.run_worker(main.workspace.close, thread=True, exit_on_error=False)

    @property
    def size(self) -> Size:
        """See Textual. What is narrower than NARROWEST is laid out for that, and the terminal shows what it can."""
        size = super().size
        return Size(max(NARROWEST, size.width), max(1, size.height))

    async def _on_resize(self, event: events.Resize) -> None:
        """See Textual, whose widgets cannot lay out a text in no cells.

        It tells the screens by a timer of 8 ms, which never rings where its task is held up for as long as it begins.
        """
        event.size = Size(max(NARROWEST, event.size.width), max(1, event.size.height))
        self.call_later(self._check_resize)

    def _on_notify(self, _event: Notify) -> None:
        """See Textual, which shows it then. Of what was said before there stays what has room beside it."""
        said = list(self._notifications)
        for old in said[: max(0, len(said) + 1 - max(1, self.size.height // ROWS_OF_A_TOAST))]:
            self._unnotify(old, refresh=False)

    def _refresh_notifications(self) -> None:
        """See Textual, which takes away what was said, and leaves the box around it for good."""
        stay = {ToastRack._toast_id(said) for said in self._notifications}
        for screen in self.screen_stack[-1:]:
            for box in screen.query(ToastHolder):
                if box.id not in stay:
                    box.remove()
        super()._refresh_notifications()

    def end(self, status: int) -> bool:
        """End with that exit status, whatever is on the screen; for signal handlers. False where it does not run.

        Also while an editor has the terminal, since it is waited for then.
        """
        loop = self._loop
        if loop is None or not self._running or ConsoleDriver.current is None:
            return False
        loop.call_soon_threadsafe(partial(self.exit, status))
        return True

    async def on_event(self, event: events.Event) -> None:
        """See Textual; a key is done before the next is looked at, also where that has priority or leads elsewhere.

        What is typed in a line the line sees to. A screen that has just been opened is waited for.
        """
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._opened(self.screen)
            pressed = event.key if isinstance(event, events.Key) else ""
            at = self.focused
            if pressed and at is not None and not isinstance(at, Input | TextArea):
                for first in (True, False):
                    if await self._check_bindings(pressed, priority=first):
                        return
        await super().on_event(event)

    async def _opened(self, screen: Screen[Any]) -> None:
        """Wait until the screen is there and it is known where its keys go; not for ever."""
        if screen.is_mounted:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(screen._mounted_event.wait(), _PATIENCE)
        # Where the screen leaves that to Textual, it would do so later.
        first = next((one for one in screen.query(screen.AUTO_FOCUS or "*") if one.focusable), None)
        if screen.focused is None and first is not None:
            screen.set_focus(first)

    def action_suspend_process(self) -> None:
        """Stop as a shell's ctrl+z does: the whole job, lest a program that started this one waits for ever."""
        if self._driver is not None and self._driver.can_suspend:
            os.kill(0, signal.SIGTSTP)

    def _fatal_error(self) -> None:
        """See Textual, which would show the variables as well, and in them what is nobody's business."""
        self._exit_renderables.append(Text(traceback.format_exc().rstrip()))
        self._close_messages_no_wait()

    def copy_to_clipboard(self, text: str) -> None:
        """See Textual; a lone surrogate, which no terminal takes, is written as an escape."""
        super().copy_to_clipboard(text.encode("utf-8", "backslashreplace").decode())

    def action_command_palette(self) -> None:
        """Show the palette, unless one is there."""
        from daebus_console.tui.acting.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def search_themes(self) -> None:
        """Choose a theme."""
        from daebus_console.tui.acting.palette import Palette

        self.push_screen(Palette(providers=[ThemeProvider], placeholder="Search for themes…"))

    def action_off(self) -> None:
        """Lift all rules of ours, and let go all that they hold."""
        self.main.do("off")

    def action_step(self, how: str) -> None:
        """Step on from what is held, from whatever screen."""
        self.main.action_step(how)

    def action_leave(self) -> None:
        """Leave what is on the screen."""
        self.leave()

    async def action_quit(self) -> None:
        """Leave the console; where that would lose what was typed, only when it is said twice.

        The session is left to whoever started it.
        """
        for screen in reversed(self.screen_stack):
            may_go = getattr(screen, "may_go", None)
            if may_go is not None and not may_go("ctrl+q"):
                while self.screen is not screen:
                    self.pop_screen()
                return
        self.exit(0)

    @property
    def on_own_thread(self) -> bool:
        """Whether the caller may touch widgets."""
        return threading.get_ident() == self._thread_id

    async def on_unmount(self) -> None:
        """Nothing that was begun here outlives the screen."""
        # In a thread, since a command that ends may still want to say so to the screen.
        for main in reversed(self.mains):
            await asyncio.to_thread(main.workspace.close)


EndedBy = Callable[[Callable[[int], bool], Callable[[], None]], AbstractContextManager[None]]
"""Whoever tells of signals: while it is entered, it asks the first to end with a status, and the second at last."""


def run(session: Session, *, ended_by: EndedBy | None = None, **keywords: Any) -> int:
    """Show the console on a started session until the user leaves, or `ended_by` says so; returns the exit status.

    Takes what ConsoleApp takes: `sender`, `read_only`, `confirm_remote`, `redact`, `guided`. Settings, history and what
    is known are the user's.
    """
    # A terminal has a size of its own, which these would freeze, here and in an editor started from here.
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    session.pulls = not session.recorded
    keywords.setdefault("settings", SettingsFile.load(default_path()))
    keywords.setdefault("history_path", history_path())
    keywords.setdefault("known", KnownFile(known_path()))
    app = ConsoleApp(session, driver_class=ConsoleDriver, **keywords)
    # What is loaded by now stays: without this, each full collection looks through it all, and holds up a frame or two.
    gc.freeze()
    try:
        with nullcontext() if ended_by is None else ended_by(app.end, restore):
            status = app.run()
    finally:
        restore()
    return (app.return_code or 0) if status is None else status
