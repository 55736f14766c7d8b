"""What redis-py does for us: it reads URLs, connects where that is more than a plain TCP port, and is a client.

Imported where it is needed: it takes longer than a whole call of a program that was started for it.
"""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401 - looked for by two threads at once while no file can be opened it is gone for good
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import redis
from redis.asyncio import connection as in_loops
from redis.asyncio.retry import Retry as RetryInLoops
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, parse_url
from redis.retry import Retry

from daebus.errors import PermissionDenied, RedisRefused, RedisUnavailable

from .plain import CONNECT_TIMEOUT
from .reaching import reached_in_loop
from .tls import contexts

TIMEOUT = redis.TimeoutError
"""What it raises where a server did not answer in time."""
ERRORS = (redis.RedisError, OSError, TypeError, ValueError, RuntimeError)
"""What it may raise while it connects: TypeError and ValueError for options that are none, RuntimeError where
there is no thread to look a name up."""
_FULL = "max number of clients"
"""What begins the answer of a server that takes no more, which redis-py takes for one that does not answer."""
_NAMED = re.compile(r"(?:unexpected keyword argument|Invalid value for) '(\w+)'")
_POOL_OPTIONS = ("max_connections", "timeout", "db", "retry_on_timeout", "retry_on_error")
_TEXTS = frozenset(
    ("host", "path", "username", "password", "client_name", "lib_name", "lib_version", "encoding", "encoding_errors",
     "decode_responses")
)  # fmt: skip
"""Options whose value may be a text, besides those of TLS; of whether to decode, ours decide by themselves."""
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


def pinned(options: Mapping[str, Any], limit: float, soon: float, retry: object) -> dict[str, Any]:
    """What redis-py makes a connection with: those `options` of a URL that are not a pool's, and ours.

    `limit` are the seconds that connecting may take, `soon` those in which one address is to be reached; `retry` is
    redis-py's object that retries nothing.
    """
    given = {name: value for name, value in options.items() if name not in _POOL_OPTIONS}
    return given | {
        "socket_timeout": limit,
        "socket_connect_timeout": soon,
        "retry": retry,
        "health_check_interval": 0,
        "protocol": 2,
        "decode_responses": False,
        "driver_info": None,
    }


def read(url: str) -> dict[str, Any] | str | None:
    """What it reads in the URL of one server; the name of an option that cannot be there; None where it reads nothing.

    The name is empty where it is not known which one it is.
    """
    try:
        options = dict(parse_url(url))  # type: ignore[no-untyped-call] # redis-py has no annotation there
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # Whatever the parser trips over; its text may hold the password.
        return _option_in(error) or None
    for name, value in options.items():
        # Some are objects, which no URL can name; redis-py finds that out later, or never.
        if isinstance(value, str) and not (name in _TEXTS or (name.startswith("ssl_") and name != "ssl_ocsp_context")):
            return str(name)
    try:
        # That connects to nothing yet.
        _made(dict(options), CONNECT_TIMEOUT, CONNECT_TIMEOUT)
    except ERRORS as error:
        return _option_in(error)
    return options


def _option_in(error: Exception) -> str:
    """The option that redis-py names in an error; empty where it names none."""
    found = _NAMED.search(str(error))
    return "" if found is None else found[1]


def _made(options: dict[str, Any], limit: float, soon: float) -> Any:
    """Its connection for those options, not yet connected. Raises ERRORS."""
    connection_class = options.pop("connection_class", Connection)
    return connection_class(**pinned(options, limit, soon, _NoRetry(NoBackoff(), 0)))


def connected(options: dict[str, Any], limit: float, soon: float) -> socket.socket:
    """A connected and authenticated socket, within `limit` seconds, `soon` of which it takes at the most to reach each
    address of the host. Raises ERRORS.
    """
    connection = _made(options, limit, soon)
    if issubclass(type(connection), SSLConnection) and not any("ocsp" in name for name in options):
        # redis-py offers no way to have a context taken that is there.
        connection._wrap_socket_with_ssl = partial(_secured, options, connection.host)
    connection.connect()
    # redis-py offers no public way to the socket.
    sock: socket.socket
    sock, connection._sock = connection._sock, None
    return sock


