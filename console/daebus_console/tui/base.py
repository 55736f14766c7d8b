"""What screens, widgets and commands may ask of the application around them. It knows them; they know only this."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from textual.app import App

if TYPE_CHECKING:
    from daebus_console.commands.known_file import KnownFile
    from daebus_console.engine.hiding.redact import Redactor
    from daebus_console.engine.holding.desk import Held
    from daebus_console.engine.keeping.keeper import Keeper
    from daebus_console.engine.offline import OfflineSession
    from daebus_console.engine.sender import Sender
    from daebus_console.engine.session import Session
    from daebus_console.repl.history import EntryHistory
    from daebus_console.tui.rows.lines import Line
    from daebus_console.tui.settings import SettingsFile


class View(Protocol):
    """The main screen of a workspace, as whoever is not part of it may use it."""

    @property
    def command_width(self) -> int:
        """Cells of a line of the command pane."""

    def set_filter(self, text: str | None) -> None:
        """Show only what passes the filter; None shows everything."""

    def narrow_to(self, text: str) -> bool:
        """The same; False where it does not parse."""

    def toggle_pause(self) -> bool:
        """Hold still, or go on; returns whether it holds still now."""

    def cleared(self) -> None:
        """The journal was emptied."""

    def select(self, number: int) -> bool:
        """Bring the exchange of that number into view; False where it is gone."""

    def watch_for(self, request_id: str) -> None:
        """Show the exchange of that request as soon as it is seen. For any thread."""

    def notify(self, message: str, *, timeout: float | None = None) -> None:
        """Say something in passing."""

    def quit(self) -> None:
        """Leave."""


class DebugView(Protocol):
    """The main screen, as the screens of the debugger use it."""

    session: Session
    last_said: Line
    """What a command, or a step, has said last."""

    @property
    def keeper(self) -> Keeper | None:
        """Who keeps our rules; None before the first."""

    @property
    def stepped_to(self) -> int | None:
        """The number of what is held where the last step has come to."""

    def do(self, command: str) -> None:
        """Carry out a command as if it had been typed."""

    def begin(self, command: str) -> None:
        """Put the beginning of a command into the command line, and leave whatever screens are over it."""

    def look_inside(self, held: Held, done: Callable[[Any], None]) -> None:
        """Fetch the payload of what is held, and hand it on; None where nobody can tell it."""

    def edit_held(self, held: Held) -> None:
        """Edit the payload of what is held, and let it go on with that."""

    def answer_held(self, held: Held) -> None:
        """Write an answer in its place."""

    def fail_held(self, held: Held) -> None:
        """Ask for an error, and answer with it in its place."""

    def conversation_of(self, id: str | None) -> None:
        """Show the conversation that the message of that id belongs to."""

    def action_held(self) -> None:
        """Show what is held."""

    def action_rules(self) -> None:
        """List breakpoints and faults."""


class BaseApp(App[int]):
    """The application, as whoever it shows may use it. ConsoleApp is the one there is."""

    read_only: bool
    confirm_remote: bool
    redact: Redactor
    settings: SettingsFile
    known: KnownFile

    @property
    def session(self) -> Session:
        """The session that is on the screen."""
        raise NotImplementedError

    @property
    def main(self) -> View:
        """The main screen of what is on the screen."""
        raise NotImplementedError

    @property
    def history(self) -> EntryHistory:
        """What was entered in command lines, now and in earlier times."""
        raise NotImplementedError

    @property
    def on_own_thread(self) -> bool:
        """Whether the caller may touch widgets."""
        raise NotImplementedError

    def remember_layout(self) -> None:
        """Remember which panes there are and how large."""
        raise NotImplementedError

    def open_capture(self, session: OfflineSession) -> None:
        """Show a capture over what is on the screen, until the user leaves it."""
        raise NotImplementedError

    def leave(self) -> None:
        """Leave the capture on the screen; else the console."""
        raise NotImplementedError


class Place(Protocol):
    """What commands are carried out for: a workspace."""

    app: BaseApp
    session: Session
    sender: Sender

    @property
    def main(self) -> View:
        """Its main screen."""
