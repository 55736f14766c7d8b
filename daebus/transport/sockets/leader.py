"""Leader/followers: of the threads that wait for something on one connection, one reads for all.

The leader hands over what is for others and goes on until it has what it waits for itself; then it resigns, and
wakes a follower to lead. So nobody need be woken for what it reads by itself, which is most of what a call costs.
(Schmidt, O'Ryan et al., "Leader/Followers", PLoP 2000.)

Invariants:

1. At most one thread leads. It is known by its Waiter; `_lock` guards who that is, and who follows, and is only ever
   held by `with`, for moments, with nothing called that may wait.
2. Whoever has called `join` calls `leave` in a `finally`, which may be done twice and undoes whatever was done: an
   exception that a signal raises at any place leaves no leader behind that does not read. Where one more in the middle
   of that does, the leader is `back_by` no more, and who waits takes its place; unless it is found to be
   on its way yet, its Waiter in a variable `waiter`, and is only kept from running, or still connects.
3. Whoever leaves while somebody follows makes one of those the leader and wakes it: it leads, or hands on when it
   leaves. One that never comes is overdue as any leader is. (To leave the place empty for whoever comes first, which
   is mostly the one that left, had the woken one find that out and sleep again: a fifth fewer calls from 32 threads.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from daebus.transport.threads import is_held

from .waiter import Waiter

OVERDUE_AFTER = 1.0
"""Seconds after which a leader that has not come back from its wait is taken for gone."""


class Leadership:
    """Who reads for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.leader: Waiter | None = None
        self.followers: dict[Waiter, None] = {}
        self._left_at = 0.0
        self.back_by = 0.0
        """When the leader comes back from waiting at the latest, as it says itself (a time of `time.monotonic()`)."""

    @property
    def wanted(self) -> bool:
        """Whether somebody would lead."""
        return bool(self.followers)

    def join(self, waiter: Waiter, ready: Callable[[], int], deadline: float) -> bool:
        """Wait until this thread is to lead (True), or `ready()` holds or the `deadline` has come (False)."""
        while True:
            with self._lock:
                if ready():
                    self.followers.pop(waiter, None)
                    return False
                now = time.monotonic()
                leader = self.leader
                if leader is None or leader is waiter or (now > self.back_by + OVERDUE_AFTER and self._is_gone()):
                    self.leader = waiter
                    self.back_by = now
                    self.followers.pop(waiter, None)
                    return True
                self.followers[waiter] = None
            if now >= deadline:
                return False
            waiter.sleep(min(deadline - now, max(OVERDUE_AFTER, self.back_by + OVERDUE_AFTER - now)))

    def take(self, waiter: Waiter, vacant_for: float = 0.0) -> bool:
        """Lead, if nobody does, has for that many seconds, or would."""
        with self._lock:
            now = time.monotonic()
            if self.leader is not None and (now <= self.back_by + OVERDUE_AFTER or not self._is_gone()):
                return False
            if now - self._left_at < (OVERDUE_AFTER if self.followers else vacant_for):
                return False
            # Who follows still comes again when woken.
            for follower in self.followers:
                follower.wake()
            self.followers.clear()
            self.leader = waiter
            self.back_by = now
            return True

    def _is_gone(self) -> bool:
        """Whether the leader, which is overdue, will never come back."""
        return not is_held("waiter", self.leader)

    def leave(self, waiter: Waiter) -> None:
        """Neither lead nor follow any more."""
        if waiter not in self.followers:
            # Looked at in this order: one that follows is made the leader while there is none.
            leader = self.leader
            if leader is not waiter and (leader is not None or not self.followers):
                return
        with self._lock:
            self.followers.pop(waiter, None)
            if self.leader is waiter:
                self.leader = None
                self._left_at = time.monotonic()
            if self.leader is None and self.followers:
                # One that has been woken has what it waited for, as a rule, and would only hand on in its turn.
                follower = next((one for one in self.followers if not one.woken), None)
                if follower is None:
                    follower = next(iter(self.followers))
                # It leads from now on, and not whoever comes before it has woken up, for it to find that out.
                del self.followers[follower]
                self.leader = follower
                self.back_by = time.monotonic()
                follower.wake()
