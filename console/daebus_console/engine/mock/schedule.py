"""Doing things later, on one thread that runs while there is something to do."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Schedule:
    """Calls functions at their time, by the monotonic clock. Any thread may add some."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def at(self, when: float, function: Callable[[], None]) -> None:
        """Call it then. Nothing is called after `close`."""
        with self._changed:
            if self._closed:
                return
            heapq.heappush(self._due, (when, next(self._order), function))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="daebus-console-later", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Forget what is left; returns when the thread has ended."""
        with self._changed:
            self._closed = True
            self._due.clear()
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                    continue
                function = heapq.heappop(self._due)[2]
            function()
