"""Whose turn it is among several threads that share one task. Knows nothing of what the task is."""

from __future__ import annotations

import threading
from collections.abc import Iterator


class Turns:
    """Gives the turn to one of `threads` threads; each iterates over it and gets a number when its turn comes.

    The thread that has the turn keeps it until it calls `pass_on`; then the thread that rested last has it
    (its memory is warmest). The iteration ends with `end`.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._resting: list[threading.Lock] = []
        self._vacant = True
        self._turn = 0
        self._ended = False

    def is_over(self, turn: int) -> bool:
        """Whether the turn of that number has been passed on."""
        return self._turn != turn

    def pass_on(self) -> None:
        """Give the turn to another thread, now or as soon as one is free."""
        with self._lock:
            self._turn += 1
            if self._resting:
                self._resting.pop().release()
            else:
                self._vacant = True

    def end(self) -> None:
        """Let every thread go that rests."""
        with self._lock:
            self._ended = True
            while self._resting:
                self._resting.pop().release()

    def __iter__(self) -> Iterator[int]:
        wake = threading.Lock()
        wake.acquire()
        while True:
            with self._lock:
                vacant, self._vacant = self._vacant, False
                if not vacant:
                    if self._ended:
                        return
                    self._resting.append(wake)
            if not vacant:
                wake.acquire()
            if self._ended:
                return
            yield self._turn
