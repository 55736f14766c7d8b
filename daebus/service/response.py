"""Answering one request."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from daebus.errors import AlreadyAnswered, Misfit, PayloadError, RedisUnavailable, class_of, said_by
from daebus.transport.publisher import Publisher
from daebus.wire import checks
from daebus.wire.envelope import Request, error_payload, write_response
from daebus.wire.limits import MAX_MESSAGE, sized
from daebus.wire.values import Default, plain

from .answers import Answers

_SHORT = 1000


class Response:
    """Answers one request, with any number of partial responses and exactly one final one.

    What it sends goes to the request's `reply_to`; for a request with an id but without that, to
    `<service>.responses`; and nowhere for a one-way message. `spoken(request, ok, final, seconds)` is told what went
    out. The final one goes through `answers`, which see to it where it turns out, later, not to have got out.
    `looks_soon` is that of `Publisher.post`.

    Its methods return an int. For a partial response Redis is asked how many received it: 0 where nobody listens any
    more, so that a long stream may end. For the final one Redis is not waited for: 1 where it was sent, 0 where nobody
    is to be answered.
    """

    def __init__(
        self,
        publisher: Publisher,
        request: Request,
        service: str,
        instance: str,
        *,
        answers: Answers,
        max_message: int = MAX_MESSAGE,
        json_default: Default = plain,
        tracebacks: bool = False,
        spoken: Callable[[Request, bool, bool, float], None] | None = None,
        looks_soon: Callable[[], bool] | None = None,
    ) -> None:
        self._publisher = publisher
        self._request = request
        self._service = service
        self._instance = instance
        self._tracebacks = tracebacks
        self._spoken = spoken
        self._answers = answers
        self._max_message = max_message
        self._json_default = json_default
        self._looks_soon = looks_soon
        self._begun = time.perf_counter()
        self._lock = threading.Lock()
        self.undelivered: RedisUnavailable | None = None
        """Why its final response did not get out, where that is so: Redis is away."""
        self.finished = False
        """Whether the final response is out."""
        self.failure: str | None = None
        """The code of the error that its final response is, or `error`; None where it is none."""
        self.said: str | None = None
        """The text of that error."""
        self.raised: BaseException | None = None
        """What the handler has raised, whatever became of it."""
        self.channel = reply_channel(request, service)
        """Where the answer goes; None where nobody is to be answered."""

    @property
    def action(self) -> str:
        """The action that is to answer."""
        return self._request.action

    def send(self, payload: Any, final: bool = True) -> int:
        """Send a successful response; with `final=False` a partial one, with more to follow.

        Returns how many received a partial one; for the final one 1, or 0 where nobody is to be answered. Raises
        AlreadyAnswered after the final response, PayloadError for a payload that JSON cannot carry or that is larger
        than the app's `max_message`, RedisUnavailable where Redis is away.
        """
        return self._send(payload, ok=True, final=final)

    def success(self, payload: Any) -> int:
        """The same as `send(payload)`."""
        return self._send(payload, ok=True, final=True)

    def progress(self, payload: dict[str, Any], progress_percentage: float | None = None) -> int:
        """Send a partial response; a percentage is kept within 0 and 100 and added to the payload.

        Returns how many received it.
        """
        if not isinstance(payload, dict):
            raise PayloadError(f"the payload must be a dict, not {type(payload).__name__}")
        if progress_percentage is not None:
            checks.number(progress_percentage, "progress_percentage", error=PayloadError)
            payload = {**payload, "progress_percentage": max(0, min(100, progress_percentage))}
        return self._send(payload, ok=True, final=False)

    def error(self, error: str | BaseException, final: bool = True, code: str | None = None) -> int:
        """Send an error response: a text, or an exception (its class name goes with it). Returns what `send` does."""
        kind = trace = None
        checks.optional_name(code, "code", PayloadError)
        if isinstance(error, BaseException):
            kind = class_of(error)
            if self._tracebacks and not isinstance(error, Misfit):
                trace = _traceback(error)
            text = said_by(error) or kind
        else:
            text = str(error)
        fields = error.fields if isinstance(error, Misfit) else None
        return self._send(error_payload(text, code, kind, trace, fields), ok=False, final=final)

    def error_in_short(self, error: str | BaseException, code: str) -> int:
        """Send a final error response where `error` could not: with little text, and nothing that can go wrong."""
        text, kind = (said_by(error), class_of(error)) if isinstance(error, BaseException) else (error, None)
        short = text if len(text) <= _SHORT else f"{text[:_SHORT]}... ({len(text)} characters)"
        return self._send(error_payload(short or kind or "", code, kind), ok=False, final=True, limited=False)

    def _send(self, payload: Any, ok: bool, final: bool, limited: bool = True) -> int:
        elapsed = time.perf_counter() - self._begun
        final = bool(final)
        data = b""
        if self.channel is not None:
            data = write_response(
                payload,
                request_id=self._request.request_id,
                ok=ok,
                final=final,
                service=self._service,
                instance=self._instance,
                elapsed=elapsed,
                default=self._json_default,
            )
            if limited and len(data) > self._max_message:
                sized(data, self._max_message)
        with self._lock:
            if self.finished:
                raise AlreadyAnswered(
                    f"action {self._request.action!r} has sent its final response already; nothing more was sent"
                )
            self.finished = final
            if final and not ok:
                self.failure = payload.get("code") or payload.get("type") or "error"
                self.said = payload.get("error")
        received = self._publish(self.channel, data, final) if self.channel is not None else 0
        if self._spoken is not None:
            self._spoken(self._request, ok, final, elapsed)
        return received

    def _publish(self, channel: str, data: bytes, final: bool) -> int:
        if not final:
            return self._publisher.publish(channel, data)
        try:
            self._answers.post(self._request, channel, data, self._looks_soon)
        except RedisUnavailable as error:
            self.undelivered = error
            raise
        return 1


def _traceback(error: BaseException) -> str | None:
    try:
        return "".join(traceback.format_exception(error))
    except BaseException:  # noqa: BLE001 - the code of the exception itself may run, and raise
        return None


def reply_channel(request: Request, service: str) -> str | None:
    """Where responses to a request go. Never to the service's own channel, where they could go round for ever."""
    if request.reply_to is not None:
        return request.reply_to if request.reply_to != service else None
    return f"{service}.responses" if request.request_id is not None else None
