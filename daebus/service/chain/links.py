"""The chain around the handler of an action: the links from the first hook to the last.

The order of all of them:

1. `Admission`: the message is read, claimed where instances share the work, and dropped where its time is over.
   Where the service may be debugged, `Gatekeeper` stands after it: the place `request`.
2. The context is entered: `request` and `response` are those of this action from here on.
3. `before_request` hooks. One that answers ends it: 4 is left out.
4. The handler; a generator is gone through. A dict that is returned is the answer.
5. Where one of those raised: the error handler of the closest kind, else an error as the answer.
6. `after_request` hooks, with the final answer, which is sent after them. Without such hooks it has been sent in 4.
   On its way out it passes the `Passage` of a debugger, if there may be one: the place `answer`.
7. `teardown_request` hooks.
8. The flight recorder notes what became of it, and the context is left.

Whatever runs there, nothing is raised from here, and no request that wants an answer goes without one.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import os
import time
from typing import Any

from daebus import telemetry
from daebus.context import Context, Runtime, enter, leave
from daebus.errors import AlreadyAnswered, DaebusError, Misfit, class_of
from daebus.logs import note
from daebus.service.answering.receipt import Receipt
from daebus.service.answering.response import Response
from daebus.service.counts import Counts
from daebus.service.fitting import place
from daebus.service.hooks import Route
from daebus.service.kind import USUAL, Function
from daebus.service.recording.notes import note_handled
from daebus.transport.fork import begins_anew, end_child
from daebus.wire.envelope import Request, quoted

from .admission import line_of
from .arrival import Admitted, Arrival
from .calls import Calls
from .streams import AskerGone

log = logging.getLogger("daebus")


class Links:
    """The chain of one running service."""

    def __init__(self, runtime: Runtime, counts: Counts) -> None:
        self._runtime = runtime
        self._counts = counts
        self._process = os.getpid()
        self._forked = False
        begins_anew(self)

    def after_fork(self) -> None:
        """In a child that a handler has forked, which answers nobody."""
        self._forked = os.getpid() != self._process

    async def run(self, arrival: Arrival, admitted: Admitted, response: Response, calls: Calls) -> None:
        """Go through all of them but the first."""
        request, route = admitted.request, admitted.route
        context = Context(self._runtime, route.place, request, response)
        token = enter(context)
        unhandled: BaseException | None = None
        try:
            with telemetry.handling(self._runtime.name, request.action, request.raw, response) as span:
                try:
                    if not route.before or not await self._before(request, route, response, calls):
                        returned = route.function.call()
                        if type(returned) not in USUAL:
                            until = math.inf if admitted.limit is None else arrival.at - arrival.held + admitted.limit
                            returned = await calls.through(returned, response, until)
                        self._ended(request, response, returned)
                except BaseException as error:  # noqa: BLE001 - also a SystemExit of a handler must not end a worker
                    arrival.must_go_on(error)
                    unhandled = await self._raised(arrival, admitted, response, calls, error)
                if route.after:
                    unhandled = await self._after(arrival, admitted, response, calls) or unhandled
                if unhandled is not None:
                    span.failed(unhandled)
                for hook in route.teardown:
                    await self._tear_down(hook, request, calls, unhandled)
        finally:
            try:
                if response.channel is None and self._runtime.debug:
                    outcome = "done" if response.raised is None else class_of(response.raised)
                    line, took = line_of(self._runtime.name, request), (time.monotonic() - context.begun) * 1000
                    note(log, logging.DEBUG, "-- %s %s after %.1f ms", line, outcome, took, request=request)
                note_handled(context, arrival.at, response)
            finally:
                leave(token)

    async def _before(self, request: Request, route: Route, response: Response, calls: Calls) -> bool:
        """The hooks before it; whether one of them has answered."""
        for hook in route.before:
            returned = await calls.call(hook)
            if isinstance(_fit(returned, hook, "before_request"), dict) or response.finished:
                self._ended(request, response, returned)
                return True
        return False

    def _ended(self, request: Request, response: Response, returned: Any, handled: BaseException | None = None) -> None:
        """The handler has returned: a dict is the answer, and without one there must have been one.

        An error handler has where there is something that it `handled`.
        """
        if self._forked:
            end_child(None)
        if isinstance(returned, dict):
            if response.finished:
                response.leave()
            else:
                response.send(returned)
        self._counts.add("handled")
        if not (response.finished or response.deferred or response.channel is None):
            what = "" if handled is None else "the error handler of "
            text = f"{what}action {request.action!r} ended without a final response"
            if returned is not None and not isinstance(returned, dict | Receipt):
                text += f": it returned {type(returned).__name__}"
            todo = "call response.send or return a dict"
            if inspect.isawaitable(returned):
                todo = "await what it returns, and return a dict"
                text += ", which nothing awaits"
            note(log, logging.ERROR, "%s: %s (%s)", self._runtime.name, text, todo, error=handled)
            response.fail(text, "no_response")

    async def _raised(
        self, arrival: Arrival, admitted: Admitted, response: Response, calls: Calls, error: BaseException
    ) -> BaseException | None:
        """What a hook or the handler raised; returns it where nothing has handled it."""
        if self._forked:
            end_child(error)
        if response.undelivered is not None and error is response.undelivered:
            # Redis is away, which is seen to. Where that was a part, the answer ends with it.
            if not response.finished:
                response.fail(error, "handler_error")
            return None
        if type(error) is AskerGone:
            self._counts.add("expired")
            response.fail(str(error), "expired")
            return None
        if type(error) is RuntimeError and type(error.__cause__) is StopIteration:
            # What Python makes of one that leaves a coroutine.
            error = error.__cause__
        response.raised = error
        if arrival.abandoned and type(error) in _CUT_OFF:
            return error
        if await self._is_handled(admitted.route, admitted.request, response, calls, error):
            return None
        request = admitted.request
        # What an exception says of its class itself may be anything.
        if issubclass(type(error), Misfit):
            self._counts.add("misfits")
            note(log, logging.INFO, "%s: action %r: %s", self._runtime.name, request.action, error, request=request)
            response.fail(error, "bad_request")
            return error
        self._counts.add("errors")
        line = "%s: action %r raised (request %s)"
        note(log, logging.ERROR, line, self._runtime.name, request.action, quoted(request.id), error=error)
        response.fail(error, "handler_error")
        # Where it had answered, that says that all went well.
        response.failure = response.failure or "handler_error"
        return error

    async def _is_handled(
        self, route: Route, request: Request, response: Response, calls: Calls, error: BaseException
    ) -> bool:
        """Whether an error handler of the app has seen to it."""
        handler = route.error_handler(error)
        if handler is None:
            return False
        try:
            self._ended(request, response, await calls.call(handler, error), error)
        except BaseException as problem:  # noqa: BLE001 - it is code of the app like any other
            if response.undelivered is None or problem is not response.undelivered:
                line = "%s: the error handler of action %r raised"
                note(log, logging.ERROR, line, self._runtime.name, request.action, error=problem)
                return False
        return True

    async def _after(
        self, arrival: Arrival, admitted: Admitted, response: Response, calls: Calls
    ) -> BaseException | None:
        """The hooks after it, and the answer that was held for them; returns what they raised and nothing handled."""
        held = response.take_held()
        if held is None:
            return None
        payload, ok = held
        try:
            for hook in admitted.route.after:
                changed = await calls.call(hook, payload)
                # A typed handler may answer with a list, say: what is of that kind is another answer, too.
                if type(changed) is type(payload) or isinstance(_fit(changed, hook, "after_request"), dict):
                    payload = changed
            response.let_go(payload, ok)
        except BaseException as error:  # noqa: BLE001 - it is code of the app like any other
            response.forget_held()
            return await self._raised(arrival, admitted, response, calls, error)
        return None

    async def _tear_down(self, hook: Function, request: Request, calls: Calls, error: BaseException | None) -> None:
        try:
            await calls.call(hook, error)
        except BaseException as problem:  # noqa: BLE001 - the others are to run as well
            self._counts.add("errors")
            line = "%s: a teardown_request hook of action %r raised"
            note(log, logging.ERROR, line, self._runtime.name, request.action, error=problem)


_CUT_OFF = (asyncio.CancelledError, AlreadyAnswered)
"""What a handler meets that goes on after the service had to stop, and was answered for: no error of its own."""


def _fit(returned: Any, hook: Function, what: str) -> Any:
    """What a hook returned. Raises DaebusError where that says nothing: a False, say, that was meant as a refusal."""
    if returned is None or isinstance(returned, dict | Receipt):
        return returned
    kind = type(returned).__name__
    raise DaebusError(f"the {what} hook{place(hook.call)} returned {kind}; it must return a dict or None")
