"""The gate of calls: a request, or one-way message, about to leave, which a debugger of the service may hold or harm.

Only what a service sends passes it, and only where the service may be debugged. Who sends waits here meanwhile, and the
time of a call does not run.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

from daebus import context
from daebus.gates.gates import Gates
from daebus.gates.held import GO, Asker, Held, Outcome, Tell
from daebus.gates.rule import CALL, DROP, DROP_ANSWER, DUPLICATE, FAIL, Met
from daebus.wire.envelope import Reply, error_payload
from daebus.wire.held import marked, payload_in, rewritten

from .noting import Noted, note_sent, sender_of


class Leaving(Protocol):
    """A call whose request has not been sent."""

    service: str
    action: str
    request_id: str
    timeout: float
    noted: Noted | None
    deaf: bool

    def give(self, item: Reply) -> None: ...

    def go_on_for(self, seconds: float) -> None: ...


class OneWay:
    """A one-way message that has not been sent. Nobody waits for what comes of it."""

    timeout = math.inf
    deaf = False

    def __init__(self, sender: context.Runtime, service: str, action: str, message_id: str) -> None:
        self.service = service
        self.action = action
        self.request_id = message_id
        self.noted: Noted | None = Noted(sender, context.current(), message_id, service, action, context.origin()[0])

    def give(self, item: Reply) -> None:
        """No rule answers it; see `Met.one_way`."""

    def go_on_for(self, seconds: float) -> None:
        """It takes as long as it takes."""


def leaving_one_way(name: str | None, service: str, action: str, message_id: str) -> tuple[Gates, OneWay] | None:
    """Note that it leaves; the gates that it has to pass, as `gates_of`, and what passes them. `name` as there."""
    sender = sender_of(name)
    if sender is None:
        return None
    note_sent(sender, service, action, message_id)
    if sender.gates is None or CALL not in sender.gates.watched:
        return None
    return sender.gates, OneWay(sender, service, action, message_id)


def gates_of(call: Leaving) -> Gates | None:
    """The gates that its request has to pass, where there is a rule for such; else None."""
    noted = call.noted
    if noted is None or noted.gates is None or CALL not in noted.gates.watched:
        return None
    return noted.gates


def pass_gate(gates: Gates, call: Leaving, data: bytes) -> list[bytes]:
    """What is to be sent, which may be nothing; waits on this thread while the request is held."""
    gone_on = threading.Event()
    outcomes: list[Outcome] = []

    def resume(outcome: Outcome) -> None:
        outcomes.append(outcome)
        gone_on.set()

    found = _meet(gates, call, data, resume)
    if isinstance(found, Held):
        with _waiting(gates, call, found):
            gone_on.wait()
        found = outcomes[0]
    return _sent(call, data, found)


async def pass_gate_async(gates: Gates, call: Leaving, data: bytes) -> list[bytes]:
    """The same, to be awaited."""
    # Most programs run no event loop.
    import asyncio

    loop = asyncio.get_running_loop()
    gone_on: asyncio.Future[Outcome] = loop.create_future()

    def settle(outcome: Outcome) -> None:
        if not gone_on.done():
            gone_on.set_result(outcome)

    def resume(outcome: Outcome) -> None:
        try:
            loop.call_soon_threadsafe(settle, outcome)
        except RuntimeError:
            # The loop has been closed, and nobody waits in it any more.
            pass

    found = _meet(gates, call, data, resume)
    if isinstance(found, Held):
        with _waiting(gates, call, found):
            outcome = await gone_on
        found = outcome
    return _sent(call, data, found)


@contextmanager
def _waiting(gates: Gates, call: Leaving, held: Held) -> Iterator[None]:
    """While a call waits in the block; where it is left by an error, it takes what is held along."""
    noted = call.noted
    assert noted is not None
    noted.waits()
    try:
        yield
    except BaseException:
        gates.withdraw(held)
        raise
    finally:
        noted.goes_on()


def _meet(gates: Gates, call: Leaving, data: bytes, resume: Callable[[Outcome], None]) -> Outcome | Held | None:
    noted = call.noted
    assert noted is not None
    met = Met(
        CALL,
        call.action,
        cache(lambda: payload_in(data)),
        len(data),
        id=call.request_id,
        parent=noted.parent,
        sender=noted.by,
        to=call.service,
        one_way=isinstance(call, OneWay),
    )
    return gates.meet(met, resume, Asker(None if met.one_way else call.timeout, _forwarding(noted)))


def _forwarding(noted: Noted) -> Tell:
    """Tells whoever waits for the handler that makes a call."""
    before = 0.0

    def tell(seconds: float) -> None:
        nonlocal before
        noted.held_up(seconds - before)
        before = seconds

    return tell


def _sent(call: Leaving, data: bytes, outcome: Outcome | None) -> list[bytes]:
    if outcome is None:
        return [data]
    call.go_on_for(outcome.seconds)
    verdict = outcome.verdict
    if verdict.kind == GO:
        return _going(call, data, outcome)
    if verdict.kind == FAIL:
        call.give(_reply(call, False, error_payload(verdict.error, verdict.code), verdict.error))
    elif verdict.kind != DROP:
        call.give(_reply(call, True, verdict.payload))
    return []


def _going(call: Leaving, data: bytes, outcome: Outcome) -> list[bytes]:
    if outcome.verdict.edited:
        data = rewritten(data, payload=outcome.verdict.payload)
    mark = {} if outcome.mark is None else outcome.mark.told()
    call.deaf = outcome.extra == DROP_ANSWER
    if outcome.extra == DUPLICATE:
        # Instances that share the work know a message by its bytes, and are to handle both.
        return [marked(data, mark), marked(data, {**mark, "copy": 2})]
    return [marked(data, mark)]


def _reply(call: Leaving, ok: bool, payload: Any, error: str | None = None) -> Reply:
    """An answer that has not come over the bus."""
    return Reply(call.request_id, ok, payload, service=call.service, error=error)
