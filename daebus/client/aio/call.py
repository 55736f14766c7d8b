"""A request that is under way in an event loop, seen from the task that asked. No I/O of its own."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from daebus.client.call import Asked, failure_of
from daebus.client.gate import gates_of, pass_gate_async
from daebus.client.noting import Noted
from daebus.errors import DaebusError, again
from daebus.telemetry import NOTHING, Span
from daebus.wire.envelope import Reply


class AsyncWaiting(Protocol):
    """What a call needs of the session that it is made in."""

    def ask_at_once(self, call: AsyncCall, data: bytes) -> bool:
        """Publish the request of a call, which from now on waits; False, with nothing done, where that has to wait."""

    async def ask(self, call: AsyncCall, data: bytes) -> None:
        """The same where it has to."""

    async def publish(self, channel: str, data: bytes) -> int:
        """Publish bytes as they are."""

    def note(self, call: AsyncCall) -> None:
        """From now on the call waits, and its deadline is watched."""

    def forget(self, call: AsyncCall) -> None:
        """The call does not wait any more."""


class AsyncCall(Asked):
    """A request that is under way: its replies, for the one task that waits for them. Ends with `end`."""

    _answered = False
    """Whether whoever waits has its final reply."""

    def __init__(self, session: AsyncWaiting, service: str, action: str, request_id: str, timeout: float) -> None:
        self.service = service
        self.action = action
        self.request_id = request_id
        self.timeout = timeout
        self.span: Span = NOTHING
        """What is told of it to OpenTelemetry."""
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self.deadline = self._begun + timeout
        self.subscribers: int | None = None
        """How many were subscribed to the service's channel just before the request; None where that is not known."""
        self._inbox: deque[Reply | DaebusError] = deque()
        self._waiter: asyncio.Future[None] | None = None

    async def ask(self, data: bytes) -> None:
        """Publish the request; see `AsyncSession.ask`."""
        gates = None if self.noted is None else gates_of(self)
        several = [data] if gates is None else await pass_gate_async(gates, self, data)
        try:
            if several and not self._session.ask_at_once(self, several[0]):
                await self._session.ask(self, several[0])
            for copy in several[1:]:
                await self._session.publish(self.service, copy)
        except DaebusError as error:
            self.over(error)
            raise
        if not several:
            self._session.note(self)

    def end(self) -> None:
        """Replies are not wanted any more."""
        if not self._answered:
            self.over("cancelled")
            self._session.forget(self)

    def over(self, outcome: BaseException | str | None) -> None:
        """It has come to its end: None where all is well, else the error, or its code. Only the first time counts."""
        if self.span is not NOTHING:
            self.span.end(outcome)
        if self.noted is not None:
            self.noted.end(outcome)

    def give(self, item: Reply | DaebusError) -> None:
        """Hand over a reply, or the error that ends the call."""
        self._inbox.append(item)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def next(self) -> Reply:
        """The next reply, the final one included; raises RequestTimeout, ServiceUnavailable or ConnectionLost."""
        if self.noted is not None and not self._inbox:
            await self._await_reply(self.noted)
        while not self._inbox:
            await self._given()
        item = self._inbox.popleft()
        if isinstance(item, DaebusError):
            self.over(item)
            # What is raised knows where, and would go round with this frame.
            raise again(item)
        if item.final:
            # Whoever gave it has forgotten the call.
            self._answered = True
            self.over(failure_of(item))
        return item

    async def _await_reply(self, noted: Noted) -> None:
        noted.waits()
        try:
            while not self._inbox:
                await self._given()
        finally:
            noted.goes_on()

    def _given(self) -> asyncio.Future[None]:
        """Done when something has been handed over."""
        self._waiter = self._loop.create_future()
        return self._waiter

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
        """See `Asked`: that of the loop."""
        return self._loop.time()


def until(deadline: float) -> asyncio.Timeout:
    """A limit at that loop time, if it ever comes."""
    return asyncio.timeout_at(None if deadline == math.inf else deadline)