def _secured(options: dict[str, Any], host: str, sock: socket.socket) -> socket.socket:
    """The socket with TLS around it."""
    return contexts.of(options).wrap_socket(sock, server_hostname=host)


async def connected_in_loop(
    url: str, limit: float, soon: float, beside: Callable[..., Awaitable[Any]]
) -> tuple[asyncio.WriteTransport, asyncio.StreamWriter]:
    """The same in an event loop: the transport, and a writer that is to be kept as long as that. Raises ERRORS.

    `beside` has a function called on a thread, and gives what it returns, or RedisUnavailable where there is none to be
    had. Of several addresses each has its share of `soon`. redis-py hands nothing else out on the transport, and no
    reply is outstanding.
    """
    options = dict(in_loops.parse_url(url))
    connection_class: Any = options.pop("connection_class", in_loops.Connection)
    connection = None
    try:
        connection = connection_class(**pinned(options, limit, limit, RetryInLoops(NoBackoff(), 0)))
        async with asyncio.timeout(limit):
            if isinstance(connection, in_loops.SSLConnection):
                try:
                    connection.ssl_context.context = await beside(contexts.of, options)
                except RedisUnavailable:
                    connection.ssl_context.context = contexts.of(options)
            if "path" in options:
                await connection.connect()
            else:
                await _connect_by_socket(connection, soon)
    except BaseException:
        if connection is not None and connection._writer is not None:
            connection._writer.transport.abort()
            connection._reader = connection._writer = None
        raise
    writer, connection._reader, connection._writer = connection._writer, None, None
    return writer.transport, writer


async def _connect_by_socket(connection: Any, soon: float) -> None:
    """Have redis-py connect by a socket of ours: by itself it may never come to the second address of a host."""
    host, port, arguments = connection.host, connection.port, connection._connection_arguments()
    if arguments.get("ssl") is not None:
        arguments = {"server_hostname": host} | arguments
    try:
        sock = await reached_in_loop(host, port, soon)
    except TimeoutError:
        raise TIMEOUT("Timeout connecting to server") from None
    except OSError as error:
        raise redis.ConnectionError(f"Error {error.errno} connecting to {host}:{port}. {error.strerror}.") from None
    try:
        connection._connection_arguments = lambda: arguments | {"host": None, "port": None, "sock": sock}
        await connection.connect()
    except BaseException:
        sock.close()
        raise


def failed(error: BaseException, address: str) -> RedisUnavailable | None:
    """The error to raise for one of ERRORS, met with the Redis there; None for any other."""
    if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
        return PermissionDenied(f"Redis at {address} refused us: {error}")
    if isinstance(error, redis.ResponseError) or str(error).startswith(_FULL):
        # It has answered.
        return RedisRefused(f"cannot connect to Redis at {address}: {error}", "ERR")
    if isinstance(error, redis.RedisError | OSError | RuntimeError):
        return RedisUnavailable(f"cannot connect to Redis at {address}: {str(error) or 'no answer'}")
    if isinstance(error, ERRORS):
        # Its text names the option, which is part of the password where that holds an unescaped `&`.
        return RedisUnavailable(f"cannot connect to Redis at {address}: its URL has an option that cannot be")
    return None


def client(url: str, options: Mapping[str, Any]) -> redis.Redis:
    """A client with its options pinned."""
    return redis.Redis.from_url(url, **(_CLIENT | dict(options)))


def settings(given: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """What such a client is made with, of the options of a URL and others."""
    if given.pop("connection_class", Connection) is not Connection:
        given["ssl"] = True
    return given | _CLIENT | dict(options)
