"""What screens, widgets and commands may ask of the application around them. It knows them; they know only this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from textual.app import App

if TYPE_CHECKING:
    from daebus_console.commands.known_file import KnownFile
    from daebus_console.engine.hiding.redact import Redactor
    from daebus_console.engine.offline import OfflineSession
    from daebus_console.engine.sender import Sender
    from daebus_console.engine.session import Session
    from daebus_console.repl.history import EntryHistory
    from daebus_console.tui.settings import SettingsFile


class View(Protocol):
    """The main screen of a workspace, as whoever is not part of it may use it."""

    @property
    def command_width(self) -> int:
        """Cells of a line of the command pane."""

    def set_filter(self, text: str | None) -> None:
        """Show only what passes the filter; None shows everything."""

    def narrow_to(self, text: str, *, typing: bool = False) -> bool:
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
