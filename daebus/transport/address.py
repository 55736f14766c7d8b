"""A Redis to connect to.

redis-py connects and authenticates (TLS, users, unix sockets); reading and writing are our own, so that no
retry, pool or default of a redis-py release decides what happens to a message.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, parse_url
from redis.retry import Retry

from daebus.errors import ConfigurationError, ConnectionLost, PermissionDenied, RedisRefused, RedisUnavailable, TooLate
from daebus.wire.resp import ErrorReply, pack

from .link import Link
from .places.route import route_of
from .proof import Greeting, greeting, hello
from .threads import is_ending
from .url import DEFAULT_URL, ambiguity
from .url import redact_url as redact_url
from .url import resolve_url as resolve_url

CONNECT_TIMEOUT = 3.0
"""Seconds that one attempt to connect may take, where no shorter deadline is given."""
_REFUSALS = ("NOPERM", "NOAUTH", "WRONGPASS")
CONNECTING_ERRORS = (redis.RedisError, OSError, TypeError, ValueError, RuntimeError)
"""What redis-py may raise while it connects: TypeError and ValueError for options that are none, RuntimeError where
there is no thread to look a name up."""
_POOL_OPTIONS = ("max_connections", "timeout", "db", "retry_on_timeout", "retry_on_error")


_CLIENT: dict[str, Any] = {
    "socket_timeout": 5.0,
    "socket_connect_timeout": CONNECT_TIMEOUT,
    "retry": Retry(NoBackoff(), 0),
    "health_check_interval": 0,
    "max_connections": 2**31,
    "protocol": 2,
    "decode_responses": True,
}


class _NoRetry(Retry):
    """Retries nothing, and so can be shared: redis-py copies it, which needs an import, and none can be had at exit."""

    def __deepcopy__(self, _memo: object) -> _NoRetry:
        return self


def client_label(name: str) -> str:
    """`daebus:NAME` in the form that CLIENT SETNAME takes: printable ASCII without blanks."""
    return "daebus:" + (quote(name, safe="!#$&'()*+,-./:;<=>?@[]^_`{|}~", errors="surrogateescape")[:100])


def pinned(options: Mapping[str, Any], limit: float, retry: object) -> dict[str, Any]:
    """What redis-py makes a connection with: those `options` of a URL that are not a pool's, and ours.

    `limit` are the seconds that connecting may take; `retry` is redis-py's object that retries nothing.
    """
    given = {name: value for name, value in options.items() if name not in _POOL_OPTIONS}
    return given | {
        "socket_timeout": limit,
        "socket_connect_timeout": limit,
        "retry": retry,
        "health_check_interval": 0,
        "protocol": 2,
        "decode_responses": False,
        "driver_info": None,
    }


@dataclass(frozen=True)
class RedisAddress:
    """A Redis to connect to. Its repr and str never show the password."""

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        self._options()

    def __str__(self) -> str:
        return redact_url(self.url)

    def __repr__(self) -> str:
        return f"RedisAddress({redact_url(self.url)!r})"

    def _options(self) -> dict[str, Any]:
        hint = ambiguity(self.url)
        if hint is None:
            route = route_of(self.url)
            try:
                # Of several servers the options are those of any of them.
                one = self.url if route is None else route.node(route.seeds[0])
                return dict(parse_url(one))  # type: ignore[no-untyped-call] # redis-py has no annotation there
            except (ValueError, TypeError, LookupError, AttributeError):
                # Whatever the parser trips over; its text may hold the password.
                hint = f"expected redis://, rediss://, unix:// or those of several servers, e.g. {DEFAULT_URL}"
        raise ConfigurationError(f"not a usable Redis URL: {self} ({hint})")

    def connect(self, name: str, deadline: float | None = None) -> socket.socket:
        """The socket that `open` returns."""
        return self.open(name, deadline)[0]

    def open(self, name: str, deadline: float | None = None) -> tuple[socket.socket, Greeting]:
        """A connected and authenticated socket, which Redis lists as `name`, and what the server says it is.

        `deadline` is as for `time.monotonic()`. Of an address of one server; else see `places.dialing`. Raises
        RedisUnavailable: PermissionDenied where Redis refuses the credentials, TooLate where the deadline left less
        than CONNECT_TIMEOUT and that was not enough.
        """
        limit = CONNECT_TIMEOUT
        if deadline is not None:
            limit = min(limit, deadline - time.monotonic())
        if limit <= 0:
            raise TooLate(f"no time left to connect to Redis at {self}")
        hurried = limit < CONNECT_TIMEOUT
        options = self._options()
        connection_class = options.pop("connection_class", Connection)
        deadline = time.monotonic() + limit
        try:
            connection = connection_class(**pinned(options, limit, _NoRetry(NoBackoff(), 0)))
            connection.connect()
            # redis-py offers no public way to the socket.
            sock, connection._sock = connection._sock, None
        except Exception as error:
            if isinstance(error, CONNECTING_ERRORS) or is_ending():
                failed = self.failed(error)
                raise TooLate(str(failed)) if hurried and isinstance(error, redis.TimeoutError) else failed from None
            raise
        try:
            told = self._introduce(sock, name, deadline)
        except BaseException as error:
            sock.close()
            if hurried and type(error) is RedisUnavailable:
                raise TooLate(f"cannot connect to Redis at {self}: {error}") from None
            raise
        connected: socket.socket = sock
        return connected, told

    def link(self, name: str, deadline: float | None = None) -> Link:
        """The same, to talk to."""
        return Link(self.connect(name, deadline), str(self))

    def _introduce(self, sock: socket.socket, name: str, deadline: float) -> Greeting:
        """Give the connection its name; where an ACL forbids that, it goes without one. Returns what the server is."""
        link = Link(sock, str(self))
        try:
            reply = link.ask(pack(b"CLIENT", b"SETNAME", client_label(name).encode()) + hello(), deadline)
            if isinstance(reply, ErrorReply) and "max number of clients" in str(reply):
                raise RedisRefused(f"cannot connect to Redis at {self}: {reply}", reply.code)
            return greeting(link.next_reply(deadline))
        except RedisUnavailable as error:
            raise self.not_connected(error) from None

    def failed(self, error: BaseException) -> RedisUnavailable:
        """The error to raise for one of CONNECTING_ERRORS, which redis-py met while connecting."""
        if is_ending() and not isinstance(error, redis.RedisError | OSError):
            # What it lacks then may be anything: an import, a codec, a thread.
            return RedisUnavailable(f"cannot connect to Redis at {self}: the interpreter is ending ({error})")
        if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
            return PermissionDenied(f"Redis at {self} refused us: {error}")
        if isinstance(error, redis.RedisError | OSError | RuntimeError):
            return RedisUnavailable(f"cannot connect to Redis at {self}: {str(error) or 'no answer'}")
        # Its text names the option, which is part of the password where that holds an unescaped `&`.
        return RedisUnavailable(f"cannot connect to Redis at {self}: its URL has an option that cannot be")

    def not_connected(self, error: RedisUnavailable) -> RedisUnavailable:
        """The error to raise for one met while connecting: whatever broke, nothing had been sent yet."""
        if isinstance(error, ConnectionLost):
            return RedisUnavailable(f"cannot connect to Redis at {self}: {error}")
        return error

    def client(self, **options: Any) -> redis.Redis:
        """A redis-py client with its options pinned: no retries of its own, no limit of 100 connections."""
        return redis.Redis.from_url(self.url, **(_CLIENT | options))

    def settings(self, **options: Any) -> dict[str, Any]:
        """What such a client is made with, for one of several servers."""
        given = self._options()
        if given.pop("connection_class", Connection) is not Connection:
            given["ssl"] = True
        return given | _CLIENT | options


def refusal(reply: ErrorReply, address: str, doing: str) -> RedisRefused:
    """The error for a command that Redis answered with an error."""
    if reply.code in _REFUSALS:
        return PermissionDenied(f"Redis at {address} does not allow {doing}: {reply}", reply.code)
    return RedisRefused(f"Redis at {address} failed {doing}: {reply}", reply.code)
