"""A connected socket, plain or TLS: reading waits, writing does not. All that the transport wants of the system."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

READ_SIZE = 65536
LONGEST_WAIT = 3600.0
"""Seconds of one wait for the system, which takes no such number as threads do; who waits longer waits again."""
_BUSY: tuple[type[OSError], ...] = (BlockingIOError, InterruptedError)


class Stream:
    """One thread may read and one may write at a time; any thread may `shut`, which ends both at once."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._secure, self._busy = False, _BUSY
        if type(sock) is not socket.socket:
            # Whoever has made a TLS socket has imported that; who makes none never does.
            import ssl

            self._secure = isinstance(sock, ssl.SSLSocket)
            self._busy = (*_BUSY, ssl.SSLWantReadError, ssl.SSLWantWriteError)
        # A TLS session must not be read and written at once.
        self._lock = threading.Lock()
        wait = waiting(sock, writable=False)
        self.wait_readable = self._or_pending(wait) if self._secure else wait
        """Waits until there is something to read, for so many seconds at most; whether there is."""
        self._has_ended = _ending(sock)

    def read(self) -> bytes | None:
        """What has come, without waiting; None where nothing has, b"" at the end. Raises OSError."""
        try:
            if self._secure:
                with self._lock:
                    return self._socket.recv(READ_SIZE)
            return self._socket.recv(READ_SIZE)
        except self._busy:
            return None

    def write(self, data: bytes | memoryview) -> int:
        """Write what the socket takes without waiting; how many bytes that was. Raises OSError."""
        try:
            if self._secure:
                with self._lock:
                    return self._socket.send(data)
            return self._socket.send(data)
        except self._busy:
            return 0

    def wait_writable(self, timeout: float) -> bool:
        """Wait until it takes more, for at most `timeout` seconds."""
        # One of its own: several threads may wait for this.
        return waiting(self._socket, writable=True)(timeout)

    def may_have_ended(self) -> bool:
        """Whether the other side has closed it, or, where the system cannot tell, may have. For any thread."""
        try:
            return self._has_ended is None or bool(self._has_ended.poll(0))
        except RuntimeError:
            # Another thread asks just now, and one poller is for one thread at a time.
            return True

    def shut(self) -> None:
        """End the conversation: whoever reads or writes finds it closed. Frees nothing."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        """Free the socket, when nobody reads, writes or waits here any more; in a forked child only its own copy."""
        self._socket.close()

    def _or_pending(self, wait: Callable[[float], bool]) -> Callable[[float], bool]:
        """What TLS has read from the socket already is not seen by the system any more."""
        pending: Callable[[], int] = cast(Any, self._socket).pending
        return lambda timeout: bool(pending()) or wait(timeout)


def waiting(sock: socket.socket, writable: bool) -> Callable[[float], bool]:
    """A function that waits, for so many seconds at most, until a socket can be read (or written); False at the end.

    With `poll` where the system has it: `select` knows no descriptor above 1023.
    """
    if hasattr(select, "poll"):
        poller = _poller(sock, writable)

        def poll(timeout: float) -> bool:
            milliseconds = 1000 * (timeout if 0.0 <= timeout <= LONGEST_WAIT else LONGEST_WAIT if timeout > 0 else 0.0)
            try:
                return bool(poller.poll(milliseconds))
            except RuntimeError:
                # A thread that was taken for gone still waits with it, and one such is for one thread at a time.
                return bool(_poller(sock, writable).poll(milliseconds))

        return poll

    def wait(timeout: float) -> bool:
        timeout = min(max(0.0, timeout), LONGEST_WAIT)
        try:
            return any(select.select([] if writable else [sock], [sock] if writable else [], [], timeout))
        except ValueError:
            # It has been closed; reading tells.
            return True

    return wait


def _ending(sock: socket.socket) -> select.poll | None:
    """What tells whether the other side has closed a socket; None where the system cannot."""
    if not (hasattr(select, "poll") and hasattr(select, "POLLRDHUP")):
        return None
    poller = select.poll()
    poller.register(sock, select.POLLRDHUP)
    return poller


def has_ended(sock: socket.socket) -> bool:
    """Whether the other side has closed a socket, as far as the system can tell."""
    poller = _ending(sock)
    return poller is not None and bool(poller.poll(0))


def _poller(sock: socket.socket, writable: bool) -> select.poll:
    poller = select.poll()
    poller.register(sock, select.POLLOUT if writable else select.POLLIN)
    return poller
