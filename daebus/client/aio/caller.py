"""AsyncDaebusCaller: asks one service from an asyncio program. The same as DaebusCaller, to be awaited."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Self

from daebus import context, telemetry
from daebus.client.actions import Actions, Outcome, gone_through
from daebus.client.arguments import checked_id, checked_progress, checked_service, checked_timeout
from daebus.client.call import payload_of
from daebus.client.gate import leaving_one_way, pass_gate_async
from daebus.client.lanes import located, meant, place_of
from daebus.client.noting import note_published
from daebus.client.retry import Attempt, Attempts, Retry, ask_async, checked_retry
from daebus.client.writing import one_way_of, request_of
from daebus.transport.address import RedisAddress, resolve_url
from daebus.transport.bus import Bus, ShardedBus, boards, bus_at, chosen_bus, chosen_url
from daebus.transport.fork import begins_anew
from daebus.wire import checks
from daebus.wire.ids import new_request_id
from daebus.wire.limits import resolve_max_message, sized
from daebus.wire.writing import encode_object, named_action

from .call import AsyncCall
from .outcomes import outcomes
from .session import AsyncSession

_Sessions = dict[asyncio.AbstractEventLoop, AsyncSession]
_Made = weakref.WeakKeyDictionary[AsyncSession, asyncio.AbstractEventLoop]
_ASK_AGAIN = object()
"""No bus that could be meant: which one is, is to be found out anew."""


class AsyncDaebusCaller:
    """Calls the actions of `target_service` from an asyncio program, without a thread and without blocking the loop.

    Nothing is connected before it is used, nor after `close`; a closed caller that is used again connects
    again. Any number of tasks may share one, over one pair of connections; in another event loop (a second
    `asyncio.run`, another thread's) it has another pair. Arguments and errors are those of `DaebusCaller`.
    """

    def __init__(
        self,
        target_service: str,
        redis_host: str | None = None,
        redis_port: int | None = None,
        timeout: float = 5,
        *,
        redis_url: str | None = None,
        sharded: bool = False,
        name: str | None = None,
        max_message: int | None = None,
        retry: Retry | None = None,
    ) -> None:
        self.target_service = checked_service(target_service)
        self.timeout = checked_timeout(timeout)
        """Seconds that a call may take where it does not say."""
        self.max_message = resolve_max_message(max_message)
        """Bytes of a message, at most: a larger one raises PayloadError."""
        self._retry = checked_retry(retry)
        self._url: str | None = None
        self._sharded = sharded
        if redis_url or redis_host or redis_port is not None:
            self._url = chosen_url(resolve_url(redis_url, redis_host, redis_port), sharded)
            RedisAddress(self._url)
        elif sharded:
            # That it can be, where it is not the running service that says.
            chosen_bus(sharded=True)
        self._name = checks.optional_name(name, "name")
        self._sessions: _Sessions = {}
        # A caller that nobody holds any more takes its connections with it. Calls that wait hold it, and are not to be
        # held by what happens then: in a loop that was closed they never end.
        self._made: _Made = weakref.WeakKeyDictionary()
        weakref.finalize(self, _close_all, self._made).atexit = False
        begins_anew(self)
        boards(self)

    def after_fork(self) -> None:
        """In a forked child: connections of its own."""
        for session in self._sessions.values():
            session.abandon()
        self._sessions.clear()
        self._made.clear()

    def leave_bus(self) -> None:
        """See `Passenger`."""
        # Other loops may begin meanwhile, on threads of theirs.
        for loop, session in list(self._sessions.items()):
            _close_soon(loop, session)
        self._sessions.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncDaebusCaller({self.target_service!r})"

    async def send_request(
        self,
        action: str,
        payload: dict[str, Any] | None = None,
        timeout: float | None = None,
        on_progress: Callable[[Any], Any] | None = None,
        *,
        request_id: str | None = None,
        idempotent: bool = False,
    ) -> Any:
        """Ask, wait, and return the final payload. Partial payloads go to `on_progress`, in this task.

        What `on_progress` returns is awaited where it can be. `timeout` (seconds; default: the caller's) bounds
        the whole call; 0 or less raises RequestTimeout at once and sends nothing. `idempotent` says that to handle the
        request twice does no harm: where the caller has a `retry`, it is then asked again after a failure that passes.
        Raises RequestFailed (the service's error), RequestTimeout, ServiceUnavailable (nobody serves it),
        RedisUnavailable or its subclass ConnectionLost, PayloadError; all are DaebusError. Cancelling it ends the wait;
        the service is not told.
        """
        checked_progress(on_progress, awaited=True)
        if self._retry is None or not idempotent:
            return await self._ask_once(action, payload, on_progress, Attempt(timeout, request_id))
        timeout = self.timeout if timeout is None else checked_timeout(timeout)
        attempts = Attempts(self._retry, timeout, checked_id(request_id), time.monotonic())
        told = None if on_progress is None else attempts.told(on_progress)
        return await ask_async(attempts, lambda attempt: self._ask_once(action, payload, told, attempt))

    async def _ask_once(
        self,
        action: str,
        payload: dict[str, Any] | None,
        on_progress: Callable[[Any], Any] | None,
        attempt: Attempt,
    ) -> Any:
        call, data = self._prepare(action, payload, attempt.timeout, attempt.request_id, attempt.retry_of)
        try:
            await call.ask(data)
            while not (reply := await call.next()).final:
                if on_progress is not None:
                    await call.tell(on_progress, reply.payload)
        finally:
            call.end()
        return reply.payload if reply.ok else payload_of(reply, call, call.now())

    def map(
        self, action: str, payloads: Iterable[dict[str, Any]], *, in_flight: int = 10, timeout: float | None = None
    ) -> AsyncIterator[Outcome]:
        """Ask for each of the payloads, with so many under way at once: `async for outcome in caller.map(…)`, in order.

        One that fails is an Outcome with an `error`, and stops none of the others. `timeout` is that of each, in
        seconds. They are asked as the outcomes are taken, each in a task of its own; what is under way when the
        iteration is left is cancelled.
        """
        named_action(action)
        if timeout is not None:
            checks.seconds(timeout, "timeout")
        ask = partial(self.send_request, action, timeout=timeout)
        return outcomes(ask, gone_through(payloads, in_flight), in_flight)

    async def stream_request(
        self,
        action: str,
        payload: dict[str, Any] | None = None,
        timeout: float | None = None,
        *,
        request_id: str | None = None,
    ) -> AsyncIterator[Any]:
        """For `async for`: ask, and give the partial payloads and then the final one. Errors as for `send_request`."""
        call, data = self._prepare(action, payload, timeout, request_id)
        try:
            await call.ask(data)
            while not (reply := await call.next()).final:
                yield reply.payload
            yield payload_of(reply, call, call.now())
        finally:
            call.end()

    @property
    def actions(self) -> Actions[Awaitable[Any]]:
        """The actions of the service as functions: `await caller.actions.get_user(user_id=17)`; see Actions."""
        return Actions(self.send_request)

    async def send_message(self, action: str, payload: dict[str, Any] | None = None) -> int:
        """Send a one-way message to an action of the target service; returns how many received it, 0 where nobody did.

        Raises PayloadError, RedisUnavailable or its subclass ConnectionLost.
        """
        session, service = self._session(), self.target_service
        with telemetry.sending(service, action) as span:
            message_id = new_request_id()
            data = sized(one_way_of(action, payload, self._name, message_id, span.fields), self.max_message)
            found = leaving_one_way(self._name, service, action, message_id)
            several = [data] if found is None else await pass_gate_async(*found, data)
            received = [await session.publish(service, each) for each in several]
            return received[0] if received else 0

    async def send_to_service(self, payload: dict[str, Any], action: str | None = None) -> int:
        """The same as `send_message`, with the action last. Without an action the payload is published as it is."""
        if action is None:
            data = encode_object(payload, default=context.written)
            received = await self._session().publish(self.target_service, sized(data, self.max_message))
            note_published(self.target_service, data)
            return received
        return await self.send_message(action, payload)

    async def close(self) -> None:
        """Close the connections in this event loop; the next call connects again.

        Calls of other tasks that still wait get their answers first, and the last of them closes.
        """
        session = self._sessions.get(asyncio.get_running_loop())
        if session is not None:
            # The environment may say something else when it is asked again.
            session.meant = _ASK_AGAIN
            await session.close()

    def _session(self) -> AsyncSession:
        """That of the running event loop."""
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None or (self._url is None and session.meant is not meant()):
            session = self._session_of(loop, session)
        return session

    def _session_of(self, loop: asyncio.AbstractEventLoop, session: AsyncSession | None) -> AsyncSession:
        """That of the bus that is meant by now; where another was used, that is left as soon as nobody waits."""
        found = meant()
        bus = located(found, sharded=self._sharded) if self._url is None else bus_at(self._url)
        if session is None or place_of(session.bus) != place_of(bus):
            if session is not None:
                session.close_soon()
            for other in [each for each in list(self._sessions) if each.is_closed()]:
                self._sessions.pop(other, None)
            telemetry.look()
            session = self._sessions[loop] = session_at(bus, self._name)
            self._made[session] = loop
        session.meant = found
        return session

    def _prepare(
        self,
        action: str,
        payload: dict[str, Any] | None,
        timeout: float | None,
        request_id: str | None,
        retry_of: str | None = None,
    ) -> tuple[AsyncCall, bytes]:
        """A call that has not begun, and its request."""
        timeout = self.timeout if timeout is None else checked_timeout(timeout)
        session = self._session()
        call = AsyncCall(session, self.target_service, action, checked_id(request_id), timeout)
        data = request_of(
            call,
            payload,
            reply_to=session.reply_channel,
            name=self._name,
            origin=context.origin(),
            retry_of=retry_of,
            max_message=self.max_message,
        )
        return call, data


def _close_all(made: _Made) -> None:
    for session, loop in list(made.items()):
        _close_soon(loop, session)


def _close_soon(loop: asyncio.AbstractEventLoop, session: AsyncSession) -> None:
    try:
        loop.call_soon_threadsafe(session.close_soon)
    except RuntimeError:
        # The loop is closed, and its transports go with it.
        pass


def session_at(bus: Bus, name: str | None) -> AsyncSession:
    """A session for the running event loop."""
    if not isinstance(bus, ShardedBus):
        return AsyncSession(bus, name)
    # Most programs never need it.
    from .sharded import ShardedSession

    return ShardedSession(bus, name)
