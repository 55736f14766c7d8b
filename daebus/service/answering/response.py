"""Answering one request."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from functools import partial
from typing import Any

from daebus.errors import AlreadyAnswered, DaebusError, PayloadError, RedisRefused, RedisUnavailable, class_of
from daebus.logs import note
from daebus.saying import said
from daebus.wire import checks
from daebus.wire.envelope import Request, error_payload
from daebus.wire.limits import sized
from daebus.wire.objects import RawJson, decode_object
from daebus.wire.writing import write_response

from .answer_gate import Answer, AnswerGate, Came, Passage
from .deferred import Deferred
from .failure import failure
from .receipt import NOBODY, SENT, Receipt
from .terms import Terms

log = logging.getLogger("daebus")

_SHORT = 1000


class Response:
    """Answers one request, with any number of partial responses and exactly one final one.

    What it sends goes to the request's `reply_to`; for a request with an id but without that, to
    `<service>.responses`; and nowhere for a one-way message. `looks_soon` is that of `Publisher.post`.

    Its methods return an int. For a partial response Redis is asked how many received it: 0 where nobody listens any
    more, so that a long stream may end. For the final one Redis is not waited for: 1 where it was sent, 0 where nobody
    is to be answered. On the event loop they never wait, and what they return may be awaited: see `Receipt`.

    With `holds` the final one, where there is anybody to be answered, is held as it was written until `let_go`.
    """

    # What few of them come to have, with what the others have.
    _handed_in: Receipt | None = None
    _deferral: int | None = None
    _held: tuple[Any, bool] | None = None
    _part: Any = None
    _given_up = ""
    _answered: Callable[[], object] | None = None
    undelivered: RedisUnavailable | None = None
    """Why what was sent last did not get out, where that is so: Redis is away."""
    finished = False
    """Whether the final response has been given; it is out, unless it is held."""
    failure: str | None = None
    """The code of the error that its final response is, or `error`; None where it is none."""
    said: str | None = None
    """The text of that error."""
    handled = True
    """Whether a handler answers, and nobody in its place: only then it tells how long that took."""
    raised: BaseException | None = None
    """What the handler has raised, whatever became of it."""
    past_gate: tuple[AnswerGate, Came] | None = None
    """The gate that what it sends has to pass, and its request as it came; None where the service has no gates."""
    passage: Passage | None = None
    """The way of what it sends past a debugger, as soon as there is one."""
    _parts = 0
    held = 0.0
    """For how many seconds it has been held up by debuggers, here or further on, as far as whoever asked was told."""

    def __init__(
        self, terms: Terms, request: Request, *, looks_soon: Callable[[], bool] | None = None, holds: bool = False
    ) -> None:
        self._terms = terms
        self._request = request
        self._looks_soon = looks_soon
        self._begun = time.perf_counter()
        self._lock = threading.Lock()
        self.channel = reply_channel(request, terms.service)
        """Where the answer goes; None where nobody is to be answered."""
        self._holds = holds and self.channel is not None

    @property
    def action(self) -> str:
        """The action that is to answer."""
        return self._request.action

    @property
    def deferred(self) -> bool:
        """Whether it is to be answered later."""
        return self._deferral is not None

    def send(self, payload: Any, final: bool = True) -> Receipt:
        """Send a successful response; with `final=False` a partial one, with more to follow.

        Returns how many received a partial one; for the final one 1, or 0 where nobody is to be answered. Raises
        AlreadyAnswered after the final response, PayloadError for a payload that JSON cannot carry or that is larger
        than the app's `max_message`, RedisUnavailable where Redis is away.
        """
        return self._send(payload, ok=True, final=final if final.__class__ is bool else _checked(final))

    def success(self, payload: Any) -> Receipt:
        """The same as `send(payload)`."""
        return self._send(payload, ok=True, final=True)

    def progress(self, payload: dict[str, Any], progress_percentage: float | None = None) -> Receipt:
        """Send a partial response; a percentage is kept within 0 and 100 and added to the payload.

        Returns how many received it. Raises as `send` does.
        """
        if not isinstance(payload, dict):
            raise PayloadError(f"the payload must be a dict, not {type(payload).__name__}")
        if progress_percentage is not None:
            checks.number(progress_percentage, "progress_percentage", error=PayloadError)
            payload = {**payload, "progress_percentage": max(0, min(100, progress_percentage))}
        return self._send(payload, ok=True, final=False)

    def error(self, error: str | BaseException, final: bool = True, code: str | None = None) -> Receipt:
        """Send an error response: a text, or an exception (its class name goes with it).

        Returns and raises what `send` does. Of what an exception says the passwords of URLs are left out. A
        RequestFailed, with which another service has answered, goes on with the `code` that this has chosen, unless
        there is a `code` here. Codes of the framework do not: `busy`, say, would be said of this service then.
        """
        checks.optional_name(code, "code", PayloadError)
        return self._send(failure(error, code, tracebacks=self._terms.tracebacks), ok=False, final=_checked(final))

    def defer(self, within: float = 60.0) -> Deferred:
        """Answer later, through the handle that is returned, from any thread or task; the handler may end before.

        Where there is no final answer after `within` seconds, `expired` is sent. Until then the service, when it
        stops, waits for it within its grace. A dict that the handler returns, and an exception, are the answer all
        the same. Raises AlreadyAnswered after the final response, DaebusError where it has been put off already.
        """
        if checks.duration(within, "within") <= 0:
            raise DaebusError("within must be more than 0 seconds")
        if self.finished:
            raise self._already()
        if self._deferral is not None:
            raise DaebusError(f"the answer of action {self._request.action!r} has been put off already")
        if self._terms.deferrals is None:
            raise DaebusError("only a running service can answer later")
        # Whether the hooks after it see the answer must not depend on which thread is first.
        self._holds = False
        self._deferral, handle = self._terms.deferrals.put_off(self, within)
        return handle

    # For the framework

    def leave(self) -> None:
        """Its handler has returned an answer after the final one, which is not sent: say so. Raises nothing."""
        if not self._given_up:
            self._terms.unsent.say(self._request.action, self.raised)

    def put_off(self, answered: Callable[[], object]) -> bool:
        """Whether it is to be answered later yet: then `answered` is called, once, when that has been done."""
        if self._deferral is None:
            return False
        with self._lock:
            if self.finished:
                return False
            self._answered = answered
            return True

    def fail(self, error: str | BaseException, code: str) -> None:
        """Send an error as the final response; where it cannot be sent as it is, in short. Raises nothing."""
        for send in (self.error, self._error_in_short):
            try:
                send(error, code=code)
                return
            except AlreadyAnswered:
                return
            except RedisUnavailable:
                # It has been noted.
                return
            except BaseException as problem:  # noqa: BLE001 - the caller waits for an answer all the same
                note(log, logging.ERROR, "%s: an error response could not be sent", self._terms.service, error=problem)

    def abandon(self, text: str, code: str) -> bool:
        """Answer with an error for whoever does not get to it; False where the final response is out.

        What it sends later goes nowhere.
        """
        with self._lock:
            if self.finished and self._held is None:
                return False
            self._holds = self.finished = False
            self._held = self._part = None
            self._given_up = text
        self.fail(text, code)
        return True

    def keep(self, part: Any) -> Receipt | None:
        """Send the partial response that was kept, and keep this one: the last one is the final one."""
        before, self._part = self._part, None
        sent = None if before is None else self._send(before, ok=True, final=False)
        self._part = part
        return sent

    def send_kept(self, last: Any) -> None:
        """Send what was kept as the final response, unless there is a last one, or it is to come later."""
        if last is None and self.deferred:
            self.keep(None)
        elif last is None:
            last, self._part = self._part, None
        if last is not None:
            self._send(last, ok=True, final=True)

    def take_held(self) -> tuple[Any, bool] | None:
        """The final response that is held, and whether it is a successful one; from now on none is held any more."""
        with self._lock:
            self._holds = False
            return self._held

    def let_go(self, payload: Any, ok: bool) -> None:
        """Send the final response that was held, with that payload."""
        self.forget_held()
        if not self.finished:
            self._send(payload, ok, final=True)

    def forget_held(self) -> None:
        """There is to be another final response than the one that is held."""
        with self._lock:
            if self._held is not None:
                self._held, self.finished = None, False

    def held_up(self, seconds: float) -> None:
        """A debugger holds up what it waits for, for so many seconds more: tell whoever asked. Waits for nothing."""
        self.held += seconds
        if self.finished or self._terms.notices is None or not self._terms.notices.understands(self._request):
            return
        self._terms.notices.send(self._request, self.delayed)

    @property
    def delayed(self) -> float:
        """For how many seconds debuggers have held it up so far, here and further on."""
        return self.held if self.passage is None else self.held + self.passage.delayed

    async def out(self) -> None:
        """Wait until what was given to the outbox has been given to Redis, which is not waited for."""
        if self._handed_in is not None:
            try:
                await self._handed_in
            except DaebusError:
                # Who asked for it has been told, or `Answers` has.
                pass

    def _error_in_short(self, error: str | BaseException, code: str) -> None:
        """With little text, and nothing that can go wrong."""
        text, kind = (said(error), class_of(error)) if isinstance(error, BaseException) else (error, None)
        short = text if len(text) <= _SHORT else f"{text[:_SHORT]}... ({len(text)} characters)"
        self._send(error_payload(short or kind or "", code, kind), ok=False, final=True, limited=False)

    def _send(self, payload: Any, ok: bool, final: bool, limited: bool = True) -> Receipt:
        if self._part is not None and not self.finished:
            # What was kept comes first.
            self.keep(None)
        elapsed = time.perf_counter() - self._begun
        holds = final and self._holds
        terms, channel = self._terms, self.channel
        data = b""
        if channel is not None:
            data = write_response(
                payload,
                request_id=self._request.request_id,
                ok=ok,
                final=final,
                service=terms.service,
                instance=terms.instance,
                elapsed=elapsed if self.handled else None,
                default=terms.json_default,
            )
            if limited and len(data) > terms.max_message:
                sized(data, terms.max_message)
        if holds:
            payload = _as_written(payload, data)
        with self._lock:
            if self.finished:
                raise self._already()
            self.finished = final
            if holds:
                self._held = payload, ok
                return SENT
            if final and not ok:
                # A hook may have put anything there.
                self.failure = _text(payload.get("code")) or _text(payload.get("type")) or "error"
                self.said = _text(payload.get("error")) or None
        received = NOBODY
        try:
            if channel is not None:
                passage = self.passage
                if passage is None and self.past_gate is not None:
                    gate, came = self.past_gate
                    passage = self.passage = gate.way(self._request, came)
                self._parts += not final
                if passage is None:
                    received = self._publish(channel, data, final)
                else:
                    received = self._let_out(passage, channel, data, ok, final)
            if terms.spoken is not None:
                terms.spoken(self._request, ok, final, elapsed)
        finally:
            # Also where Redis is away: nobody can answer any more.
            if final and self._deferral is not None:
                self._end_deferral(self._deferral)
        return received

    def _end_deferral(self, number: int) -> None:
        if self._terms.deferrals is not None:
            self._terms.deferrals.answered(number)
        answered, self._answered = self._answered, None
        if answered is not None:
            answered()

    def _let_out(self, passage: Passage, channel: str, data: bytes, ok: bool, final: bool) -> Receipt:
        """Publish what a debugger lets out. Where that is nothing, somebody may wait all the same."""
        received = SENT
        part = None if final else self._parts
        answer = Answer(data, ok, part, partial(self._publish_late, channel, final))
        for each in passage.through(answer, self.held):
            received = self._publish(channel, each, final)
        return received

    def _publish_late(self, channel: str, final: bool, data: bytes) -> None:
        """Publish what was held. Raises nothing."""
        try:
            self._publish(channel, data, final)
        except DaebusError as error:
            note(log, logging.DEBUG, "%s: a response that was held could not be sent: %s", self._terms.service, error)

    def _publish(self, channel: str, data: bytes, final: bool) -> Receipt:
        outbox = self._terms.outbox
        if outbox is not None:
            if outbox.is_ours:
                sent = outbox.post(self._request, channel, data) if final else outbox.publish(channel, data)
                if sent.future is not None:
                    self._handed_in = sent
                    sent.lost = self._part_lost
                return sent
            if self._handed_in is not None and self._handed_in.future is not None:
                # What was sent before on the loop comes first.
                wait([self._handed_in.future])
        try:
            if not final:
                return Receipt(self._terms.publisher.publish_part(channel, data))
            self._terms.answers.post(self._request, channel, data, self._looks_soon)
        except RedisUnavailable as error:
            if final:
                self.undelivered = error
                self._terms.answers.failed(self._request, channel, data, error)
            else:
                self._part_lost(error)
            raise
        return SENT

    def _part_lost(self, error: RedisUnavailable) -> None:
        # What Redis refuses is told as any error: it is there, and may take the next one.
        if not isinstance(error, RedisRefused):
            self.undelivered = error

    def _already(self) -> AlreadyAnswered:
        if self._held is not None and not self._holds:
            instead = "return the payload to send in its place, or raise"
            return AlreadyAnswered(
                f"action {self._request.action!r} has its answer, which its hooks see now: {instead}"
            )
        done = f"was answered already ({self._given_up})" if self._given_up else "has sent its final response already"
        return AlreadyAnswered(f"action {self._request.action!r} {done}; nothing more was sent")


def _as_written(payload: Any, data: bytes) -> Any:
    """The payload as whoever reads the message has it: nothing that happens to the one given changes it."""
    if payload.__class__ is RawJson:
        # It cannot be changed, and keeps its text.
        return payload
    message = decode_object(data)
    assert isinstance(message, dict), "what was written can be read"
    return message["payload"]


def reply_channel(request: Request, service: str) -> str | None:
    """Where responses to a request go. Never to the service's own channel, where they could go round for ever."""
    if request.reply_to is not None:
        return request.reply_to if request.reply_to != service else None
    return f"{service}.responses" if request.request_id is not None else None


def _checked(final: Any) -> bool:
    """A truth value. Raises PayloadError for what was meant as a code or a status, and would count as true."""
    if isinstance(final, str) or (isinstance(final, int) and final not in (False, True)):
        raise PayloadError(f'final must be True or False, not {checks.shown(final)}; a code is given as code="..."')
    return bool(final)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
