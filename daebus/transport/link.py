"""A conversation with Redis that one thread has for itself: it asks, and waits for the reply."""

from __future__ import annotations

import socket
import time
from typing import Any

from daebus.errors import ConnectionLost, RedisUnavailable
from daebus.wire.resp import INCOMPLETE, ProtocolError, make_reader

from .sockets.stream import Stream


class Link:
    """A connected socket with a reply reader. `address` is for error texts, without a password.

    For one thread; any other may `shut` it, which makes that one give up at once.
    """

    def __init__(self, sock: socket.socket, address: str) -> None:
        self.socket = sock
        self.address = address
        self._stream = Stream(sock)
        self._reader = make_reader()

    def ask(self, command: bytes, deadline: float) -> Any:
        """Send one command, and return its reply (an ErrorReply is returned); see `next_reply`."""
        self.send(command, deadline)
        return self.next_reply(deadline)

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of `data`; ConnectionLost where that fails or is not done by `deadline` (monotonic)."""
        rest = memoryview(data)
        try:
            while rest := rest[self._stream.write(rest) :]:
                if not self._stream.wait_writable(deadline - time.monotonic()):
                    raise self.lost("Redis takes no more data")
        except RedisUnavailable:
            raise
        except (OSError, ValueError) as error:
            raise self.lost(error) from None

    def wait(self, timeout: float) -> bool:
        """Wait until there is something to read; False after `timeout` seconds."""
        return self._stream.wait_readable(timeout)

    def next_reply(self, deadline: float) -> Any:
        """The next reply; RedisUnavailable where there is none by `deadline`, ConnectionLost at the end."""
        try:
            while (reply := self._reader.gets()) is INCOMPLETE:
                if not self.wait(deadline - time.monotonic()):
                    raise RedisUnavailable(f"Redis at {self.address} does not answer")
                data = self._stream.read()
                if data == b"":
                    raise self.lost("Redis closed the connection")
                self._reader.feed(data or b"")
        except RedisUnavailable:
            # It says already what became of it, and is an OSError as well.
            raise
        except (ProtocolError, OSError, ValueError) as error:
            raise self.lost(error) from None
        return reply

    def lost(self, reason: object) -> ConnectionLost:
        """The error for this link being gone."""
        return ConnectionLost(f"lost the connection to Redis at {self.address}: {reason}")

    def shut(self) -> None:
        """End the conversation. Frees nothing."""
        self._stream.shut()

    def close(self) -> None:
        """End it, and free the socket."""
        self._stream.shut()
        self._stream.close()
