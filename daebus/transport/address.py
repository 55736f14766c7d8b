"""A Redis to connect to.

By plain TCP the connection is our own (see `plain`); whatever else a URL asks for, redis-py connects and authenticates
(TLS, unix sockets, options). Reading and writing are our own, so that no retry, pool or default of a redis-py release
decides what happens to a message.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from daebus.errors import ConfigurationError, ConnectionLost, PermissionDenied, RedisRefused, RedisUnavailable, TooLate
from daebus.wire.resp import ErrorReply, pack

from .link import Link
from .places.route import route_of
from .plain import CONNECT_TIMEOUT as CONNECT_TIMEOUT
from .plain import DENIED, Plain, plain
from .proof import Greeting, greeting, hello
from .reaching import addresses, reached
from .threads import is_ending
from .url import DEFAULT_URL, ambiguity, told_option, without_ours
from .url import named_by as named_by
from .url import redact_url as redact_url
from .url import resolve_url as resolve_url

if TYPE_CHECKING:
    import redis


_FILES = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile")
"""Options that name files."""


def client_label(name: str) -> str:
    """`daebus:NAME` in the form that CLIENT SETNAME takes: printable ASCII without blanks."""
    return "daebus:" + (quote(name, safe="!#$&'()*+,-./:;<=>?@[]^_`{|}~", errors="surrogateescape")[:100])


@dataclass(frozen=True)
class RedisAddress:
    """A Redis to connect to. Its repr and str never show the password."""

    url: str = field(repr=False)

    def __post_init__(self) -> None:
        if ambiguity(self.url) is not None or plain(self.of_one) is None:
            self.options()

    def __str__(self) -> str:
        return redact_url(self.url)

    def __repr__(self) -> str:
        return f"RedisAddress({redact_url(self.url)!r})"

    def options(self) -> dict[str, Any]:
        """What redis-py reads in the URL. Raises ConfigurationError."""
        hint = ambiguity(self.url)
        if hint is None:
            found: dict[str, Any] | str | None = redis_py().read(self.of_one)
            if isinstance(found, dict):
                return found
            if found is None:
                hint = f"expected redis://, rediss://, unix:// or those of several servers, e.g. {DEFAULT_URL}"
            else:
                hint = f"it has an option that cannot be{told_option(self.url, found)}"
        raise ConfigurationError(f"not a usable Redis URL: {self} ({hint})")

    @property
    def of_one(self) -> str:
        """The URL of one server as redis-py reads it; of several it is that of any of them, with the same options."""
        route = route_of(self.url)
        return without_ours(self.url) if route is None else route.node(route.seeds[0])

    @property
    def plain(self) -> Plain | None:
        """What there is to know for a plain connection by TCP; None where redis-py is to connect."""
        return plain(self.url)

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
        deadline, one = time.monotonic() + limit, self.plain
        sock = self._connected(limit, hurried) if one is None else self._connected_plainly(one, limit, hurried)
        try:
            told = self._introduce(sock, name, deadline, one)
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError) and not isinstance(error, RedisUnavailable):
                raise RedisUnavailable(f"cannot connect to Redis at {self}: {error}") from None
            if hurried and type(error) is RedisUnavailable and time.monotonic() >= deadline:
                raise TooLate(str(error)) from None
            raise
        return sock, told

    def _connected(self, limit: float, hurried: bool) -> socket.socket:
        """A socket that redis-py has connected and authenticated."""
        try:
            options = self.options()
            sock: socket.socket = redis_py().connected(options, limit, limit / addresses(options))
        except RedisUnavailable:
            raise
        except Exception as error:
            failed = self.failed(error)
            if failed is None:
                raise
            late = hurried and isinstance(error, redis_py().TIMEOUT)
            raise TooLate(str(failed)) if late else failed from None
        return sock

    def _connected_plainly(self, one: Plain, limit: float, hurried: bool) -> socket.socket:
        try:
            sock = reached(one.host, one.port, limit)
        except Exception as error:
            if is_ending() and not isinstance(error, OSError):
                raise self._ends(error) from None
            if not isinstance(error, OSError | ValueError | RuntimeError):
                raise
            text = f"cannot connect to Redis at {self}: {one.why(error)}"
            raise (TooLate if hurried and isinstance(error, TimeoutError) else RedisUnavailable)(text) from None
        return sock

    def link(self, name: str, deadline: float | None = None) -> Link:
        """The same, to talk to."""
        return Link(self.connect(name, deadline), str(self))

    def _introduce(self, sock: socket.socket, name: str, deadline: float, one: Plain | None) -> Greeting:
        """Log in, and give the connection its name; where an ACL forbids that, it goes without one.

        Returns what the server is.
        """
        link = Link(sock, str(self))
        try:
            if one is not None:
                _log_in(one, link, deadline)
            reply = link.ask(pack(b"CLIENT", b"SETNAME", client_label(name).encode()) + hello(), deadline)
            if is_full(reply):
                raise refused_as_full(str(self), reply)
            return greeting(link.next_reply(deadline))
        except RedisUnavailable as error:
            raise self.not_connected(error) from None

    def failed(self, error: BaseException) -> RedisUnavailable | None:
        """The error to raise for one that redis-py met while connecting; None for one that it does not raise there."""
        if is_ending():
            from_redis = type(error).__module__.partition(".")[0] == "redis"
            if not from_redis and not isinstance(error, OSError):
                return self._ends(error)
        if (wrong := self._unreadable()) is not None:
            return RedisUnavailable(f"{wrong}, which the URL of Redis at {self} names")
        found: RedisUnavailable | None = redis_py().failed(error, str(self))
        return found

    def _unreadable(self) -> str | None:
        """Which file of its options cannot be read, and why; None where all can, or may be parts of a password."""
        for name, value in self.options().items():
            if name in _FILES and told_option(self.url, name):
                try:
                    os.stat(value)
                except OSError as error:
                    return f"cannot read {name}={value} ({error.strerror})"
        return None

    def _ends(self, error: BaseException) -> RedisUnavailable:
        # What it lacks then may be anything: an import, a codec, a thread.
        return RedisUnavailable(f"cannot connect to Redis at {self}: the interpreter is ending ({error})")

    def not_connected(self, error: RedisUnavailable) -> RedisUnavailable:
        """The error to raise for one met while connecting: whatever broke, nothing had been sent yet."""
        if isinstance(error, ConnectionLost):
            return RedisUnavailable(f"cannot connect to Redis at {self}: {error}")
        return error

    def client(self, **options: Any) -> redis.Redis:
        """A redis-py client with its options pinned: no retries of its own, no limit of 100 connections."""
        made: redis.Redis = redis_py().client(self.of_one, options)
        return made

    def settings(self, **options: Any) -> dict[str, Any]:
        """What such a client is made with, for one of several servers."""
        found: dict[str, Any] = redis_py().settings(self.options(), options)
        return found


def redis_py() -> Any:
    """What redis-py does for us; imported now, and so RedisUnavailable where no file can be opened for that."""
    try:
        from . import by_redis_py
    except OSError as error:
        raise RedisUnavailable(f"redis-py cannot be imported: {error}; nothing was sent") from None
    return by_redis_py


def _log_in(one: Plain, link: Link, deadline: float) -> None:
    steps = one.log_in(link.address)
    try:
        command = next(steps)
        while True:
            command = steps.send(link.ask(command, deadline))
    except StopIteration:
        pass


def is_full(reply: object) -> bool:
    """Whether a server says that it takes no more clients."""
    return isinstance(reply, ErrorReply) and "max number of clients" in str(reply)


def refused_as_full(address: str, reply: ErrorReply) -> RedisRefused:
    """The error for that."""
    return RedisRefused(f"cannot connect to Redis at {address}: {reply}", reply.code)


def refusal(reply: ErrorReply, address: str, doing: str) -> RedisRefused:
    """The error for a command that Redis answered with an error."""
    if reply.code in DENIED:
        return PermissionDenied(f"Redis at {address} does not allow {doing}: {reply}", reply.code)
    return RedisRefused(f"Redis at {address} failed {doing}: {reply}", reply.code)
