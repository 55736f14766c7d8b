"""What a service tells its flight recorder of what it handles. Raises nothing, and costs little where there is none."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from daebus.context import Context
from daebus.errors import Misfit
from daebus.recorder.recorder import Recorder, digest_of
from daebus.service.answering.response import Response
from daebus.service.chain.arrival import Arrival
from daebus.wire.envelope import Request, Unreadable

DEFERRED = "deferred"
"""The outcome of a handler that has put its answer off."""
_UNANSWERED = "answer_dropped"
"""The code of a request that was handled, and whose answer a debugger has dropped."""


def name_of(function: Callable[..., Any]) -> str:
    """What a function of the app is called in its source."""
    try:
        function = inspect.unwrap(function)
        while isinstance(function, partial):
            function = inspect.unwrap(function.func)
        name = getattr(function, "__qualname__", None)
    except Exception:  # noqa: BLE001 - an object that can be called has code of its own
        name = None
    return name if type(name) is str else type(function).__name__


def note_handled(context: Context, came_at: float, response: Response) -> None:
    """The handler of an action has come to its end. `came_at` is when the message came, by `time.monotonic()`."""
    recorder, request = context.runtime.recorder, context.request
    if recorder is None or request is None:
        return
    error, begun = response.raised, context.begun
    if error is None and response.failure is None and response.finished and not recorder.debug:
        recorder.served(context.id, request.action, request.service, begun - came_at, time.monotonic() - begun)
        return
    # What an exception says of its class itself may be anything.
    if response.failure == "bad_request" and issubclass(type(error), Misfit):
        recorder.refused(context.id, request.action, "bad_request", begun - came_at)
        return
    outcome = response.failure
    if outcome is None:
        outcome = "ok" if response.finished or error is None else "handler_error"
        if response.deferred and not response.finished:
            outcome = DEFERRED
    recorder.handled(
        context.id,
        request.action,
        request.service,
        begun - came_at,
        time.monotonic() - begun,
        outcome,
        said=response.said,
        error=error,
        payload=request.payload if recorder.debug else None,
    )


def note_heard(
    context: Context, arrival: Arrival, listener: Callable[..., Any], payload: Any, error: BaseException | None
) -> None:
    """A listener has come to its end, or the broadcast did not fit it."""
    recorder = context.runtime.recorder
    if recorder is None:
        return
    channel, digest, name = arrival.channel, digest_of(arrival.data), name_of(listener)
    if error is not None and issubclass(type(error), Misfit):
        recorder.refused(context.id, None, "bad_request", context.begun - arrival.at, channel, digest, name)
    else:
        elapsed = time.monotonic() - context.begun
        recorder.heard(context.id, channel, digest, name, elapsed, error=error, payload=payload)


def note_ran(context: Context, what: str, name: str, error: BaseException | None) -> None:
    """A task, a thread or a hook (`what`) has come to its end."""
    recorder = context.runtime.recorder
    if recorder is not None:
        recorder.ran(context.id, what, name, time.monotonic() - context.begun, error)


def note_refused(recorder: Recorder | None, message: Request | Unreadable, code: str, came_at: float) -> None:
    """A message on the service's channel was not handled."""
    if recorder is not None:
        id, action = (message.id, message.action) if isinstance(message, Request) else (message.request_id, None)
        recorder.refused(id, action or None, code, time.monotonic() - came_at)


def note_unanswered(recorder: Recorder | None, request: Request) -> None:
    """A debugger has dropped the answer to a request."""
    if recorder is not None:
        recorder.refused(request.id, request.action, _UNANSWERED, None)


def note_unheard(recorder: Recorder | None, channel: str, data: bytes, code: str, came_at: float) -> None:
    """A broadcast was not given to the listeners."""
    if recorder is not None:
        recorder.refused(None, None, code, time.monotonic() - came_at, channel, digest_of(data))
