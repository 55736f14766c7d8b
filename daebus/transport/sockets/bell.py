"""What wakes a thread that waits for sockets: other threads ring, and so does every signal where that is wanted."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .stream import LONGEST_WAIT, waiting


class Bell:
    """A socket that can be read from when it has rung; see `fileno`. Ringing takes no lock and waits for nothing."""

    def __init__(self) -> None:
        self._heard, self._rung = socket.socketpair()
        for sock in (self._heard, self._rung):
            sock.setblocking(False)
        self._wait = waiting(self._heard, writable=False)

    def fileno(self) -> int:
        """What to wait for, to be readable."""
        return self._heard.fileno()

    def ring(self) -> None:
        """Wake whoever waits, or is about to. For any thread, and for a handler of signals."""
        try:
            self._rung.send(b"\0")
        except OSError:
            # It has been rung more often than it was heard, or nobody waits any more.
            pass

    def wait(self) -> None:
        """Wait until it rings, or return for no reason; then it has been heard."""
        self._wait(LONGEST_WAIT)
        self.hear()

    def hear(self) -> None:
        """It has been heard: until it rings again there is nothing to read."""
        try:
            self._heard.recv(4096)
        except BlockingIOError:
            pass

    @contextmanager
    def rung_by_signals(self) -> Iterator[None]:
        """Within, it rings whenever a signal comes, whichever thread the system gives that to.

        Handlers of signals run in the main thread, which the system wakes only where it gives it the signal. Only that
        thread can say so; in another one nothing is changed.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.set_wakeup_fd(self._rung.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            try:
                signal.set_wakeup_fd(before)
            except (OSError, ValueError):
                # It has been closed meanwhile.
                signal.set_wakeup_fd(-1)

    def close(self) -> None:
        """Ring no more."""
        self._heard.close()
        self._rung.close()
