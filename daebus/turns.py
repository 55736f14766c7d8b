"""Whose turn it is among threads that share one task, reading a connection. Knows nothing of the task.

Rules of this file: at any time one thread has the turn, or it is vacant; it has a number, which changes
whenever it is passed on. `_lock` guards everything and is held for moments only.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

from .waiting import bounded

LINGER = 0.1
"""Seconds after which a regular thread takes a turn that visitors have left vacant."""
PATIENCE = 0.002
"""Seconds after which the turn is taken from a thread that stepped out."""


class Visitor:
    """A thread that waits for something that whoever has the turn may bring. `wake` it when that has come."""

    __slots__ = ("_lock", "_signalled")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._signalled = False

    def wake(self) -> None:
        """End its sleep, or its next one."""
        # Two at once would release twice; the loser's error says that the work is done.
        if not self._signalled:
            self._signalled = True
            try:
                self._lock.release()
            except RuntimeError:
                pass

    def sleep(self, timeout: float) -> None:
        """Sleep until `wake`, or for `timeout` seconds."""
        if self._lock.acquire(timeout=bounded(timeout)):
            self._signalled = False


class Relay:
    """Wakes visitors one by one: each, when it comes to wait again, wakes the next.

    Threads that are woken all at once only wait for one another, for Python runs one at a time, and to wait for that
    costs more than to sleep on. Whoever adds visitors must `step` when it waits itself, and `rush` soon after that:
    one that was woken may have other things to do than to wait again.
    """

    def __init__(self) -> None:
        self._visitors: deque[tuple[Visitor, float]] = deque()

    def add(self, visitor: Visitor) -> None:
        """Have it woken after those that were added before."""
        self._visitors.append((visitor, time.monotonic()))

    def step(self) -> bool:
        """Wake the next one; False where there are no more after it."""
        try:
            self._visitors.popleft()[0].wake()
        except IndexError:
            return False
        return bool(self._visitors)

    def rush(self, age: float = 0.0) -> bool:
        """Wake all that were added that many seconds ago, or earlier; False where there are no more after them."""
        until = time.monotonic() - age
        try:
            while self._visitors[0][1] <= until:
                self.step()
        except IndexError:
            return False
        return True


class Turns:
    """Gives the turn to one of `threads` regular threads, or to visitors.

    A regular thread iterates, and gets the number of its turn each time it comes; it keeps the turn until
    `pass_on`. The thread that rested last comes first (its memory is warmest). A visitor that has to wait
    anyway takes the turn from a regular thread, so that nobody need be woken when what it waits for comes;
    `ask` is called, with nothing locked, to make the regular thread look at `wanted`.

    Waking a thread costs more than most handlers do. So a thread that has the turn may also step out, to do
    something that is likely quick, and step in again; while that goes on, one of those that rest watches,
    and takes the turn where it lasts too long.
    """

    def __init__(self, threads: int, ask: Callable[[], None] = lambda: None) -> None:
        self.threads = threads
        self._ask = ask
        self._lock = threading.Lock()
        self._resting: list[threading.Lock] = []
        self._visitors: dict[Visitor, None] = {}
        self._vacant = True
        self._turn = 0
        self._visited = False
        self._ended = False
        self._watcher: threading.Lock | None = None
        self._away_since = 0.0
        self._stepped_out_at = 0.0

    @property
    def wanted(self) -> bool:
        """Whether a visitor waits for the turn."""
        return bool(self._visitors)

    def is_over(self, turn: int) -> bool:
        """Whether the turn of that number has been passed on."""
        return self._turn != turn

    def pass_on(self, turn: int, prompt: bool = True) -> None:
        """Give the turn of that number away, if it is not over already.

        With `prompt=False` regular threads leave it to the next visitor for a moment.
        """
        with self._lock:
            if self._turn != turn:
                return
            self._turn += 1
            self._vacant = True
            self._away_since = 0.0
            self._visited = not prompt
            self._offer(prompt)

    def step_out(self) -> None:
        """Have the turn, but do something else for a moment."""
        self._away_since = self._stepped_out_at = time.monotonic()
        if self._watcher is None and self._resting:
            with self._lock:
                if self._resting:
                    self._watcher = self._resting.pop(0)
                    self._watcher.release()

    def step_in(self, turn: int) -> bool:
        """Be back; False where the turn is over."""
        with self._lock:
            if self._turn != turn:
                return False
            self._away_since = 0.0
            return True

    def rouse(self) -> None:
        """Let a regular thread take the turn at once if it is vacant."""
        with self._lock:
            self._visited = False
            if self._vacant:
                self._offer(prompt=True)

    def end(self) -> None:
        """Let every regular thread go that rests."""
        with self._lock:
            self._ended = True
            while self._resting:
                self._resting.pop().release()
            if self._watcher is not None and self._watcher.locked():
                self._watcher.release()

    def claim(self) -> bool:
        """Take the turn for good if it is vacant."""
        with self._lock:
            vacant, self._vacant = self._vacant, False
            return vacant

    def visit(self, visitor: Visitor, ready: Callable[[], bool], deadline: float) -> int | None:
        """Wait for the turn, and return its number; None once `ready()` is true, or `deadline` has come."""
        while True:
            with self._lock:
                if ready() or time.monotonic() >= deadline:
                    self._visitors.pop(visitor, None)
                    if self._vacant:
                        self._offer(prompt=False)
                    return None
                if self._vacant and not self._ended:
                    self._vacant = False
                    self._visited = True
                    self._visitors.pop(visitor, None)
                    return self._turn
                self._visitors[visitor] = None
                ask = not self._visited
            if ask:
                self._ask()
            visitor.sleep(deadline - time.monotonic())

    def _offer(self, prompt: bool) -> None:
        """Wake one that may take the vacant turn. Called with `_lock` held."""
        if self._visitors:
            next(iter(self._visitors)).wake()
        elif prompt and self._resting:
            self._resting.pop().release()
        elif prompt and self._watcher is not None and self._watcher.locked():
            self._watcher.release()

    def __iter__(self) -> Iterator[int]:
        wake = threading.Lock()
        wake.acquire()
        while self._await(wake):
            yield self._turn

    def _await(self, wake: threading.Lock) -> bool:
        """Wait for the turn; False at the end."""
        linger = False
        while True:
            with self._lock:
                if wake in self._resting:
                    self._resting.remove(wake)
                if self._ended:
                    return False
                if self._is_mine(wake, linger):
                    if self._watcher is wake:
                        self._watcher = None
                    return True
                timeout = self._rest(wake)
            linger = not wake.acquire(timeout=timeout)

    def _is_mine(self, wake: threading.Lock, linger: bool) -> bool:
        """Whether the thread may have the turn, which it then has. Called with `_lock` held."""
        if self._vacant and not self._visitors and (linger or not self._visited):
            self._vacant = False
            self._visited = False
            return True
        if self._watcher is wake and self._away_since and time.monotonic() - self._away_since > PATIENCE:
            self._turn += 1
            self._away_since = 0.0
            return True
        return False

    def _rest(self, wake: threading.Lock) -> float:
        """How long to rest, in seconds; -1 for until woken. Called with `_lock` held."""
        if self._watcher is wake:
            if time.monotonic() - self._stepped_out_at < LINGER:
                return PATIENCE
            self._watcher = None
        self._resting.append(wake)
        return LINGER if self._visited or self._visitors else -1
