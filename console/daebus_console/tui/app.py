"""The application: holds the session, the commands and the settings, and opens the main screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from daebus_console.engine.redact import Redactor
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.tui.commanding import Commands
from daebus_console.tui.screens.main import MainScreen


class ConsoleApp(App[int]):
    """The console on a session that somebody else started and will stop.

    `sender` publishes for the commands; without one it has its own. With `read_only` every verb that publishes is
    refused. `redact` masks values in payloads wherever they are shown.
    """

    CSS_PATH = Path(__file__).with_name("console.tcss")
    TITLE = "daebus-console"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
        Binding("ctrl+p", "command_palette", "All actions", show=False, priority=True),
    ]

    def __init__(
        self,
        session: Session,
        *,
        sender: Sender | None = None,
        read_only: bool = False,
        redact: Redactor | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__(**keywords)
        self.session = session
        self._own_sender = sender is None
        self.sender = sender or Sender(session, read_only=read_only)
        self.read_only = read_only or self.sender.read_only
        self.redact = redact or Redactor(())
        self.commands = Commands(self)
        self.main = MainScreen(self)

    def get_default_screen(self) -> MainScreen:
        """Textual asks for what is at the bottom of all screens."""
        return self.main

    async def action_quit(self) -> None:
        """Leave. The session is left to whoever started it."""
        self.exit(0)

    def on_unmount(self) -> None:
        """Nothing that was begun here outlives the screen."""
        self.commands.cancel_all()
        if self._own_sender:
            self.sender.close()


def run(session: Session, **keywords: Any) -> int:
    """Show the console on a started session until the user leaves; returns the exit status.

    Takes what ConsoleApp takes: `sender`, `read_only`, `redact`.
    """
    app = ConsoleApp(session, **keywords)
    status = app.run()
    return (app.return_code or 0) if status is None else status
