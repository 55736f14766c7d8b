"""Asking any service and matching the answers: one reply channel, any number of threads that wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from daebus import context, telemetry
from daebus.errors import (
    ConfigurationError,
    ConnectionLost,
    DaebusError,
    PayloadError,
    RedisRefused,
    RedisUnavailable,
    ServiceUnavailable,
    TooLate,
)
from daebus.gates.gates import Gates
from daebus.transport.bus import Bus, RedisBus, boards, chosen_bus
from daebus.transport.commands import Delivery
from daebus.transport.fork import begins_anew, mind_the_end
from daebus.transport.publisher import Publisher
from daebus.wire import checks
from daebus.wire.envelope import RequestId
from daebus.wire.ids import new_request_id
from daebus.wire.limits import resolve_max_message, sized
from daebus.wire.reading import read_reply

from .arguments import checked_id, checked_parent, checked_progress, checked_service, checked_timeout
from .call import Call, streamed
from .connections import Connections
from .gate import gates_of, leaving_one_way, pass_gate
from .lanes import Lanes
from .retry import Attempts, Retry, ask, checked_retry
from .writing import one_way_of, request_of

log = logging.getLogger("daebus")

DEFAULT_TIMEOUT = 5.0
"""Seconds that a call waits where nothing else is said."""


class Requester(Connections):
    """Asks services on one Redis. Connects on first use, again after a loss, and again after `close`.

    `url` is where (default: the running service's Redis, else the environment); `name` is who asks, as the
    other side sees it in `request.service` (default: the running service's name, else the program's).
    `sharded` says that messages go over sharded Pub/Sub; see `Daebus.start`.
    `max_message` is how many bytes a message may have (default: DAEBUS_MAX_MESSAGE of the environment, else 16 MiB);
    `retry` when a call that is `idempotent` is made again (default: never).
    Every method may be called from any number of threads.
    """

    def __init__(
        self,
        url: str | None = None,
        name: str | None = None,
        *,
        timeout: float | None = None,
        bus: Bus | None = None,
        sharded: bool = False,
        max_message: int | None = None,
        retry: Retry | None = None,
    ) -> None:
        if url is not None:
            # Its text is not shown: it may hold a password.
            if not isinstance(url, str):
                raise ConfigurationError(f"url must be a str, not {type(url).__name__}")
            RedisBus(url)
        if sharded:
            # That it can be, where it is not the running service that says.
            chosen_bus(url, sharded=True)
        if bus is not None and not hasattr(bus, "publisher"):
            raise ConfigurationError(f"bus must be a bus, not {checks.shown(bus)}")
        self._url = url
        self._sharded = sharded
        self._given_bus = bus
        self._name = checks.optional_name(name, "name")
        self.timeout = checked_timeout(DEFAULT_TIMEOUT if timeout is None else timeout)
        """Seconds that a call may take where it does not say."""
        self._service: object = object()
        """The last one that was asked, and has been checked: mostly it is the same again."""
        self._retry = checked_retry(retry)
        self.max_message = resolve_max_message(max_message)
        """Bytes of a message, at most: a larger one raises PayloadError."""
        self._lanes = None if url is not None or bus is not None else Lanes(self._make_lane, sharded=sharded)
        self._begin()
        begins_anew(self)
        if bus is None:
            boards(self)

    def _make_lane(self, bus: Bus) -> Requester:
        lane = Requester(name=self._name, timeout=self.timeout, bus=bus, max_message=self.max_message)
        lane.reply_channel = self.reply_channel
        return lane

    def _here(self) -> Requester:
        """What asks: where nobody has said where, at the bus that is meant here."""
        return self if self._lanes is None else self._lanes.here()

    def call(
        self,
        service: str,
        action: str,
        payload: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Any], Any] | None = None,
        request_id: str | None = None,
        parent_id: str | None = None,
        idempotent: bool = False,
    ) -> Any:
        """Ask and wait for the final payload; partial ones go to `on_progress` on this thread.

        `timeout` (seconds) bounds all of it; 0 or less is a RequestTimeout at once, with nothing sent. What is
        `idempotent` may be handled twice without harm, and is asked again as the `retry` of this requester says.
        Raises RequestFailed, RequestTimeout, ServiceUnavailable, RedisUnavailable (ConnectionLost), PayloadError.
        """
        checked_progress(on_progress)
        if self._retry is None or not idempotent:
            return self._call(service, action, payload, timeout, request_id, None, parent_id, on_progress)
        timeout = self.timeout if timeout is None else checked_timeout(timeout)
        attempts = Attempts(self._retry, timeout, checked_id(request_id), time.monotonic())
        told = None if on_progress is None else attempts.told(on_progress)
        return ask(attempts, lambda attempt: self._call(service, action, payload, *attempt, parent_id, told))

    def _call(
        self,
        service: str,
        action: str,
        payload: dict[str, Any] | None,
        timeout: float | None,
        request_id: str | None,
        retry_of: str | None,
        parent_id: str | None,
        on_progress: Callable[[Any], Any] | None,
    ) -> Any:
        """Ask once."""
        here = self._here()
        call, data = here._prepare(service, action, payload, timeout, request_id, parent_id, retry_of)
        here._ask(call, data)
        try:
            return call.result(on_progress)
        except BaseException:
            call.cancel()
            raise

    def stream(
        self,
        service: str,
        action: str,
        payload: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        parent_id: str | None = None,
    ) -> Iterator[Any]:
        """Ask at once, and return an iterator of the partial payloads and then the final one. Errors as for `call`."""
        call = self.start(service, action, payload, timeout=timeout, request_id=request_id, parent_id=parent_id)
        return streamed(call)

    def start(
        self,
        service: str,
        action: str,
        payload: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
        request_id: str | None = None,
        parent_id: RequestId = None,
    ) -> Call:
        """Ask, and return a handle on the answers without waiting for them.

        Returns once Redis has the request and somebody subscribes to the service; raises ServiceUnavailable where
        nobody does, RequestTimeout, RedisUnavailable (ConnectionLost), PayloadError. `timeout` is in seconds, from now
        until the final answer.
        """
        here = self._here()
        if here is not self:
            return here.start(service, action, payload, timeout=timeout, request_id=request_id, parent_id=parent_id)
        call, data = self._prepare(service, action, payload, timeout, request_id, parent_id)
        self._ask(call, data)
        try:
            # An answer may come first.
            self._await_told(call, call.is_published)
            call.check()
        except BaseException:
            call.cancel()
            raise
        return call

    def _prepare(
        self,
        service: str,
        action: str,
        payload: dict[str, Any] | None,
        timeout: float | None,
        request_id: str | None,
        parent_id: RequestId,
        retry_of: str | None = None,
    ) -> tuple[Call, bytes]:
        """A call that has not been made, and its request."""
        mind_the_end()
        timeout = self.timeout if timeout is None else checked_timeout(timeout)
        if service is not self._service:
            self._service = checked_service(service)
        request_id = new_request_id() if request_id is None else checked_id(request_id)
        call = Call(self, service, action, request_id, timeout)
        if self._publisher is None:
            telemetry.look()
        data = request_of(
            call,
            payload,
            reply_to=self.reply_channel,
            name=self._name,
            origin=context.origin() if parent_id is None else (checked_parent(parent_id), None),
            retry_of=retry_of,
            max_message=self.max_message,
        )
        return call, data

    def _ask(self, call: Call, data: bytes) -> None:
        """Have the request published, by a call that from now on waits."""
        gates = None if call.noted is None else gates_of(call)
        several = [data]
        if gates is not None:
            several = self._past(gates, call, data)
            if call.ready():
                return
        try:
            self._begin_use(call)
            publisher = self._register(call)
            try:
                if several:
                    call.command = publisher.submit(call.service, several[0], partial(self._told, call), call.deadline)
                for copy in several[1:]:
                    publisher.post(call.service, copy, call.deadline, failed=lambda _error: None)
            finally:
                if publisher is not self._publisher:
                    # Closed meanwhile, it may have connected again.
                    publisher.close()
        except BaseException as error:
            over = call.timed_out(sent=isinstance(error, ConnectionLost)) if _is_over(call, error) else None
            call.over(over or error)
            call.cancel()
            if over is not None:
                raise over from error
            raise
        finally:
            self._end_use(call)

    def _past(self, gates: Gates, call: Call, data: bytes) -> list[bytes]:
        """What of its request is to be sent; where it has its answer already, nothing is."""
        try:
            return pass_gate(gates, call, data)
        except BaseException as error:
            call.over(error)
            raise

    def _told(self, call: Call, outcome: Delivery | RedisUnavailable) -> None:
        """What became of the request of a call. Runs on whichever thread learns of it."""
        if isinstance(outcome, Delivery):
            call.subscribers, call.sent_at = outcome.subscribers, outcome.sent_at
            if outcome.subscribers != 0:
                return
            error: DaebusError = self._unserved(call.service)
        elif isinstance(outcome, ConnectionLost):
            error = ConnectionLost(f"{outcome}; the request may have been handled")
            if self._replies is not None:
                # One Redis, and nobody may be reading.
                self._replies.doubt()
        elif _is_over(call, outcome):
            error = call.timed_out(sent=False)
        else:
            error = outcome
        if self._pending.remove(call):
            call.give(error)

    def _unserved(self, service: str) -> ServiceUnavailable:
        return ServiceUnavailable(f"nobody serves {service!r}: its channel has no subscriber at {self._where()}")

    def send(self, service: str, action: str, payload: dict[str, Any] | None = None) -> int:
        """Send a one-way message to an action; returns how many received it. Nobody answers, nobody waits.

        A debugger of the service that sends it may hold it here; what it drops is received by none. Raises
        PayloadError, RedisUnavailable (ConnectionLost).
        """
        here = self._here()
        if here is not self:
            return here.send(service, action, payload)
        checked_service(service)
        if self._publisher is None:
            telemetry.look()
        with telemetry.sending(service, action) as span:
            message_id = new_request_id()
            data = sized(one_way_of(action, payload, self._name, message_id, span.fields), self.max_message)
            found = leaving_one_way(self._name, service, action, message_id)
            several = [data] if found is None else pass_gate(*found, data)
            received = [self.publish(service, each) for each in several]
            return received[0] if received else 0

    def publish(self, channel: str, data: bytes) -> int:
        """Publish bytes as they are; returns how many received them. Raises as `send` does."""
        here = self._here()
        if here is not self:
            return here.publish(channel, data)
        mind_the_end()
        checks.name(channel, "the channel", PayloadError)
        if not isinstance(data, bytes | bytearray | memoryview):
            raise PayloadError(f"data must be bytes, not {type(data).__name__}")
        sized(data, self.max_message)
        use = object()
        try:
            self._begin_use(use)
            publisher = self._open()[0]
            try:
                return publisher.publish(channel, data)
            finally:
                if publisher is not self._publisher:
                    # Closed meanwhile, it may have connected again.
                    publisher.close()
        finally:
            self._end_use(use)

    def _register(self, call: Call) -> Publisher:
        """Make sure that answers are heard, and note the call as waiting for one."""
        while True:
            publisher, replies = self._open()
            replies.ensure(call.deadline)
            listener = replies.listener
            heard = listener.connections
            self._pending.add(call)
            # A loss between the two was told to nobody who waits; ask again rather than wait in vain.
            if listener.connected and listener.connections == heard:
                return publisher
            self.forget(call)

    def _take(self, data: bytes) -> None:
        reply = read_reply(data)
        if reply is None or not self._pending.give(reply):
            what = "something that is no reply" if reply is None else "a reply that nobody waits for (any more)"
            log.debug("%s came in on %s; ignored", what, self.reply_channel)

    def _lost(self, error: DaebusError) -> None:
        publisher = self._publisher
        if publisher is not None:
            publisher.renew()
        self._pending.fail(ConnectionLost(f"{error}; the request may have been handled"))


def _is_over(call: Call, error: BaseException) -> bool:
    """Whether what failed is that the time of the call was over. A refusal stays one, however late it came."""
    unavailable = isinstance(error, RedisUnavailable) and not isinstance(error, RedisRefused)
    return isinstance(error, TooLate) or (unavailable and time.monotonic() >= call.deadline)
