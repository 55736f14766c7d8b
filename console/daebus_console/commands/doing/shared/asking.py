"""Asking services what they tell of themselves, and waiting for their answers."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from daebus.errors import RedisUnavailable
from daebus_console.commands.context import Context
from daebus_console.engine.live.asking import Question
from daebus_console.engine.sender import PASSIVE, ReadOnly

WITHIN = 2.0
"""Seconds that instances are given to answer."""


def must_ask(context: Context) -> None:
    """Raise ReadOnly where nobody may be asked, for what can tell nothing else."""
    if context.session.settings.passive:
        raise ReadOnly(PASSIVE)


def ask_whether_heard(context: Context) -> None:
    """Have services that publish what they record for us say how that goes; see `why_unheard`."""
    with context.session.lock:
        questions = context.session.telling.asking.renewals()
    with suppress(RedisUnavailable):
        # Who may not ask was not told of any.
        ask(context, questions)


def ask(context: Context, questions: Iterable[Question]) -> int:
    """Ask all of it at once and wait for the answers; returns how many came.

    A passive console asks nobody. Raises RedisUnavailable.
    """
    session = context.session
    if session.settings.passive:
        return 0
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
