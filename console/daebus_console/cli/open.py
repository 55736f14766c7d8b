"""open at the shell: a capture in the full-screen console, as if it were happening."""

from __future__ import annotations

import sys

from daebus.errors import ConfigurationError
from daebus_console.cli.options import Globals
from daebus_console.cli.output import TerminalOutput
from daebus_console.commands.grammar import Command


def run_open(command: Command, settings: Globals, output: TerminalOutput) -> int:
    """Show the capture until the user leaves; the status is 2 where it is none."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        output.error("the full-screen console needs a terminal; `replay FILE --dry-run` and `export FILE` need none")
        return 2
    from daebus_console.engine.capture.format import CaptureError
    from daebus_console.engine.offline import OfflineSender, OfflineSession
    from daebus_console.engine.redact import Redactor

    try:
        session = OfflineSession(command["file"], target=command["redis"] or settings.redis)
    except (CaptureError, ConfigurationError) as error:
        output.error(str(error))
        return 2
    # Textual is large: it is imported when there is something to show.
    from daebus_console.tui.app import run as run_app

    with session, OfflineSender(session, read_only=settings.read_only) as sender:
        redact = {"redact": Redactor(settings.redact)} if settings.redact else {}
        return run_app(session, sender=sender, read_only=settings.read_only, **redact)
