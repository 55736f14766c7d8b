"""What one main screen is about: a session, what may be sent and done in it, and the screen itself."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from daebus_console.commands.under_way import under_way
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.tui.acting.commanding import Commands

if TYPE_CHECKING:
    from daebus_console.repl.assist import Assist
    from daebus_console.tui.base import BaseApp, View


class Workspace:
    """A session on the screen: the bus, or a capture that was opened over it.

    Without `sender` it has its own. What is `owned` is stopped when it is closed; else the session is left to whoever
    started it. Whoever makes it gives it its screen.
    """

    main: View

    def __init__(self, app: BaseApp, session: Session, sender: Sender | None, *, owned: bool = False) -> None:
        self.app = app
        self.session = session
        self._own_sender = owned or sender is None
        self.sender = sender or Sender(session, read_only=app.read_only)
        self._owned = owned
        self.commands = Commands(self)

    @cached_property
    def assist(self) -> Assist:
        """What helps in the command line; made when somebody first types there, for what it needs takes its time."""
        from daebus_console.repl.assist import Assist

        return Assist(lambda: self.commands.known, self.app.history)

    def close(self) -> None:
        """End what was begun here. Waits a moment for it: not for the application's own thread."""
        self.commands.close()
        under_way(self.session).close()
        if self._own_sender:
            self.sender.close()
        if self._owned:
            self.session.stop()
