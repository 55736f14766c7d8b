"""Asking any service and matching the answers: one reply channel, one reader thread, any number of waiting threads.

Rules of this file: `_lock` guards which connections there are and how many use them; the reader thread only looks
calls up and hands replies over.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from . import checks, context
from .bus import Bus, PublisherLike, RedisBus, SubscriptionLike
from .call import Call
from .envelope import RequestId, read_reply, write_one_way, write_request
from .errors import (
    ConfigurationError,
    ConnectionLost,
    DaebusError,
    PayloadError,
    RedisRefused,
    RedisUnavailable,
    RequestTimeout,
    ServiceUnavailable,
    TooLate,
)
from .ids import new_request_id
from .limits import resolve_max_message, sized
from .pending import PendingCalls
from .publisher import Delivery
from .threads import era
from .turns import Visitor
from .url import resolve_url

log = logging.getLogger("daebus")

T = TypeVar("T")

DEFAULT_TIMEOUT = 5.0
"""Seconds that a call waits where nothing else is said."""


class Requester:
    """Asks services on one Redis. Connects on first use, again after a loss, and again after `close`.

    `url` is where (default: the running service's Redis, else the environment); `name` is who asks, as the
    other side sees it in `request.service` (default: the running service's name, else the program's).
    `max_message` is how many bytes a message may have (default: DAEBUS_MAX_MESSAGE of the environment, else 16 MiB).
    Every method may be called from any number of threads.
    """

    def __init__(
        self,
        url: str | None = None,
        name: str | None = None,
        *,
        timeout: float | None = None,
        bus: Bus | None = None,
        max_message: int | None = None,
    ) -> None:
        if url is not None:
            # Its text is not shown: it may hold a password.
            if not isinstance(url, str):
                raise ConfigurationError(f"url must be a str, not {type(url).__name__}")
            RedisBus(url)
        if bus is not None and not hasattr(bus, "publisher"):
            raise ConfigurationError(f"bus must be a bus, not {checks.shown(bus)}")
        self._url = url
        self._given_bus = bus
        self._name = checks.optional_name(name, "name")
        self.timeout = _checked(DEFAULT_TIMEOUT if timeout is None else timeout)
        """Seconds that a call may take where it does not say."""
        self.max_message = resolve_max_message(max_message)
        """Bytes of a message, at most: a larger one raises PayloadError."""
        self._begin_anew()

    def _begin_anew(self) -> None:
        """With nothing connected, and nobody waiting."""
        self._era = era()
        self.reply_channel = f"caller:{uuid.uuid4().hex}"
        """The channel on which answers come in."""
        self._lock = threading.Lock()
        self._pending = PendingCalls()
        self._sending = 0
        self._close_when_idle = False
        self._bus: Bus | None = None
        self._publisher: PublisherLike | None = None
        self._subscription: SubscriptionLike | None = None

    def _heed_era(self) -> None:
        """Where the threads are gone that there were (see `era`), nobody reads, and locks may be held for ever."""
        if self._era != era():
            self._begin_anew()

    def __enter__(self) -> Requester:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def pending(self) -> int:
        """How many calls wait for an answer."""
        return len(self._pending)

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
    ) -> Any:
        """Ask and wait for the final payload; partial ones go to `on_progress` on this thread.

        `timeout` (seconds) bounds all of it; 0 or less is a RequestTimeout at once, with nothing sent.
        Raises RequestFailed, RequestTimeout, ServiceUnavailable, RedisUnavailable (ConnectionLost), PayloadError.
        """
        _checked_progress(on_progress)
        call, data = self._prepare(service, action, payload, timeout, request_id, parent_id)
        told = partial(self._told, call)
        call.submitted = self._ask(call, lambda publisher: publisher.submit(service, data, told, call.deadline))
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
        return _stream(call)

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

        Returns once Redis has the request and somebody subscribes to the service; raises ServiceUnavailable
        where nobody does.
        """
        call, data = self._prepare(service, action, payload, timeout, request_id, parent_id)
        delivery = self._ask(call, lambda publisher: publisher.deliver(service, data, call.deadline))
        self._told(call, delivery)
        if delivery.subscribers == 0:
            raise self._unserved(service)
        return call

    def _prepare(
        self,
        service: str,
        action: str,
        payload: dict[str, Any] | None,
        timeout: float | None,
        request_id: str | None,
        parent_id: RequestId,
    ) -> tuple[Call, bytes]:
        """A call that has not been made, and its request."""
        self._heed_era()
        timeout = self.timeout if timeout is None else _checked(timeout)
        call = Call(self, _checked_service(service), action, _checked_id(request_id), timeout)
        data = write_request(
            action,
            {} if payload is None else payload,
            reply_to=self.reply_channel,
            request_id=call.request_id,
            service=context.asking_name(self._name),
            parent_id=context.parent_request_id() if parent_id is None else _checked_parent(parent_id),
            sent_at=time.time(),
            timeout=timeout,
        )
        sized(data, self.max_message)
        if timeout <= 0:
            raise RequestTimeout(f"no time was left to ask {service!r} for {action!r}; nothing was sent")
        return call, data

    def _ask(self, call: Call, publish: Callable[[PublisherLike], T]) -> T:
        """Have the request published, by a call that from now on waits."""
        self._begin_use()
        try:
            publisher = self._register(call)
            try:
                return publish(publisher)
            finally:
                if publisher is not self._publisher:
                    # Closed meanwhile, it may have connected again.
                    publisher.close()
        except BaseException as error:
            call.cancel()
            if _is_over(call, error):
                raise call.timed_out(sent=isinstance(error, ConnectionLost)) from error
            raise
        finally:
            self._end_use()

    def _told(self, call: Call, outcome: Delivery | RedisUnavailable) -> None:
        """What became of the request of a call. Runs on whichever thread learns of it."""
        if isinstance(outcome, Delivery):
            call.subscribers, call.sent_at = outcome.subscribers, outcome.sent_at
            if outcome.subscribers != 0:
                return
            error: DaebusError = self._unserved(call.service)
        elif isinstance(outcome, ConnectionLost):
            error = ConnectionLost(f"{outcome}; the request may have been handled")
        elif _is_over(call, outcome):
            error = call.timed_out(sent=False)
        else:
            error = outcome
        if self._pending.remove(call):
            call.give(error)

    def _unserved(self, service: str) -> ServiceUnavailable:
        return ServiceUnavailable(f"nobody serves {service!r}: its channel has no subscriber at {self._where()}")

    def send(self, service: str, action: str, payload: dict[str, Any] | None = None) -> int:
        """Send a one-way message to an action; returns how many received it. Nobody answers, nobody waits."""
        data = write_one_way(
            action,
            {} if payload is None else payload,
            service=context.asking_name(self._name),
            parent_id=context.parent_request_id(),
            sent_at=time.time(),
        )
        return self.publish(_checked_service(service), data)

    def publish(self, channel: str, data: bytes) -> int:
        """Publish bytes as they are; returns how many received them."""
        self._heed_era()
        checks.name(channel, "the channel", PayloadError)
        if not isinstance(data, bytes | bytearray | memoryview):
            raise PayloadError(f"data must be bytes, not {type(data).__name__}")
        sized(data, self.max_message)
        self._begin_use()
        try:
            return self._open()[0].publish(channel, data)
        finally:
            self._end_use()

    def close(self, *, now: bool = True) -> None:
        """Close the connections; the next call connects again.

        Calls that wait in other threads fail with ConnectionLost; with `now=False` they get their answers, and
        the last of them closes.
        """
        self._heed_era()
        with self._lock:
            self._close_when_idle = True
        if now:
            self._pending.fail(ConnectionLost("the caller was closed while waiting for the answer"))
        else:
            self._pending.sweep()
        self._close_if_idle(force=now)

    def _close_if_idle(self, force: bool = False) -> None:
        with self._lock:
            if not force and (not self._close_when_idle or self._pending or self._sending):
                return
            self._close_when_idle = False
            publisher, subscription = self._publisher, self._subscription
            self._publisher = self._subscription = self._bus = None
        if subscription is not None:
            subscription.close()
        if publisher is not None:
            publisher.close()

    def _begin_use(self) -> None:
        """Something is being sent: a `close` of another thread waits for the end of it."""
        with self._lock:
            self._sending += 1
            self._close_when_idle = False

    def _end_use(self) -> None:
        with self._lock:
            self._sending -= 1
        if self._close_when_idle:
            self._close_if_idle()

    def _open(self) -> tuple[PublisherLike, SubscriptionLike]:
        with self._lock:
            if self._publisher is None or self._subscription is None:
                self._bus = self._choose_bus()
                name = context.asking_name(self._name)
                self._publisher = self._bus.publisher(name)
                self._subscription = self._bus.subscription(
                    name,
                    [self.reply_channel],
                    self._take,
                    on_lost=self._lost,
                    level=logging.DEBUG,
                    beside=self._publisher,
                )
            return self._publisher, self._subscription

    def _choose_bus(self) -> Bus:
        if self._given_bus is not None:
            return self._given_bus
        if self._url is not None:
            return RedisBus(self._url)
        runtime = context.current_runtime()
        return runtime.bus if runtime is not None else RedisBus(resolve_url())

    def _where(self) -> str:
        return str(self._bus) if self._bus is not None else "Redis"

    def _register(self, call: Call) -> PublisherLike:
        """Make sure that answers are heard, and note the call as waiting for one."""
        while True:
            publisher, subscription = self._open()
            subscription.ensure(call.deadline)
            heard = subscription.connections
            self._pending.add(call)
            # A loss between the two was told to nobody who waits; ask again rather than wait in vain.
            if subscription.connected and subscription.connections == heard:
                return publisher
            self.forget(call)

    def attend(self, call: Call) -> None:
        """Wait until the call has a reply, or for its deadline; or return for no reason."""
        subscription = self._subscription
        if subscription is None:
            call.visitor.sleep(call.deadline - time.monotonic())
        else:
            subscription.attend(call.visitor, call.ready, call.deadline)

    def forget(self, call: Call) -> None:
        """Used by a call that is not waited for any more."""
        self._pending.remove(call)
        self.call_ended()

    def withdraw(self, call: Call) -> bool:
        """Used by a call whose time is over."""
        publisher = self._publisher
        return publisher is not None and publisher.withdraw(call.submitted)

    def interrupt(self) -> None:
        """Used by a call that another thread has cancelled."""
        subscription = self._subscription
        if subscription is not None:
            subscription.interrupt()

    def call_ended(self) -> None:
        """A call has come to its end, on the thread that made it."""
        if self._close_when_idle:
            self._close_if_idle()

    def _take(self, _channel: str, data: bytes, _turn: int) -> None:
        reply = read_reply(data)
        if reply is None:
            log.debug("something that is no reply came in on %s; ignored", self.reply_channel)
            return
        call = self._pending.answered(reply)
        if call is None:
            log.debug("a reply that nobody waits for (any more) came in on %s; ignored", self.reply_channel)
        else:
            subscription = self._subscription
            # After the final reply most threads come to ask again, and wake the next.
            call.give(reply, subscription.wake_in_turn if reply.final and subscription is not None else Visitor.wake)

    def _lost(self, error: DaebusError) -> None:
        publisher = self._publisher
        if publisher is not None:
            publisher.renew()
        self._pending.fail(ConnectionLost(f"{error}; the request may have been handled"))


def _stream(call: Call) -> Iterator[Any]:
    try:
        yield from call
    finally:
        call.cancel()


def _is_over(call: Call, error: BaseException) -> bool:
    """Whether what failed is that the time of the call was over. A refusal stays one, however late it came."""
    unavailable = isinstance(error, RedisUnavailable) and not isinstance(error, RedisRefused)
    return isinstance(error, TooLate) or (unavailable and time.monotonic() >= call.deadline)


def _checked(timeout: float) -> float:
    return checks.seconds(timeout, "timeout")


def _checked_service(service: str) -> str:
    return checks.name(service, "the name of the service", PayloadError)


def _checked_id(request_id: str | None) -> str:
    """The id of a new request."""
    return new_request_id() if request_id is None else checks.name(request_id, "request_id")


def _checked_progress(on_progress: Callable[[Any], Any] | None) -> None:
    if on_progress is not None:
        checks.function(on_progress, "on_progress")


def _checked_parent(parent_id: RequestId) -> RequestId:
    if parent_id is None or isinstance(parent_id, bool | int):
        return parent_id
    return (
        checks.number(parent_id, "parent_id") if isinstance(parent_id, float) else checks.name(parent_id, "parent_id")
    )
