"""Asking services what they tell of themselves, and waiting for it; what verbs about that have in common."""

from __future__ import annotations

from collections.abc import Iterable

from daebus_console.commands.context import Context
from daebus_console.commands.doing.finding import read_capture
from daebus_console.commands.doing.listing import LOOK_FOR, complete
from daebus_console.commands.doing.material import wait
from daebus_console.commands.grammar.command import Command
from daebus_console.engine.live.asking import Question
from daebus_console.engine.session import Session

WITHIN = 2.0
"""Seconds that instances are given to answer."""


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


def ask(context: Context, questions: Iterable[Question]) -> int:
    """Ask all of it at once and wait for the answers; returns how many came. Raises RedisUnavailable."""
    session = context.session
    asked: dict[str, int] = {}
    for service, action, payload in questions:
        with session.lock:
            entry = session.directory.services.get(service)
            wanted = len(entry.instances) if entry is not None else 0
        asked[context.sender.ask(service, action, payload)] = 1 if "instance" in payload else wanted

    def answered() -> int:
        found = (session.correlator.find(request_id) for request_id in asked)
        return sum(one.replies for one in found if one is not None)

    session.wait_for(lambda: answered() >= sum(asked.values()) or context.cancellation.cancelled, WITHIN)
    with session.lock:
        return answered()
