"""open at the shell: a capture in the full-screen console, as if it were happening."""

from __future__ import annotations

import sys

from daebus.errors import ConfigurationError
from daebus_console.cli.options import Globals
from daebus_console.cli.output import TerminalOutput
from daebus_console.commands.grammar.command import Command


def run_open(command: Command, settings: Globals, output: TerminalOutput) -> int:
    """Show the capture until the user leaves; the status is 2 where it is none."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        output.error("the full-screen console needs a terminal; `replay FILE --dry-run` and `export FILE` need none")
        return 2
    from daebus_console.engine.capture.format import CaptureError
    from daebus_console.engine.offline import OfflineSender, OfflineSession
    from daebus_console.engine.settings import Settings

    try:
        session = OfflineSession(
            command["file"], Settings(dialects=settings.dialects), target=command["redis"] or settings.redis
        )
    except (CaptureError, ConfigurationError) as error:
        output.error(str(error))
        return 2
    from daebus_console.cli.screen import show

    with session, OfflineSender(session, read_only=settings.read_only) as sender:
        return show(session, sender, settings)
