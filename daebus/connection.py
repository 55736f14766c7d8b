"""A Redis to connect to, and one connected socket to it.

redis-py connects and authenticates (TLS, users, unix sockets); reading and writing are our own, so that no
retry, pool or default of a redis-py release decides what happens to a message.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.connection import Connection, parse_url
from redis.retry import Retry

from .errors import ConfigurationError, ConnectionLost, PermissionDenied, RedisRefused, RedisUnavailable, TooLate
from .resp import INCOMPLETE, ErrorReply, ProtocolError, make_reader, pack
from .threads import era, is_ending
from .url import DEFAULT_URL, ambiguity
from .url import redact_url as redact_url
from .url import resolve_url as resolve_url

A = TypeVar("A")
R = TypeVar("R")

CONNECT_TIMEOUT = 3.0
"""Seconds that one attempt to connect may take, where no shorter deadline is given."""
READ_SIZE = 65536
LONGEST_WAIT = 3600.0
"""Seconds of one wait for the system, which takes no such number as threads do; who waits longer waits again."""
_ENDED: int | None = getattr(select, "POLLRDHUP", None)
_REFUSALS = ("NOPERM", "NOAUTH", "WRONGPASS")
CONNECTING_ERRORS = (redis.RedisError, OSError, TypeError, ValueError, RuntimeError)
"""What redis-py may raise while it connects: TypeError and ValueError for options that are none, RuntimeError where
there is no thread to look a name up."""
_POOL_OPTIONS = ("max_connections", "timeout", "db", "retry_on_timeout", "retry_on_error")


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
            try:
                return dict(parse_url(self.url))  # type: ignore[no-untyped-call] # redis-py has no annotation there
            except Exception:  # noqa: BLE001 - whatever the parser trips over, and its text may hold the password
                hint = f"expected redis://, rediss:// or unix://, e.g. {DEFAULT_URL}"
        raise ConfigurationError(f"not a usable Redis URL: {self} ({hint})")

    def connect(self, name: str, deadline: float | None = None) -> Link:
        """A connected and authenticated Link. `deadline` is a time of `time.monotonic()`.

        Raises RedisUnavailable: PermissionDenied where Redis refuses the credentials, TooLate where the deadline left
        less than CONNECT_TIMEOUT and that was not enough.
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
        except Exception as error:
            if isinstance(error, CONNECTING_ERRORS) or is_ending():
                failed = self.failed(error)
                raise TooLate(str(failed)) if hurried and isinstance(error, redis.TimeoutError) else failed from None
            raise
        link = Link(connection, str(self))
        try:
            named = link.ask(pack(b"CLIENT", b"SETNAME", client_label(name).encode()), deadline)
            if isinstance(named, ErrorReply) and "max number of clients" in str(named):
                raise RedisRefused(f"cannot connect to Redis at {self}: {named}", named.code)
        except RedisUnavailable as error:
            link.dispose()
            if hurried and type(error) is RedisUnavailable:
                raise TooLate(f"cannot connect to Redis at {self}: {error}") from None
            raise self.not_connected(error) from None
        return link

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
        settings: dict[str, Any] = {
            "socket_timeout": 5.0,
            "socket_connect_timeout": CONNECT_TIMEOUT,
            "retry": Retry(NoBackoff(), 0),
            "health_check_interval": 0,
            "max_connections": 2**31,
            "protocol": 2,
            "decode_responses": True,
        }
        return redis.Redis.from_url(self.url, **(settings | options))


