"""What verbs look into that are about what services tell: the bus once it is known who is there, or a capture."""

from __future__ import annotations

from daebus_console.commands.context import Context
from daebus_console.commands.doing.looking.finding import read_capture
from daebus_console.commands.doing.looking.listing import LOOK_FOR, complete
from daebus_console.commands.doing.shared.material import wait
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.session import Session


def session_of(command: Command, context: Context) -> tuple[Session, bool]:
    """The session to look into: a capture that `--in` names, else the bus; and whether looking was interrupted.

    Of the bus it is known then who is there.
    """
    if command["in"] is not None:
        return read_capture(command, command["in"], context)
    session = context.look()
    if session.recorded:
        return session, False
    session.wait_for(lambda: complete(session) or context.cancellation.cancelled, LOOK_FOR)
    if command["for"] is not None:
        session.pulls = True
        return session, wait(context, command["for"])
    return session, context.cancellation.cancelled
