"""Sends what the user says, once, and marks it as the console's own where the tap will see it.

Publishing goes through the framework, whose rules hold here as well: nothing is ever sent again by itself, and whether
somebody serves a channel is asked of NUMSUB, since the tap itself counts among PUBLISH's receivers.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from daebus import Call, RawJson, Requester
from daebus.client.requester import DEFAULT_TIMEOUT
from daebus.errors import (
    ConnectionLost,
    DaebusError,
    PayloadError,
    PermissionDenied,
    RedisUnavailable,
    RequestCancelled,
    RequestFailed,
)
from daebus.transport.bus import redis_at
from daebus.transport.commands import Delivery as Published
from daebus.transport.places.clients import count_subscribers
from daebus.wire.envelope import Reply
from daebus.wire.ids import new_request_id
from daebus.wire.writing import encode_object, write_one_way
from daebus_console import naming
from daebus_console.engine import jsontext
from daebus_console.engine.live import glob
from daebus_console.engine.message.control import NAME, control_request
from daebus_console.engine.message.envelope import CONTROL_PREFIX
from daebus_console.engine.session import Session

_ASK_WITHIN = 3.0
PASSIVE = "this console is passive: it was started with --passive and publishes nothing, not even questions"


class ReadOnly(DaebusError):
    """The console was started with --read-only or --passive; nothing was sent."""


class Cancelled(DaebusError):
    """The user stopped waiting. The service was not told and may still answer."""


def given_up(service: str, action: str) -> Cancelled:
    """What is to be said where nobody waits any more for an answer to what was asked, or was just being asked."""
    told = f"stopped waiting for {naming.quoted(service)}; it was not told"
    return Cancelled(f"{told}, and {action!r} may still be handled")


@dataclass(frozen=True)
class Delivery:
    """What became of a message without an answer.

    `receivers` is what PUBLISH returned (taps on patterns count); `subscribers` what NUMSUB said, None where Redis does
    not let us ask.
    """

    channel: str
    receivers: int
    subscribers: int | None


class Inquiry:
    """A request that is under way. One thread reads its answers; any thread may cancel it."""

    def __init__(self, call: Call, begun: float) -> None:
        self._call = call
        # Connecting is no part of it.
        self._begun = begun if call.sent_at is None else call.sent_at
        self.service, self.action, self.request_id = call.service, call.action, call.request_id
        self.latency: float | None = None
        """Seconds from writing the request to the final answer; None before that."""

    def replies(self) -> Iterator[Reply]:
        """Each answer as it comes, the final one last; an error is an answer too.

        Raises RequestTimeout, ConnectionLost, or Cancelled.
        """
        try:
            for reply in self._call.replies():
                if reply.final:
                    self.latency = time.monotonic() - self._begun
                yield reply
        except RequestCancelled:
            raise self.given_up() from None

    def result(self, on_progress: Callable[[Any], Any] | None = None) -> Any:
        """The payload of the final answer; those before it go to `on_progress`.

        Raises what `replies` raises, and RequestFailed.
        """
        for reply in self.replies():
            if not reply.final:
                if on_progress is not None:
                    on_progress(reply.payload)
            elif reply.ok:
                return reply.payload
            else:
                raise RequestFailed(reply.error or "", reply.code, reply.type, reply.payload)
        raise AssertionError("a call ends with a final reply or an error")

    def given_up(self) -> Cancelled:
        """What is to be said where nobody waits any more."""
        return given_up(self.service, self.action)

    def cancel(self) -> None:
        """Stop waiting: whoever reads the answers gets Cancelled."""
        self._call.cancel()


class Sender:
    """Publishes on the Redis of a session. Connects when it is first used; may be used from any number of threads.

    With `read_only` every method that would publish raises ReadOnly.
    """

    def __init__(self, session: Session, *, read_only: bool = False) -> None:
        self.session = session
        self.read_only = read_only
        self.timeout = DEFAULT_TIMEOUT
        """Seconds that a request may take which does not say."""
        self._publisher = redis_at(session.address.url).publisher(NAME)
        self._requester = self.requester()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def request(
        self,
        service: str,
        action: str,
        payload: Mapping[str, Any],
        *,
        timeout: float | None = None,
        through: Requester | None = None,
    ) -> Inquiry:
        """Ask a service; returns when Redis has taken the request.

        All inquiries share one pair of connections; whoever wants to end many at once gives a Requester of its own
        `through` which they go, and closes that. Raises ServiceUnavailable where nobody subscribes to the service's
        channel, RedisUnavailable, PayloadError, ReadOnly.
        """
        self.check()
        request_id = uuid.uuid4().hex
        with self.session.lock:
            self.session.correlator.expect(request_id)
        requester = through or self._requester
        self._see_answers(service, requester)
        begun = time.monotonic()
        call = requester.start(service, action, _as_told(payload), timeout=timeout, request_id=request_id)
        return Inquiry(call, begun)

    def requester(self) -> Requester:
        """A Requester on the same Redis under the console's name, for `request(through=…)`; the caller closes it."""
        return Requester(self.session.address.url, NAME)

    def send(self, service: str, action: str, payload: Mapping[str, Any]) -> Delivery:
        """Send a one-way message to an action of a service. Raises RedisUnavailable, PayloadError, ReadOnly.

        RedisUnavailable also where it was lost: published at a replica, say, where nobody subscribes.
        """
        self.check()
        if not action:
            raise PayloadError("the action must not be empty")
        return self._publish(service, _one_way(action, _as_told(payload)))

    def control(
        self,
        service: str,
        action: str,
        reply_to: str,
        request_id: str,
        payload: Mapping[str, Any] | None = None,
    ) -> Delivery:
        """Ask the control channel of a service; every instance answers on `reply_to`, which the caller reads.

        Raises RedisUnavailable, ReadOnly.
        """
        self.check()
        with self.session.lock:
            self.session.correlator.expect(request_id)
        channel = CONTROL_PREFIX + service
        found = self._publisher.deliver(channel, control_request(action, reply_to, request_id, payload))
        self._check_arrival(channel, found)
        return Delivery(channel, found.receivers, found.subscribers)

    def ask(self, service: str, action: str, payload: Mapping[str, Any]) -> str:
        """Ask all instances of a service what they tell, which changes nothing: `read_only` allows it.

        Returns the id of the question; the session hears the answers. Raises RedisUnavailable, ReadOnly where the
        session is passive.
        """
        if self.session.settings.passive:
            raise ReadOnly(PASSIVE)
        request_id = uuid.uuid4().hex
        with self.session.lock:
            self.session.correlator.expect(request_id)
        asked = control_request(action, self.session.reply_to, request_id, payload)
        self._publisher.deliver(CONTROL_PREFIX + service, asked)
        return request_id

    def broadcast(self, channel: str, message: Mapping[str, Any]) -> Delivery:
        """Publish an object on a channel as it is. Raises RedisUnavailable, PayloadError, ReadOnly."""
        self.check()
        return self._publish(channel, encode_object(_as_told(message), "broadcast"))

    def publish(self, channel: str, data: bytes) -> Delivery:
        """Publish those bytes on a channel. Raises RedisUnavailable, ReadOnly."""
        self.check()
        return self._publish(channel, data)

    def subscribers(self, channel: str) -> int | None:
        """How many are subscribed to just that channel; None where Redis does not let us ask.

        Raises RedisUnavailable.
        """
        try:
            found = count_subscribers(
                self.session.address, [naming.to_bytes(channel)], "counting subscribers", _ASK_WITHIN
            )
        except PermissionDenied:
            return None
        return found[0]

    def close(self) -> None:
        """Close the connections; requests under way fail."""
        self._requester.close()
        self._publisher.close()

    def check(self) -> None:
        """Raise ReadOnly where nothing may be sent from here."""
        if self.session.settings.passive:
            raise ReadOnly(PASSIVE)
        if self.read_only:
            raise ReadOnly("this console is read-only: it was started with --read-only and sends nothing")

    def _publish(self, channel: str, data: bytes) -> Delivery:
        correlator, lock = self.session.correlator, self.session.lock
        with lock:
            correlator.expect_data(channel, data)
        sharded = self.session.tap.sharded
        if sharded and self._is_shown(channel):
            self.session.see_answers(channel)
        try:
            found = self._publisher.deliver(channel, data)
            receivers = found.receivers
            if sharded and found.subscribers == 0:
                # It was found out before, and nothing was published.
                receivers = self._publisher.publish(channel, data)
        except RedisUnavailable as error:
            if not isinstance(error, ConnectionLost):
                with lock:
                    correlator.give_up(channel, data)
            raise
        self._check_arrival(channel, found)
        return Delivery(channel, receivers, found.subscribers)

    def _check_arrival(self, channel: str, found: Published) -> None:
        """Raise RedisUnavailable where nobody but our own tap got what was published, and others may be elsewhere."""
        session = self.session
        if found.astray and found.receivers <= (session.own_receivers(channel) if session.status.up else 0):
            raise RedisUnavailable(found.astray)

    def _see_answers(self, service: str, requester: Requester) -> None:
        """Have the tap read the reply channel as well, where its patterns show the question but not the answer."""
        if self.session.tap.refused or self._is_shown(service):
            self.session.see_answers(requester.reply_channel)

    def _is_shown(self, channel: str) -> bool:
        return any(glob.matches(pattern, channel) for pattern in self.session.settings.patterns)


def _as_told(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload for the framework to send, as its text where it knows one."""
    if isinstance(payload, jsontext.Object) and payload.text is not None:
        return RawJson(payload.text)
    return dict(payload)


def _one_way(action: str, payload: dict[str, Any]) -> bytes:
    # With an id, by which what services tell of it is joined to it.
    return write_one_way(action, payload, service=NAME, message_id=new_request_id(), sent_at=time.time())
