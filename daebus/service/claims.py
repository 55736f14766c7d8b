"""Sharing the work among the instances of a service: which of them handles a request, and which answers for all.

Every instance gets every request. The one that has a worker free first claims it, with a key in Redis that only one can
set and that expires by itself; in a cluster all those of a service are in one slot. An instance that cannot take a
request (its queue is full, it is stopping, it does not know the action) refuses nothing as long as another may take it:
it passes, and the last of them to pass answers for all. Knows nothing of handlers and queues.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Sequence
from functools import partial
from types import NoneType
from typing import Any

from daebus.errors import ConnectionLost, PermissionDenied, RedisRefused, RedisUnavailable
from daebus.logs import note
from daebus.transport.address import refusal
from daebus.transport.commands import Kinds
from daebus.transport.heart import Heart
from daebus.transport.keyed import Keys
from daebus.transport.listener import Listener
from daebus.transport.publisher import Publisher
from daebus.transport.reconnecting import HEARTBEAT_AFTER
from daebus.wire.envelope import Request, Unreadable
from daebus.wire.resp import ErrorReply, pack

from .control.channel import control_channel
from .refusals import Refusals
from .together import Together

log = logging.getLogger("daebus")

DEFAULT_LIFETIME = 60.0
"""Seconds for which a request that names no `timeout` may wait for a worker, where instances share the work."""
LONGEST_LIFETIME = 86400.0
_MARGIN = 3 * HEARTBEAT_AFTER
"""Seconds by which a claim outlives the time of its request: a network may hold back what is for another instance, for
twice HEARTBEAT_AFTER before that gives the connection up."""
_SHORT = 1.0
"""Seconds by which a request may reach one instance later than another that runs as well."""
_SET, _NUMBERS = (bytes, NoneType), (int,)
"""Of what types the replies are to SET with NX, and to GET; and to what counts."""
_DIGEST = 16
"""Bytes of a digest; a key has twice as many digits."""
_NEEDS = "shared=True needs SET, GET, INCR and PEXPIRE on the keys daebus:claim:* and daebus:pass:*"
CLAIMING = "claiming requests"
_CLAIMING_ONE = "claiming a request"
_PASSING = "passing on requests that another instance may take"
_UNCLAIMED = "each request is answered with an error (redis_refused), and messages that nobody waits for are dropped"
_LEFT_ALONE = "requests that no other instance claims are left alone, and whoever asked waits in vain"
_UNCERTAIN = (
    "%s: requests that came before the connection to Redis was lost, and wait for a worker, are left alone, "
    "since another instance may have handled them"
)
_STOOD_STILL = (
    "%s: it stood still for %.0f s; requests that came meanwhile, and whose time is over, are left alone, "
    "since another instance may have handled them"
)
_UNPASSED = "each instance that cannot take a request refuses it, though another may take it"


class Claims:
    """The claims of one instance of a service.

    A request is known by a digest of its bytes. One that has neither a `request_id` nor `sent_at` cannot be told
    from a second one like it, so every instance handles it, as if nothing were shared. `own` is a channel that this
    instance alone listens to, on the connection on which it hears the service's.
    """

    def __init__(
        self,
        publisher: Publisher,
        service: str,
        instance: str,
        refusals: Refusals | None = None,
        own: str | None = None,
    ) -> None:
        self._refusals = refusals or Refusals(service)
        self._service = service.encode()
        self._control = control_channel(service).encode()
        # What stands in braces says which slot of a cluster a key is in; a brace of the name must not end that.
        self._tag = self._service.replace(b"%", b"%25").replace(b"}", b"%7D")
        self._instance = instance.encode()
        start = self._key(b"")
        self._keys = Keys(publisher, start)
        # All but the digest and the lifetime of a claim.
        self._before = b"*6\r\n$3\r\nSET\r\n$%d\r\n%b" % (len(start) + 2 * _DIGEST, start)
        self._after = b"\r\n$%d\r\n%b\r\n$2\r\nNX\r\n$2\r\nPX\r\n" % (len(self._instance), self._instance)
        self._channels = [self._service, self._control] if own is None else [self._service, self._control, own.encode()]
        self._leaving = False
        self._listener: Listener | None = None
        self._told_of = self._still_since = -math.inf

    def check(self) -> None:
        """Raise PermissionDenied where Redis does not let us claim. That it cannot just now is logged."""
        try:
            self._set(_digest(b"check of " + self._instance), 1.0)
        except PermissionDenied:
            raise
        except RedisRefused as error:
            self._refusals.met(CLAIMING, error, _UNCLAIMED)

    def lifetime(self, request: Request) -> float:
        """Seconds after its arrival in which a request may be claimed. Its claim outlives that."""
        return DEFAULT_LIFETIME if request.timeout is None else min(max(0.0, request.timeout), LONGEST_LIFETIME)

    def take(self, message: Request | Unreadable, data: bytes, at: float = math.inf) -> bool:
        """Claim a message that came `at` that time (of `time.monotonic()`); False where another instance has it.

        One round trip. Raises RedisUnavailable: RedisRefused where Redis takes no claims just now, which is logged.
        Where it is a ConnectionLost, nobody knows whether the claim was made, here or by another instance.
        """
        if not _is_unique(message):
            return True
        self._check(at)
        lifetime = self._lifetime(message)
        since = self._here_since(at)
        if since is not None and self._may_have_expired(since, lifetime):
            if self._still_since != since:
                self._still_since = since
                note(log, logging.WARNING, _STOOD_STILL, self._service.decode(), at - since)
            raise ConnectionLost("it may have come long before it was read, and another's claim have expired")
        made = self._claim(data, lifetime)
        if made:
            # It may have connected anew for that.
            self._check(at)
        return made

    def _check(self, at: float) -> None:
        """Raise ConnectionLost where another instance may have claimed what came then, and Redis not know of it.

        It may have been started anew since, or another one be in its place. It is the same as long as there is the
        connection by which a message came, or, in a cluster, that to the node which has the claims.
        """
        if self._keys.in_cluster:
            lost_at = self._keys.lost_at
        else:
            lost_at = -math.inf if self._listener is None else self._listener.lost_at
        if at >= lost_at:
            return
        if self._told_of != lost_at:
            self._told_of = lost_at
            note(log, logging.WARNING, _UNCERTAIN, self._service.decode())
        raise ConnectionLost("the connection to Redis was lost after it had come, and with it may be another's claim")

    def _here_since(self, at: float) -> float | None:
        """Since when what was read then may have been here, where this instance stood still before it read on."""
        since = at if self._listener is None else self._listener.here_since(at)
        return since if since < at else None

    def _may_have_expired(self, since: float, lifetime: float) -> bool:
        """Whether the claim may be no more that another instance made of what came then."""
        return time.monotonic() - since > lifetime + _MARGIN - _SHORT

    def together(self) -> Together | None:
        """For claims that go out together; None in a cluster, where a slot may move."""
        if self._keys.in_cluster:
            return None
        return Together(partial(self._keys.ask_each, kinds=_SET), self._judged, self._check)

    def command(self, request: Request, data: bytes) -> bytes | None:
        """What claims a request that is being read; None where that takes looking at it alone."""
        if not _is_unique(request) or self._here_since(time.monotonic()) is not None:
            return None
        return self._setting(_digest(data), self._lifetime(request))

    def prolong(self, request: Request, data: bytes, seconds: float) -> None:
        """Have the claim of a request that is held outlive its time by so many seconds. Raises nothing."""
        if _is_unique(request):
            lifetime = _milliseconds(self.lifetime(request) + seconds)
            try:
                self._ask([pack(b"PEXPIRE", self._key(_digest(data)), lifetime)], "prolonging a claim", _NUMBERS)
            except RedisUnavailable:
                # What other instances have of it in their queues is then taken for expired.
                pass

    def is_taken(self, data: bytes) -> bool:
        """Whether another instance has a message that we could not claim, as far as Redis tells."""
        try:
            holder = self._ask([pack(b"GET", self._key(_digest(data)))], "looking at a claim", _SET)[0]
        except RedisUnavailable:
            return False
        return holder is not None and holder != self._instance

    def leave(self) -> None:
        """This instance is about to listen no more."""
        self._leaving = True

    def attend(self, listener: Listener, heart: Heart | None) -> None:
        """What is claimed is heard by that listener; see with its heartbeats that a connection of one's own lives."""
        self._listener = listener
        listener.heed_standstill()
        if heart is not None:
            heart.beside = self._keys.beat

    def close(self) -> None:
        """Close the connection of its own, where it has one."""
        self._keys.close()

    def dropped(self) -> None:
        """A message that could not be claimed came to nothing, and nobody waits for it."""
        self._refusals.dropped(CLAIMING)

    def is_left_to_us(self, message: Request | Unreadable, data: bytes) -> bool:
        """Pass on a message that we cannot take; True where every other instance has passed, so that we answer."""
        if not _is_unique(message):
            return True
        lifetime = self._lifetime(message)
        try:
            if self._pass(_digest(data), lifetime) < self._instances():
                return False
            self._refusals.over(_PASSING)
        except RedisRefused as error:
            # Rights to claim without those to count: better one refusal too many than no answer.
            self._refusals.met(_PASSING, error, _UNPASSED)
        except RedisUnavailable:
            pass
        return self._claim(data, lifetime)

    def _lifetime(self, message: Request | Unreadable) -> float:
        return self.lifetime(message) if isinstance(message, Request) else DEFAULT_LIFETIME

    def _claim(self, data: bytes, lifetime: float) -> bool:
        try:
            made = self._set(_digest(data), lifetime)
        except RedisRefused as error:
            self._refusals.met(CLAIMING, error, _UNCLAIMED)
            raise
        except RedisUnavailable as error:
            # Of one server that it is away is said already; here it is one of several, and all else goes on.
            if self._keys.are_away and not isinstance(error, ConnectionLost):
                self._refusals.met(CLAIMING, error, _LEFT_ALONE)
            raise
        self._refusals.over(CLAIMING)
        return made

    def _key(self, digest: bytes) -> bytes:
        return b"daebus:claim:{%b}:%b" % (self._tag, digest)

    def _judged(self, reply: Any) -> bool:
        """Whether the claim was made that Redis answered so."""
        if isinstance(reply, ErrorReply):
            error = _told(refusal(reply, str(self._keys.publisher.address), _CLAIMING_ONE))
            self._refusals.met(CLAIMING, error, _UNCLAIMED)
            raise error
        self._refusals.over(CLAIMING)
        return bool(reply)

    def _set(self, digest: bytes, lifetime: float) -> bool:
        return bool(self._ask([self._setting(digest, lifetime)], _CLAIMING_ONE, _SET)[0])

    def _setting(self, digest: bytes, lifetime: float) -> bytes:
        """SET of the key, if there is none, for its lifetime; as `pack` packs it, with less to do for each."""
        limit = _milliseconds(lifetime)
        return b"%b%b%b$%d\r\n%b\r\n" % (self._before, digest, self._after, len(limit), limit)

    def _pass(self, digest: bytes, lifetime: float) -> int:
        key = b"daebus:pass:{%b}:%b" % (self._tag, digest)
        commands = [pack(b"INCR", key), pack(b"PEXPIRE", key, _milliseconds(lifetime))]
        return int(self._ask(commands, "passing on a request", _NUMBERS)[0])

    def _ask(self, commands: Sequence[bytes], doing: str, kinds: Kinds) -> list[Any]:
        try:
            return self._keys.ask(commands, doing, kinds)
        except PermissionDenied as error:
            raise _told(error) from None

    def _instances(self) -> int:
        """How many instances there are, with this one. A tap on one of the two channels is not taken for one."""
        counted = self._keys.count(self._channels, "counting the instances of a service")
        subscribed = min((count for count in counted[:2] if count), default=0)
        # One that listens no more has what came before that: others may have it, too, and have not passed yet. Where it
        # is about to stop listening, only the server knows if it counts as one still.
        gone = self._leaving and not any(counted[2:])
        return subscribed + 1 if gone else max(subscribed, 1)


def _told(error: RedisRefused) -> RedisRefused:
    """The error, with what a user needs who may claim."""
    return PermissionDenied(f"{error} ({_NEEDS})", error.code) if isinstance(error, PermissionDenied) else error


def _is_unique(message: Request | Unreadable) -> bool:
    return message.request_id is not None or (isinstance(message, Request) and message.sent_at is not None)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_DIGEST).hexdigest().encode()


def _milliseconds(lifetime: float) -> bytes:
    return b"%d" % int((lifetime + _MARGIN) * 1000)
