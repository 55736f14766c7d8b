"""One message to its handler, and an answer to whoever asked. Runs on the worker threads.

Whatever a message holds and whatever a handler does, nothing is raised from here and no request that wants
an answer goes without one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from daebus import telemetry
from daebus.context import Context, Runtime, enter, leave
from daebus.errors import AlreadyAnswered, DaebusError, Misfit, RedisRefused, RedisUnavailable
from daebus.logs import note
from daebus.wire.envelope import (
    Request,
    Stray,
    Unreadable,
    decode_object,
    error_payload,
    quoted,
    read_request,
    write_response,
)
from daebus.wire.limits import MAX_MESSAGE

from .answers import REFUSED, Answers
from .claims import Claims
from .counts import Counts
from .recording import note_handled, note_heard, note_refused
from .refusals import Refusals
from .registry import Registry
from .response import Response, reply_channel
from .undelivered import Undelivered

log = logging.getLogger("daebus")


BRISK = 0.001
"""Seconds: a handler that took less the last time is run without letting another thread read on first, since waking
one costs more than that. Where it takes longer after all, `Rota` sees to it."""


@dataclass(slots=True)
class Arrival:
    """A message as it came in. `at` is `time.monotonic()`; `response` is set while an action handles it.

    `turn` is that of the thread that read it, `reader`; see `Readers.hand_over`.
    """

    channel: str
    data: bytes
    at: float
    turn: int
    reader: int = field(default_factory=threading.get_ident)
    response: Response | None = None


def describe(arrival: Arrival) -> str:
    """What is done about it, for a log line."""
    response = arrival.response
    return f"a message on {quoted(arrival.channel)}" if response is None else f"action {quoted(response.action)}"


class Dispatcher:
    """Handles arrivals for one running service."""

    def __init__(
        self,
        runtime: Runtime,
        registry: Registry,
        instance: str,
        hand_over: Callable[[int], None],
        goes_on: Callable[[int], bool],
        undelivered: Undelivered,
        refusals: Refusals,
        *,
        max_message: int = MAX_MESSAGE,
        debug: bool = False,
        ignore_unknown: bool = False,
        claims: Claims | None = None,
    ) -> None:
        self._runtime = runtime
        self._claims = claims
        self._registry = registry
        self._instance = instance
        self._hand_over = hand_over
        self._goes_on = goes_on
        self._brisk: dict[str, bool] = {}
        self._debug = debug
        self._max_message = max_message
        self._ignore_unknown = ignore_unknown
        self.counts = Counts()
        self.answers = Answers(
            runtime.publisher,
            runtime.name,
            instance,
            undelivered,
            refusals,
            lost=partial(self.counts.add, "undelivered"),
        )

    def handle(self, arrival: Arrival) -> None:
        """Handle one message to the end."""
        try:
            if arrival.channel in self._registry.listen_handlers:
                self._hear(arrival)
            if arrival.channel == self._runtime.name:
                self._handle(arrival)
        except BaseException as error:  # noqa: BLE001 - a worker goes on
            line = "%s: could not deal with a message on %r"
            note(log, logging.ERROR, line, self._runtime.name, arrival.channel, error=error)

    def refuse(self, arrival: Arrival, code: str, text: str) -> bool:
        """Answer a request with an error without handling it; what needs no answer is dropped.

        False where that is left to another instance, which may take it yet.
        """
        if arrival.channel != self._runtime.name:
            self.counts.add("dropped")
            return True
        message = read_request(arrival.data)
        if isinstance(message, Request):
            if not self._is_left_to_us(message, arrival):
                return False
            note_refused(self._runtime.recorder, message, code, arrival.at)
            if not self._refuse_request(message, code, text):
                self.counts.add("dropped")
        elif isinstance(message, Unreadable):
            self._report_unreadable(arrival, message)
        return True

    def abandon(self, arrival: Arrival, code: str, text: str) -> None:
        """Answer for a handler that takes too long; what it sends later goes nowhere."""
        if arrival.response is not None and not arrival.response.finished:
            self._answer(arrival.response, text, code)

    def _hear(self, arrival: Arrival) -> None:
        """Give a broadcast to each of its listeners."""
        payload = decode_object(arrival.data)
        if isinstance(payload, str):
            if arrival.channel != self._runtime.name:
                self.counts.add("unreadable")
                note(
                    log,
                    logging.WARNING,
                    "%s: a message on %r %s; dropped",
                    self._runtime.name,
                    arrival.channel,
                    payload,
                )
            return
        if self._debug:
            note(
                log,
                logging.DEBUG,
                "<- %s broadcast on %s (%d bytes)",
                self._runtime.name,
                arrival.channel,
                len(arrival.data),
            )
        place = f"the listener of {arrival.channel!r}"
        with self._pace(arrival, place):
            for handler in self._registry.listen_handlers[arrival.channel]:
                with telemetry.hearing(self._runtime.name, arrival.channel) as span:
                    if self._call(span, place, handler, payload, arrival):
                        self.counts.add("handled")

    @contextmanager
    def _pace(self, arrival: Arrival, place: str) -> Iterator[None]:
        """Let another thread read on before a handler that was slow last time, or is new. See `BRISK`."""
        if not self._brisk.get(place):
            self._let_others_read(arrival)
        begun = time.monotonic()
        try:
            yield
        finally:
            self._brisk[place] = time.monotonic() - begun < BRISK

    def _goes_on_reading(self, arrival: Arrival) -> bool:
        """Whether this thread has more to read in a moment, and sends what has been left to be sent after that."""
        return arrival.reader == threading.get_ident() and self._goes_on(arrival.turn)

    def _let_others_read(self, arrival: Arrival) -> None:
        """Hand the reading over. What waited in the queue was read by a thread that has gone on by itself."""
        if arrival.reader == threading.get_ident():
            self._hand_over(arrival.turn)

    def _call(
        self, span: telemetry.Span, place: str, listener: Callable[..., Any], payload: Any, arrival: Arrival
    ) -> bool:
        """Call a listener, in a context of its own; False when it raised, which is logged."""
        context = Context(self._runtime, place, cause=f"listener {arrival.channel}")
        token = enter(context)
        raised: BaseException | None = None
        try:
            listener(payload)
        except BaseException as error:  # noqa: BLE001 - also a SystemExit must not end a worker
            raised = error
            self.counts.add("errors")
            span.failed(error)
            note(log, logging.ERROR, "%s: %s raised", self._runtime.name, place, error=error)
        finally:
            note_heard(context, arrival.channel, arrival.data, listener, payload, raised)
            leave(token)
        return raised is None

    def _handle(self, arrival: Arrival) -> None:
        message = read_request(arrival.data)
        if isinstance(message, Unreadable):
            self._report_unreadable(arrival, message)
            return
        if isinstance(message, Stray):
            note(log, logging.DEBUG, "%s: a response came in on the service's own channel; ignored", self._runtime.name)
            return
        if self._debug:
            note(log, logging.DEBUG, "<- %s", self._line(message), request=message)
        handler = self._registry.action_handlers.get(message.action)
        if handler is None:
            self._unknown(message, arrival)
            return
        limit = message.timeout
        if self._claims is not None:
            if not self._claimed(message, arrival):
                return
            limit = self._claims.lifetime(message)
        if limit is not None and time.monotonic() - arrival.at > limit:
            self.counts.add("expired")
            note_refused(self._runtime.recorder, message, "expired", arrival.at)
            self._refuse_request(message, "expired", f"no worker was free within {limit:g} s")
        else:
            self._run(arrival, message, handler)

    def _claimed(self, message: Request | Unreadable, arrival: Arrival) -> bool:
        """Whether the message is ours, and no other instance's."""
        if self._claims is None:
            return True
        try:
            if self._claims.take(message, arrival.data):
                return True
            self.counts.add("elsewhere")
        except RedisRefused as error:
            self._not_claimed(message, arrival, error)
        except RedisUnavailable as error:
            # Run by nobody rather than by two; that Redis is away has been said, and whoever asked knows it too.
            note(
                log,
                logging.DEBUG,
                "%s: a request is left alone, as it could not be claimed: %s",
                self._runtime.name,
                error,
            )
        return False

    def _not_claimed(self, message: Request | Unreadable, arrival: Arrival, error: RedisRefused) -> None:
        """Redis takes no claims: every instance says so, since none can know whether another did."""
        if self._claims is None or self._claims.is_taken(arrival.data):
            self.counts.add("elsewhere")
        elif isinstance(message, Unreadable) or not self._refuse_request(
            message, REFUSED, f"{self._runtime.name} could not claim the request: {error}"
        ):
            self.counts.add("dropped")
            self._claims.dropped()

    def _is_left_to_us(self, message: Request | Unreadable, arrival: Arrival) -> bool:
        """Whether a message that we cannot take is to be answered by us, and not taken by another instance."""
        if self._claims is None:
            return True
        try:
            return self._claims.is_left_to_us(message, arrival.data)
        except RedisUnavailable as error:
            note(log, logging.DEBUG, "%s: a request could not be passed on: %s", self._runtime.name, error)
            return True

    def _run(self, arrival: Arrival, request: Request, handler: Callable[[], Any]) -> None:
        response = Response(
            self._runtime.publisher,
            request,
            self._runtime.name,
            self._instance,
            tracebacks=self._debug,
            spoken=self._log_answer if self._debug else None,
            answers=self.answers,
            max_message=self._max_message,
            json_default=self._runtime.json_default,
            looks_soon=partial(self._goes_on_reading, arrival),
        )
        arrival.response = response
        context = Context(
            self._runtime, f"action {request.action!r}", request, response, cause=f"message {request.action}"
        )
        token = enter(context)
        brisk = self._brisk
        if not brisk.get(request.action):
            self._let_others_read(arrival)
        begun = time.monotonic()
        try:
            with telemetry.handling(self._runtime.name, request.action, request.raw, response) as span:
                self._run_within(span, request, response, handler)
        finally:
            if response.undelivered is not None and response.channel is not None:
                self.answers.failed(request, response.channel, b"", response.undelivered)
            note_handled(context, arrival.at, response)
            leave(token)
            brisk[request.action] = time.monotonic() - begun < BRISK

    def _run_within(
        self, span: telemetry.Span, request: Request, response: Response, handler: Callable[[], Any]
    ) -> None:
        try:
            self._ended(request, response, handler())
        except BaseException as error:  # noqa: BLE001 - also a SystemExit of a handler must not end a worker
            if response.undelivered is None or error is not response.undelivered:
                self._raised(span, request, response, error)

    def _ended(self, request: Request, response: Response, returned: Any) -> None:
        """The handler has returned: a dict is the answer, and without one there must have been one."""
        if isinstance(returned, dict) and not response.finished:
            response.send(returned)
        self.counts.add("handled")
        if not response.finished and response.channel is not None:
            text = f"action {request.action!r} ended without a final response"
            note(log, logging.ERROR, "%s: %s (call response.send or return a dict)", self._runtime.name, text)
            self._answer(response, text, "no_response")

    def _is_handled(self, request: Request, response: Response, error: BaseException) -> bool:
        """Whether an error handler of the app has seen to it."""
        handler = self._registry.error_handler(request.action, error)
        if handler is None:
            return False
        try:
            self._ended(request, response, handler(error))
        except BaseException as problem:  # noqa: BLE001 - it is code of the app like any other
            if response.undelivered is None or problem is not response.undelivered:
                line = "%s: the error handler of action %r raised"
                note(log, logging.ERROR, line, self._runtime.name, request.action, error=problem)
                return False
        return True

    def _raised(self, span: telemetry.Span, request: Request, response: Response, error: BaseException) -> None:
        response.raised = error
        if self._is_handled(request, response, error):
            return
        span.failed(error)
        if isinstance(error, Misfit):
            self.counts.add("misfits")
            note(log, logging.INFO, "%s: action %r: %s", self._runtime.name, request.action, error, request=request)
            self._answer(response, error, "bad_request")
            return
        self.counts.add("errors")
        line = "%s: action %r raised (request %s)"
        note(log, logging.ERROR, line, self._runtime.name, request.action, quoted(request.request_id), error=error)
        if not response.finished:
            self._answer(response, error, "handler_error")

    def _answer(self, response: Response, error: str | BaseException, code: str) -> None:
        """Send an error as the final response; where it cannot be sent as it is, in short."""
        for send in (response.error, response.error_in_short):
            try:
                send(error, code=code)
                return
            except AlreadyAnswered:
                return
            except RedisUnavailable:
                # The response has noted it.
                return
            except BaseException as problem:  # noqa: BLE001 - the caller waits for an answer all the same
                note(log, logging.ERROR, "%s: an error response could not be sent", self._runtime.name, error=problem)

    def _unknown(self, request: Request, arrival: Arrival) -> None:
        if self._ignore_unknown or not self._is_left_to_us(request, arrival):
            return
        known = ", ".join(sorted(self._registry.action_handlers)[:20]) or "none"
        text = f"unknown action {quoted(request.action)}; {self._runtime.name} has: {known}"
        note(log, logging.WARNING, "%s: %s", self._runtime.name, text, request=request)
        note_refused(self._runtime.recorder, request, "unknown_action", arrival.at)
        self._refuse_request(request, "unknown_action", text)

    def _refuse_request(self, request: Request, code: str, text: str) -> bool:
        """Answer with an error; False where nobody is to be answered."""
        channel = reply_channel(request, self._runtime.name)
        if channel is None:
            return False
        self._post_error(channel, request, error_payload(text, code))
        return True

    def _report_unreadable(self, arrival: Arrival, message: Unreadable) -> None:
        self.counts.add("unreadable")
        note(log, logging.WARNING, "%s: on %r %s; dropped", self._runtime.name, arrival.channel, message.reason)
        note_refused(self._runtime.recorder, message, "bad_request", arrival.at)
        request = Request("", {}, message.reply_to, message.request_id)
        if reply_channel(request, self._runtime.name) is not None and self._claimed(message, arrival):
            self._refuse_request(request, "bad_request", message.reason)

    def _post_error(self, channel: str, request: Request, payload: Any) -> None:
        data = write_response(
            payload, request_id=request.request_id, ok=False, service=self._runtime.name, instance=self._instance
        )
        if self._debug:
            note(log, logging.DEBUG, "-> %s error %s", self._line(request), payload["code"], request=request)
        try:
            self.answers.post(request, channel, data)
        except RedisUnavailable as problem:
            self.answers.failed(request, channel, data, problem)
        except DaebusError as problem:
            note(log, logging.ERROR, "%s: an error response could not be sent: %s", self._runtime.name, problem)

    def _line(self, request: Request) -> str:
        who = f" from {quoted(request.service)}" if request.service else ""
        return f"{self._runtime.name} {quoted(request.action)} id={quoted(request.request_id)}{who}"

    def _log_answer(self, request: Request, ok: bool, final: bool, seconds: float) -> None:
        status = ("success" if ok else "error") + ("" if final else " (partial)")
        note(log, logging.DEBUG, "-> %s %s after %.1f ms", self._line(request), status, seconds * 1000, request=request)