class Link:
    """One connected socket to Redis with its reply reader.

    One thread may read and one may write at a time (`reading` and `writing` are the locks for it); any
    thread may `shut`, which makes both give up at once. `dispose` frees the socket.
    """

    def __init__(self, connection: Any, address: str) -> None:
        self._connection = connection
        self.address = address
        self.socket: socket.socket = connection._sock  # redis-py offers no public way to the socket
        self.socket.setblocking(False)
        self._secure = isinstance(self.socket, ssl.SSLSocket)
        self._reader = make_reader()
        self._readable = select.poll()
        self._readable.register(self.socket, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(self.socket, select.POLLOUT)
        self._ended = select.poll()
        self._ended.register(self.socket, _ENDED or 0)
        self.moved_at = 0.0
        """When the socket took something after it had been full (a time of `time.monotonic()`)."""
        self._asking = threading.Lock()
        self._watched: int | None = None
        self._beside: tuple[Link, select.poll] | None = None
        self._take: Callable[[int], bytes] = self.socket.recv
        self._give: Callable[[bytes | memoryview], int] = self.socket.send
        if self._secure:
            # A TLS session must not be read and written at once.
            lock = threading.Lock()
            self._take, self._give = _locked(lock, self._take), _locked(lock, self._give)
        self.reading = threading.Lock()
        self.writing = threading.Lock()
        self._era = era()

    def watch(self, wake: int) -> None:
        """Let `wait` also return when the file descriptor `wake` becomes readable."""
        self._watched = wake
        self._readable.register(wake, select.POLLIN)

    def wait(self, timeout: float | None, beside: Link | None = None) -> bool:
        """Wait until there is something to read; False after `timeout` seconds.

        It may be something to read from the link `beside` this one, or a call of the watched descriptor, instead.
        """
        if self._has_pending() or (beside is not None and beside._has_pending()):
            return True
        readable = self._readable if beside is None else self._readable_with(beside)
        return bool(readable.poll(None if timeout is None else max(0.0, timeout) * 1000))

    def _has_pending(self) -> bool:
        return self._secure and bool(self.socket.pending())  # type: ignore[attr-defined] # an SSLSocket has it

    def _readable_with(self, beside: Link) -> select.poll:
        if self._beside is None or self._beside[0] is not beside:
            both = select.poll()
            for descriptor in (self.socket, beside.socket, self._watched):
                if descriptor is not None:
                    both.register(descriptor, select.POLLIN)
            self._beside = beside, both
        return self._beside[1]

    def is_closed(self) -> bool | None:
        """Whether the other side has closed, whatever there is to read before that; None where the system cannot tell.

        Any thread may ask.
        """
        if _ENDED is None:
            return None
        with self._asking:
            return bool(self._ended.poll(0))

    def receive(self) -> bool:
        """Take in what has arrived, without waiting. False where there was nothing; ConnectionLost at the end."""
        try:
            data = self._take(READ_SIZE)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (OSError, ValueError) as error:
            raise self.lost(error) from None
        if not data:
            raise self.lost("Redis closed the connection")
        self._reader.feed(data)
        return True

    def reply(self) -> Any:
        """The next whole reply among what was received, or INCOMPLETE."""
        try:
            return self._reader.gets()
        except (ProtocolError, ValueError) as error:
            raise self.lost(error) from None

    @property
    def has_more(self) -> bool:
        """Whether more was received than has been returned as replies, be it a part of one."""
        return self._reader.has_data()

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of `data`; ConnectionLost where that fails or is not done by `deadline`."""
        if self.write(data, deadline):
            raise self.lost("Redis takes no more data")

    def write(self, data: bytes | memoryview, deadline: float) -> memoryview | None:
        """Write until all of `data` is written or the deadline has come; returns what is left, None where nothing is.

        Raises ConnectionLost where it cannot be written.
        """
        sent = self.send_some(data)
        if sent == len(data):
            return None
        rest = memoryview(data)[sent:]
        while rest and self._wait_writable(deadline - time.monotonic()):
            sent = self.send_some(rest)
            if sent:
                rest = rest[sent:]
                self.moved_at = time.monotonic()
        return rest or None

    def send_some(self, data: bytes | memoryview) -> int:
        """Write what the socket takes without waiting, and return how many bytes that was."""
        try:
            return self._give(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0
        except (OSError, ValueError) as error:
            raise self.lost(error) from None

    def _wait_writable(self, timeout: float) -> bool:
        return bool(self._writable.poll(max(0.0, min(timeout, LONGEST_WAIT)) * 1000))

    def ask(self, command: bytes, deadline: float) -> Any:
        """Send one command on a link that nobody else uses yet, and return its reply (an ErrorReply is returned)."""
        self.send(command, deadline)
        return self.next_reply(deadline)

    def next_reply(self, deadline: float) -> Any:
        """The next reply, waiting for it until `deadline`."""
        while (reply := self.reply()) is INCOMPLETE:
            if not self.wait(deadline - time.monotonic()):
                raise RedisUnavailable(f"Redis at {self.address} does not answer")
            self.receive()
        return reply

    def lost(self, reason: object) -> ConnectionLost:
        """The error for this link being gone."""
        return ConnectionLost(f"lost the connection to Redis at {self.address}: {reason}")

    def shut(self) -> None:
        """End the conversation: whoever reads or writes finds it closed. Frees nothing."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def dispose(self) -> None:
        """Shut, wait until nobody reads or writes, and free the socket.

        Where the threads that did are gone (see `era`) nobody is waited for; a forked child frees only its copy.
        """
        if self._era != era():
            self.socket.close()
            return
        self.shut()
        with self.reading, self.writing:
            self._connection.disconnect()
            self.socket.close()


def _locked(lock: threading.Lock, function: Callable[[A], R]) -> Callable[[A], R]:
    def locked(argument: A) -> R:
        with lock:
            return function(argument)

    return locked


def refusal(reply: ErrorReply, address: str, doing: str) -> RedisRefused:
    """The error for a command that Redis answered with an error."""
    if reply.code in _REFUSALS:
        return PermissionDenied(f"Redis at {address} does not allow {doing}: {reply}", reply.code)
    return RedisRefused(f"Redis at {address} failed {doing}: {reply}", reply.code)
