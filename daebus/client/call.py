"""A request that is under way, seen from the side that asked."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from daebus.errors import DaebusError, RequestCancelled, RequestFailed, RequestTimeout, again
from daebus.telemetry import NOTHING, Span
from daebus.transport.commands import Pending
from daebus.transport.sockets.waiter import Waiter
from daebus.wire import checks
from daebus.wire.envelope import Reply, RequestId

from .noting import Noted


class Waiting(Protocol):
    """What a call needs of the `Requester` that made it."""

    def attend(self, call: Call) -> None:
        """Wait until the call has a reply, or for its deadline; or return for no reason."""

    def forget(self, call: Call) -> None:
        """Replies to the call are not wanted any more."""

    def withdraw(self, call: Call) -> bool:
        """Its request is of no use any more; True where it has not been sent, which then it never is."""

    def interrupt(self) -> None:
        """Make whoever reads look whether what it waits for is there."""

    def call_ended(self) -> None:
        """The call has its final reply."""


class Asked:
    """What the calls of threads and of asyncio have in common: whom they ask, and how long they may take.

    `deadline` is a time of the clock of `now`.
    """

    service: str
    action: str
    request_id: str
    timeout: float
    """Seconds that the whole call may take."""
    deadline: float
    noted: Noted | None = None
    """What the recorder is told of it, where a service makes it."""
    deaf = False
    """Whether a debugger has its answer get lost."""
    parts = 0
    """How many partial answers have come."""
    _begun: float
    _held = 0.0

    def now(self) -> float:
        """The time of its deadline's clock."""
        raise NotImplementedError

    def hold(self, seconds: float) -> None:
        """A debugger holds it up, for so many seconds so far: it may take so much longer. Called by whoever reads."""
        more = longer(seconds, self.now() - self._begun, self._held)
        if more > 0:
            self._held += more
            self.deadline += more
            if self.noted is not None:
                self.noted.held_up(more)

    def go_on_for(self, seconds: float) -> None:
        """It was held for so many seconds before it was sent, which do not count."""
        self._begun += seconds
        self.deadline += seconds

    def timed_out(self, sent: bool = True) -> RequestTimeout:
        """The error for its time being over; where its request was not `sent`, it says so."""
        if sent:
            return no_answer(self.service, self.action, self.timeout, self.request_id, self.parts)
        what = f"{self.service!r} could not be asked for {self.action!r} within {self.timeout:g} s"
        return RequestTimeout(f"{what} (request {self.request_id}); nothing was sent")


def no_answer(
    service: str,
    action: str,
    timeout: float,
    request_id: RequestId,
    parts: int = 0,
    fate: str = "it may still be handled",
) -> RequestTimeout:
    """The error for a request that was sent, and had but so many partial answers within its time (seconds)."""
    what, come = ("final answer", f", after {parts} part{'s' if parts > 1 else ''}") if parts else ("answer", "")
    told = f"no {what} from {service!r} to {action!r} within {timeout:g} s{come}"
    return RequestTimeout(f"{told} (request {request_id}); {fate}")


