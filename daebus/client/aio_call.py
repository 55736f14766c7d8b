"""A request that is under way in an event loop, seen from the task that asked. No I/O of its own."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from daebus.errors import DaebusError, RequestTimeout
from daebus.telemetry import NOTHING, Span
from daebus.wire.envelope import Reply

from .call import failure_of, longer, timeout_error
from .gate import gates_of, pass_gate_async
from .noting import Noted


class AsyncWaiting(Protocol):
    """What a call needs of the session that it is made in."""

    async def ask(self, call: AsyncCall, data: bytes) -> None:
        """Publish the request of a call, which from now on waits."""

    async def publish(self, channel: str, data: bytes) -> int:
        """Publish bytes as they are."""

    def forget(self, call: AsyncCall) -> None:
        """The call does not wait any more."""


class AsyncCall:
    """A request that is under way: its replies, for the one task that waits for them. Ends with `end`."""

    def __init__(self, session: AsyncWaiting, service: str, action: str, request_id: str, timeout: float) -> None:
        self.service = service
        self.action = action
        self.request_id = request_id
        self.timeout = timeout
        """Seconds that the whole call may take."""
        self.span: Span = NOTHING
        """What is told of it to OpenTelemetry."""
        self.noted: Noted | None = None
        """What the recorder is told of it, where a service makes it."""
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self.deadline = self._begun + timeout
        """In loop time."""
        self.subscribers: int | None = None
        """How many were subscribed to the service's channel just before the request; None where that is not known."""
        self._inbox: deque[Reply | DaebusError] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._held = 0.0
        self.deaf = False
        """Whether a debugger has its answer get lost."""

    async def ask(self, data: bytes) -> None:
        """Publish the request; see `AsyncSession.ask`."""
        gates = gates_of(self)
        several = [data] if gates is None else await pass_gate_async(gates, self, data)
        try:
            for each in several[:1]:
                await self._session.ask(self, each)
            for each in several[1:]:
                await self._session.publish(self.service, each)
        except DaebusError as error:
            self.over(error)
            raise
        if not several:
            self.begin()

    def begin(self) -> None:
        """From now on the deadline is watched."""
        if self.timeout != math.inf:
            self._alarm = self._loop.call_at(self.deadline, self._expire)

    def end(self) -> None:
        """Replies are not wanted any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        self.over("cancelled")
        self._session.forget(self)

    def over(self, outcome: BaseException | str | None) -> None:
        """It has come to its end: None where all is well, else the error, or its code. Only the first time counts."""
        self.span.end(outcome)
        if self.noted is not None:
            self.noted.end(outcome)

    def give(self, item: Reply | DaebusError) -> None:
        """Hand over a reply, or the error that ends the call."""
        if self.deaf and isinstance(item, Reply):
            return
        self._inbox.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def hold(self, seconds: float) -> None:
        """A debugger holds it up, for so many seconds so far: it may take so much longer."""
        more = longer(seconds, self._loop.time() - self._begun, self._held)
        if more > 0:
            self._held += more
            self.deadline += more
            if self.noted is not None:
                self.noted.held_up(more)

    def go_on_for(self, seconds: float) -> None:
        """It was held for so many seconds before it was sent, which do not count."""
        self._begun += seconds
        self.deadline += seconds

    async def next(self) -> Reply:
        """The next reply, the final one included; raises RequestTimeout, ServiceUnavailable or ConnectionLost."""
        if not self._inbox:
            await self._await_reply()
        item = self._inbox.popleft()
        if isinstance(item, DaebusError):
            self.over(item)
            raise item
        if item.final:
            self.over(failure_of(item))
        return item

    async def _await_reply(self) -> None:
        if self.noted is not None:
            self.noted.waits()
        try:
            while not self._inbox:
                self._waiter = self._loop.create_future()
                await self._waiter
        finally:
            if self.noted is not None:
                self.noted.goes_on()

    async def tell(self, on_progress: Callable[[Any], Any], payload: Any) -> None:
        """Call `on_progress`; where it gives something to await, do so until the deadline."""
        result = on_progress(payload)
        if not isinstance(result, Awaitable):
            return
        try:
            async with until(self.deadline) as limit:
                await result
        except TimeoutError:
            if limit.expired():
                raise self.timed_out() from None
            raise

    def now(self) -> float:
        """The time of its deadline's clock."""
        return self._loop.time()

    def timed_out(self, sent: bool = True) -> RequestTimeout:
        """The error for its time being over."""
        return timeout_error(self.service, self.action, self.timeout, self.request_id, sent)

    def _expire(self) -> None:
        if self._loop.time() < self.deadline:
            # It was held up meanwhile.
            self._alarm = self._loop.call_at(self.deadline, self._expire)
            return
        self._session.forget(self)
        self.give(self.timed_out())


def until(deadline: float) -> asyncio.Timeout:
    """A limit at that loop time, if it ever comes."""
    return asyncio.timeout_at(None if deadline == math.inf else deadline)
