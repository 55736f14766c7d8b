"""Connecting by TCP to a name that has several addresses, some of which may be dead.

They are tried in turn, and none takes more than its share of the time: else the first would take all of it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from typing import Any

from .plain import tune


def reached(host: str, port: int, limit: float) -> socket.socket:
    """A connected socket, within so many seconds. Raises OSError, and what looking a name up may raise.

    `socket.create_connection` would leave a socket open where an exception that a signal raises ends the attempt.
    """
    until = time.monotonic() + limit
    failed: OSError | None = None
    try:
        # As bytes, it takes no codec for names: at the end of the interpreter there may be none any more.
        name: Any = host.encode()
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        for number, (family, kind, protocol, _name, place) in enumerate(found):
            sock = None
            try:
                sock = socket.socket(family, kind, protocol)
                sock.settimeout(_share(until - time.monotonic(), len(found) - number))
                sock.connect(place)
                tune(sock)
                return sock
            except BaseException as error:
                if sock is not None:
                    sock.close()
                if not isinstance(error, OSError):
                    raise
                failed = error
        raise failed or OSError("its name has no address")
    finally:
        # The error knows this frame, and must not know itself by that.
        del failed


async def reached_in_loop(host: str, port: int, limit: float) -> socket.socket:
    """The same in an event loop."""
    # Others need none.
    import asyncio

    loop = asyncio.get_running_loop()
    until = loop.time() + limit
    if host.replace(".", "").isdigit():
        # That needs no thread.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    else:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    failed: OSError | None = None
    try:
        for number, (family, kind, protocol, _name, place) in enumerate(found):
            sock = None
            try:
                sock = socket.socket(family, kind, protocol)
                sock.setblocking(False)
                async with asyncio.timeout(_share(until - loop.time(), len(found) - number)):
                    await loop.sock_connect(sock, place)
                tune(sock)
                return sock
            except BaseException as error:
                if sock is not None:
                    sock.close()
                if not isinstance(error, OSError):
                    raise
                failed = error
        raise failed or OSError("its name has no address")
    finally:
        del failed


def addresses(options: Mapping[str, Any]) -> int:
    """How many addresses redis-py will try with such options, each for as long as connecting may take."""
    if "host" not in options:
        return 1
    try:
        return len(socket.getaddrinfo(options["host"], options.get("port", 0), type=socket.SOCK_STREAM)) or 1
    except (OSError, ValueError):
        # It finds that out itself.
        return 1


def _share(seconds: float, of: int) -> float:
    return max(0.001, seconds / of)
