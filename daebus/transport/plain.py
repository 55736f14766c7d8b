"""Redis behind a plain TCP port: what its URL says, and how one logs in there. No socket is opened here.

That is what most URLs name, and it takes no more than is here; to import redis-py takes longer than a whole call of a
program that was started for it. TLS, unix sockets, and whatever stands behind a `?` are left to redis-py.
"""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import Any, NamedTuple
from urllib.parse import unquote

from daebus.errors import PermissionDenied, RedisRefused
from daebus.wire.resp import ErrorReply, pack

_SCHEME = "redis://"
_FOR_REDIS_PY = frozenset(" ?#[]\\")
_KEPT_ALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
"""As redis-py has it: seconds of silence, seconds between probes, and how many of those without an answer are the end.

Heartbeats of our own find out sooner; but what stands in between gives up what nobody uses.
"""
CONNECT_TIMEOUT = 3.0
"""Seconds that one attempt to connect may take, where no shorter deadline is given."""
DENIED = frozenset(("WRONGPASS", "NOAUTH", "NOPERM"))
"""The codes of errors for want of rights."""


class Plain(NamedTuple):
    """Where a server listens, and as whom to log in; an empty user and password for nobody.

    The database of the URL is none of it: channels belong to no database, and all claims are to be in one.
    """

    host: str
    port: int
    user: str
    password: str

    def log_in(self, where: str) -> Generator[bytes, Any, None]:
        """The commands to give after connecting, one by one; each is sent its reply.

        Raises RedisRefused, PermissionDenied where it is for want of rights, where the server at `where` takes one not.
        """
        if self.user or self.password:
            password = self.password.encode()
            reply = yield pack(b"AUTH", self.user.encode(), password) if self.user else pack(b"AUTH", password)
            if self.user and isinstance(reply, ErrorReply) and "wrong number of arguments" in str(reply):
                # There are no users before Redis 6.
                reply = yield pack(b"AUTH", password)
            if isinstance(reply, ErrorReply):
                text = str(reply)
                if reply.code in DENIED or "password" in text.lower() or "AUTH" in text:
                    raise PermissionDenied(f"Redis at {where} refused us: {_told(reply)}", reply.code)
                raise RedisRefused(f"cannot connect to Redis at {where}: {text}", reply.code)

    def why(self, error: BaseException) -> str:
        """What an error met while connecting by TCP says."""
        if isinstance(error, TimeoutError):
            return "no answer in time"
        number, text = getattr(error, "errno", None), getattr(error, "strerror", None)
        if number is None or text is None:
            return str(error) or "no answer"
        return f"Error {number} connecting to {self.host}:{self.port}. {text}."


def plain(url: str) -> Plain | None:
    """What a URL says that names a plain TCP port, and nothing that is for redis-py to read; None for any other."""
    if not (url.startswith(_SCHEME) and url.isascii() and url.isprintable() and _FOR_REDIS_PY.isdisjoint(url)):
        return None
    authority, _slash, database = url.removeprefix(_SCHEME).partition("/")
    credentials, _at, place = authority.rpartition("@")
    host, colon, port = place.partition(":")
    user, _colon, password = credentials.partition(":")
    if "@" in credentials or not _is_host(host) or not (_is_number(port) or not colon):
        return None
    if not (_is_number(database) or not database) or (colon and not 0 < int(port) < 65536):
        return None
    return Plain(host.lower(), int(port or 6379), unquote(user), unquote(password))


def tune(sock: socket.socket) -> None:
    """Have a connected socket send at once what is written, and the system see to it that it lives."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEPT_ALIVE:
        # Some systems have none of them.
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _is_host(text: str) -> bool:
    return text.replace("-", "").replace(".", "").replace("_", "").isalnum()


def _is_number(text: str) -> bool:
    return text.isdigit() and len(text) < 6


def _told(reply: ErrorReply) -> str:
    """What an error says, without its code."""
    return str(reply).removeprefix(reply.code).strip()
