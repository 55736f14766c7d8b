"""Threads that wait, and are woken.

Made of one lock each, which C code takes and gives back: an exception that a signal raises in the middle leaves nothing
behind that hinders others. `threading.Condition` and `Event` promise no such thing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Waiter:
    """A thread that waits. `wake` ends its sleep, or its next one."""

    __slots__ = ("_lock", "woken")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self.woken = False
        """Whether it has been woken and has not looked yet, as far as is known."""

    def wake(self) -> None:
        """End its sleep, or its next one."""
        # That is told by the lock alone: a sleep may be interrupted when it has been woken, and has not said so yet.
        if self._lock.locked():
            self.woken = True
            # Two at once would release twice; the loser's error says that the work is done.
            try:
                self._lock.release()
            except RuntimeError:
                pass

    def sleep(self, timeout: float) -> None:
        """Sleep until `wake`, or for `timeout` seconds."""
        if self._lock.acquire(timeout=min(max(0.0, timeout), threading.TIMEOUT_MAX)):
            self.woken = False


class Changes:
    """Something that changes, and the threads that wait for it to."""

    def __init__(self) -> None:
        self._waiters: dict[Waiter, None] = {}

    def tell(self) -> None:
        """It has changed: let those who wait look."""
        for waiter in list(self._waiters):
            waiter.wake()

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until the condition holds, which is looked at after each change; False after `timeout` seconds."""
        if condition():
            return True
        waiter = Waiter()
        until = time.monotonic() + timeout
        try:
            self._waiters[waiter] = None
            while not condition():
                left = until - time.monotonic()
                if left <= 0:
                    return False
                waiter.sleep(left)
            return True
        finally:
            self._waiters.pop(waiter, None)
