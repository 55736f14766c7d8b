"""A TCP proxy in front of a server, whose connections can fall silent without being closed."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress


class Proxy:
    """Forwards connections to `port` on loopback until `stall`; those made afterwards are forwarded again.

    Pieces of 64 KiB at most are forwarded, one every `pace` seconds, and each arrives `delay` seconds later.
    """

    def __init__(self, port: int, pace: float = 0.0, delay: float = 0.0) -> None:
        self.target = port
        """Where new connections go."""
        self._swallowed: bytes | None = None
        self.dropped = 0
        """How many pieces have been dropped."""
        self._pace = pace
        self._delay = delay
        self._under_way: deque[tuple[float, socket.socket, bytes]] = deque()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._lock = threading.Lock()
        self._from_server: set[socket.socket] = set()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._silent: list[socket.socket] = []
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="proxy")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *exception: object) -> None:
        self._ending = True
        self._thread.join()
        for end in [*self._peers, *self._silent, self._listener]:
            end.close()
        self._selector.close()

    def swallow(self, word: bytes | None) -> None:
        """From now on drop each piece that the server sends with that word in it; with None drop none any more."""
        self._swallowed = word

    def stall(self, *, tell_server: bool) -> None:
        """Let every connection fall silent: nothing gets through any more, and the client is not told.

        With `tell_server` the server sees its end closed, as after a router has forgotten the connection.
        """
        with self._lock:
            for end in self._peers:
                self._selector.unregister(end)
                if tell_server and end in self._from_server:
                    end.close()
                else:
                    self._silent.append(end)
            self._peers.clear()

    def _run(self) -> None:
        while not self._ending:
            with self._lock:
                self._deliver()
            for key, _events in self._selector.select(0.02 if not self._delay else 0.002):
                with self._lock:
                    if key.fileobj is self._listener:
                        self._accept()
                    elif isinstance(key.fileobj, socket.socket) and key.fileobj in self._peers:
                        self._forward(key.fileobj)

    def _accept(self) -> None:
        client = self._listener.accept()[0]
        server = socket.create_connection(("127.0.0.1", self.target))
        self._from_server.add(server)
        for end, other in ((client, server), (server, client)):
            self._peers[end] = other
            self._selector.register(end, selectors.EVENT_READ)

    def _deliver(self) -> None:
        while self._under_way and self._under_way[0][0] <= time.monotonic():
            _due, end, data = self._under_way.popleft()
            if end in self._peers:
                with suppress(OSError):
                    end.sendall(data)

    def _forward(self, end: socket.socket) -> None:
        other = self._peers[end]
        try:
            data = end.recv(1 << 16)
            if data:
                if self._swallowed is None or self._swallowed not in data or end not in self._from_server:
                    if self._delay:
                        self._under_way.append((time.monotonic() + self._delay, other, data))
                    else:
                        other.sendall(data)
                else:
                    self.dropped += 1
                time.sleep(self._pace)
                return
        except OSError:
            pass
        for one in (end, other):
            self._selector.unregister(one)
            del self._peers[one]
            one.close()
