"""Leader/followers: of the threads that wait for something on one connection, one reads for all.

The leader hands over what is for others and goes on until it has what it waits for itself; then it resigns, and
wakes a follower to lead. So nobody need be woken for what it reads by itself, which is most of what a call costs.
(Schmidt, O'Ryan et al., "Leader/Followers", PLoP 2000.)

Invariants:

1. At most one thread leads. It is known by its Waiter; `_lock` guards who that is, and who follows, and is only ever
   held by `with`, for moments, with nothing called that may wait.
2. Whoever has called `join` calls `leave` in a `finally`, which may be done twice and undoes whatever was done: an
   exception that a signal raises at any place leaves no leader behind that does not read.
3. Where nobody leads and somebody follows, one that follows has been woken, and leads, or wakes the next when it leaves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Waiter:
    """A thread that waits. `wake` ends its sleep, or its next one."""

    __slots__ = ("_lock", "_woken")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._woken = False

    def wake(self) -> None:
        """End its sleep, or its next one."""
        # Two at once would release twice; the loser's error says that the work is done.
        if not self._woken:
            self._woken = True
            try:
                self._lock.release()
            except RuntimeError:
                pass

    def sleep(self, timeout: float) -> None:
        """Sleep until `wake`, or for `timeout` seconds."""
        if self._lock.acquire(timeout=min(max(0.0, timeout), threading.TIMEOUT_MAX)):
            self._woken = False


class Leadership:
    """Who reads for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._leader: Waiter | None = None
        self._followers: dict[Waiter, None] = {}
        self._left_at = 0.0

    @property
    def wanted(self) -> bool:
        """Whether somebody would lead."""
        return bool(self._followers)

    def led_by(self, waiter: Waiter) -> bool:
        """Whether that one leads."""
        return self._leader is waiter

    def join(self, waiter: Waiter, ready: Callable[[], bool], deadline: float) -> bool:
        """Wait until this thread is to lead (True), or `ready()` holds or the `deadline` has come (False)."""
        while True:
            with self._lock:
                if ready():
                    return False
                if self._leader is None:
                    self._leader = waiter
                    self._followers.pop(waiter, None)
                    return True
                self._followers[waiter] = None
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            waiter.sleep(left)

    def take(self, waiter: Waiter, vacant_for: float = 0.0) -> bool:
        """Lead, if nobody does, has for that many seconds, or would."""
        with self._lock:
            if self._leader is not None or self._followers or time.monotonic() - self._left_at < vacant_for:
                return False
            self._leader = waiter
            return True

    def leave(self, waiter: Waiter) -> None:
        """Neither lead nor follow any more."""
        with self._lock:
            self._followers.pop(waiter, None)
            if self._leader is waiter:
                self._leader = None
                self._left_at = time.monotonic()
            if self._leader is None:
                for follower in self._followers:
                    follower.wake()
                    break
