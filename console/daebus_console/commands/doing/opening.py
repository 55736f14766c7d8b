"""open at a prompt: a capture over what is on the screen. At the shell, see cli/open.py."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from daebus_console.commands.context import Context, Exit
from daebus_console.commands.doing.shared.inputs import capture, misplaced
from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.capture.format import CaptureError
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.settings import Settings


@runtime_checkable
class Opener(Protocol):
    """A view that can show a capture."""

    def open(self, session: OfflineSession) -> None:
        """Show it until the user leaves it; the view starts and stops the session."""


def run_open(command: Command, context: Context) -> int:
    """Show a capture in the full screen. Raises CommandError where there is no screen, or the file is no capture."""
    view: object = context.view
    if not isinstance(view, Opener):
        raise CommandError("there is no screen beside this prompt; at the shell: daebus-console open FILE", 0, 4)
    path = command["file"]
    try:
        session = OfflineSession(
            capture(path, context), Settings(dialects=context.session.settings.dialects), target=command["redis"]
        )
    except CaptureError as error:
        raise misplaced(command, path, str(error)) from None
    view.open(session)
    context.output.note(f"{path} was opened; q there comes back here")
    return Exit.DONE
