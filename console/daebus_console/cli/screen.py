"""The full-screen console, from the shell."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from daebus_console.cli.contexts import open_session
from daebus_console.cli.ending import ENDING
from daebus_console.cli.options import Globals

if TYPE_CHECKING:
    from daebus_console.engine.sender import Sender
    from daebus_console.engine.session import Session


def show_console(settings: Globals, *, story: bool = False) -> int:
    """The full-screen console until the user leaves it, which leads through the demo's `story`. Raises
    ConfigurationError."""
    from daebus_console.engine.sender import Sender

    session = open_session(settings)
    # Textual is large: it is imported when the settings are known to be good.
    import daebus_console.tui.app  # noqa: F401

    with session, Sender(session, read_only=settings.read_only) as sender:
        return show(session, sender, settings, story=story)


def show(session: Session, sender: Sender, settings: Globals, *, story: bool = False) -> int:
    """A started session on the full screen until the user leaves it, or a signal asks for it."""
    from daebus_console.engine.hiding.redact import Redactor
    from daebus_console.tui.app import run as run_app

    redact = {"redact": Redactor(settings.redact)} if settings.redact else {}
    return run_app(
        session,
        ended_by=ENDING.by,
        sender=sender,
        read_only=settings.read_only,
        confirm_remote=settings.confirm_remote,
        # Left to itself, Textual takes NO_COLOR for a wish to have shades of grey.
        ansi_color=True if os.environ.get("NO_COLOR") else None,
        guided=story,
        **redact,
    )