class Call(Asked):
    """A request that is under way.

    `result()` waits for the final payload; iterating gives each partial payload and then the final one;
    `replies()` gives the replies themselves. One thread at a time.
    """

    subscribers: int | None = None
    """How many were subscribed to the service's channel when it was asked; None where Redis does not tell."""
    sent_at: float | None = None
    """When the request was about to be written (a time of `time.monotonic()`): after any connecting or waiting."""
    span: Span = NOTHING
    """What is told of it to OpenTelemetry."""
    command: Pending | None = None
    """The publishing of the request, once it has been given to the connection."""
    _last: Reply | None = None

    def __init__(self, requester: Waiting, service: str, action: str, request_id: str, timeout: float) -> None:
        self.service = service
        self.action = action
        self.request_id = request_id
        self.timeout = timeout
        self._begun = time.monotonic()
        self.deadline = self._begun + timeout
        self._requester = requester
        self._inbox: deque[Reply | DaebusError] = deque()
        self.ready: Callable[[], int] = self._inbox.__len__
        """How many replies are there that have not been looked at; asked several times a call."""
        self.waiter = Waiter()

    def now(self) -> float:
        """See `Asked`."""
        return time.monotonic()

    def result(self, on_progress: Callable[[Any], Any] | None = None) -> Any:
        """The final payload. Partial payloads go to `on_progress`, on this thread.

        Raises RequestFailed, RequestTimeout, RequestCancelled or ConnectionLost.
        """
        if on_progress is not None:
            checks.plain_function(on_progress, "on_progress")
        while True:
            reply = self._last or self._next()
            if reply.final:
                return payload_of(reply, self, time.monotonic())
            if on_progress is not None:
                on_progress(reply.payload)

    def replies(self) -> Iterator[Reply]:
        """Each reply as it comes, the final one last, errors included as replies.

        Raises RequestTimeout, RequestCancelled or ConnectionLost.
        """
        while self._last is None:
            yield self._next()

    def __iter__(self) -> Iterator[Any]:
        for reply in self.replies():
            yield payload_of(reply, self, time.monotonic()) if reply.final else reply.payload

    def cancel(self) -> None:
        """Stop waiting: a thread that waits for a reply gets RequestCancelled at once. The service is not told."""
        self._requester.forget(self)
        self.over("cancelled")
        self.give(RequestCancelled(f"stopped waiting for {self.service!r}; {self.action!r} may still be handled"))
        self._requester.interrupt()

    def over(self, outcome: BaseException | str | None) -> None:
        """It has come to its end: None where all is well, else the error, or its code. Only the first time counts."""
        if self.span is not NOTHING:
            self.span.end(outcome)
        if self.noted is not None:
            self.noted.end(outcome)

    def give(self, reply: Reply | DaebusError) -> None:
        """Called by whichever thread reads."""
        if self.deaf and isinstance(reply, Reply):
            return
        self._inbox.append(reply)
        self.waiter.wake()

    def check(self) -> None:
        """Raise the error that has ended it already, if one has."""
        if self._inbox and isinstance(self._inbox[0], DaebusError):
            self.over(self._inbox[0])
            raise again(self._inbox[0])

    def is_told(self) -> bool:
        """Whether it is known what became of its request, or has an answer, which tells as much."""
        return self.sent_at is not None or bool(self._inbox)

    def is_published(self) -> bool:
        """Whether Redis has said what became of its request, or it has ended with an error."""
        return self.sent_at is not None or (bool(self._inbox) and isinstance(self._inbox[0], DaebusError))

    def _next(self) -> Reply:
        if not self._inbox:
            if self.noted is None:
                self._wait()
            else:
                self._await_reply(self.noted)
        item = self._inbox[0]
        if isinstance(item, DaebusError):
            # It stays there: whoever asks again is told again. What is raised knows where, and would go round with it.
            self.over(item)
            raise again(item)
        self._inbox.popleft()
        if item.final:
            self._last = item
            self.over(failure_of(item))
            self._requester.call_ended()
        else:
            self.parts += 1
        return item

    def _await_reply(self, noted: Noted) -> None:
        noted.waits()
        try:
            self._wait()
        finally:
            noted.goes_on()

    def _wait(self) -> None:
        while not self._inbox:
            if time.monotonic() >= self.deadline:
                self._requester.forget(self)
                if not self._inbox:
                    error = self.timed_out(sent=not self._requester.withdraw(self))
                    self.over(error)
                    raise error
            self._requester.attend(self)


def streamed(call: Call, holder: object = None) -> Iterator[Any]:
    """Each partial payload and then the final one of a call, which is not waited for any more where it is left.

    As long as it is gone through the `holder` is held.
    """
    try:
        yield from call
    finally:
        call.cancel()
        # Not before: a caller that nobody holds closes its connections.
        del holder


AHEAD = 5.0
"""Seconds that a notice may be ahead of the time that has passed."""


def longer(held: float, passed: float, before: float) -> float:
    """How many seconds longer a call may take that is said to be held up.

    `before` is what it was said before. Since it began only `passed` seconds have gone by: whatever a notice says, who
    asked waits no longer than notices come.
    """
    return min(held, passed + AHEAD) - before


def failure_of(reply: Reply) -> str | None:
    """The kind of error that a final reply is, if it is one."""
    return None if reply.ok else reply.code or reply.type or "error"


def payload_of(reply: Reply, call: Asked, now: float) -> Any:
    """The payload of a final reply, or the error that it is. `now` is of the clock of the call's deadline."""
    if reply.ok:
        return reply.payload
    if reply.code == "expired" and now >= call.deadline:
        # The service, too, found the time to be over. Who asked is told the same, whoever noticed it first.
        # How long a handler took is told only where there was one.
        fate = f"it was not {'handled' if reply.elapsed is None else 'finished'}: {reply.error}"
        raise no_answer(call.service, call.action, call.timeout, call.request_id, call.parts, fate)
    raise RequestFailed(reply.error or "", reply.code, reply.type, reply.payload)
