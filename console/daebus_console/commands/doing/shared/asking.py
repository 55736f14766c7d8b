"""Asking services what they tell of themselves, and waiting for their answers."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from daebus.errors import RedisUnavailable
from daebus_console.commands.context import Context
from daebus_console.engine.live.asking import Question
from daebus_console.engine.live.further import Asked, further
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.sender import PASSIVE, ReadOnly
from daebus_console.naming import shown

WITHIN = 2.0
"""Seconds that instances are given to answer."""
MOST_MORE = 20
"""Answers of 256 kB that are asked for beyond the first ones: about as many as there is room for."""
_MOST_NAMED = 3


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


def ask(context: Context, questions: Iterable[Question]) -> None:
    """Ask all of it at once and wait for the answers, then for what had no room in them.

    Where that is too much, or an instance stops answering, it is said. A passive console asks nobody. Raises
    RedisUnavailable.
    """
    session = context.session
    if session.settings.passive:
        return
    asked, left, untold = [Asked(question) for question in questions], MOST_MORE, set[str]()
    recorded = any(verb == "recent" for (_service, verb, _payload), _until in asked)
    with session.lock:
        session.telling.wanted |= recorded
        forgotten = session.telling.records.forgotten
    while asked:
        answers = _answers(context, asked)
        untold |= {one.question[0] for one, found in zip(asked, answers, strict=True) if one.until and not found}
        more = [further(one, data) for one, found in zip(asked, answers, strict=True) for data in found]
        following = [one for one in more if one is not None]
        if context.cancellation.cancelled:
            return
        asked, left_out = following[:left], following[left:]
        left -= len(asked)
        untold |= {one.question[0] for one in left_out}
    with session.lock:
        no_room = recorded and session.telling.records.forgotten > forgotten
    if untold:
        context.output.note(f"more is recorded than was told: older records of {_names(untold)} are missing here")
    if no_room:
        context.output.note("more was told than there is room for here: some records are missing")


def _names(services: set[str]) -> str:
    named, more = sorted(services)[:_MOST_NAMED], len(services) - _MOST_NAMED
    return ", ".join(map(shown, named)) + (f" and {more} more" if more > 0 else "")


def _answers(context: Context, asked: Iterable[Asked]) -> list[list[bytes]]:
    """What came to each of these questions."""
    session, expected = context.session, 0
    sent: list[str] = []
    for (service, action, payload), _until in asked:
        with session.lock:
            entry = session.directory.services.get(service)
            expected += 1 if "instance" in payload else len(entry.instances) if entry is not None else 0
        sent.append(context.sender.ask(service, action, payload))

    def found() -> list[Exchange | None]:
        return [session.correlator.find(request_id) for request_id in sent]

    def came() -> bool:
        return sum(one.replies for one in found() if one is not None) >= expected

    session.wait_for(lambda: came() or context.cancellation.cancelled, WITHIN)
    with session.lock:
        return [
            [] if one is None else [each.data for each in one.messages if each is not one.request] for one in found()
        ]
