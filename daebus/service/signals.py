"""Waiting for SIGTERM or SIGINT. The first asks to stop, the second ends the process at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from daebus.transport.sockets.waiter import Waiter

_LOOK_EVERY = 0.5 if sys.platform == "win32" else threading.TIMEOUT_MAX
"""Seconds; where a signal does not end a wait, its handler runs after it."""


class StopSignals:
    """While entered (in the main thread), signals are caught; `wait` returns at the first, or after `wake`.

    The handler only gives a lock back: anything more could deadlock with what it interrupts.
    """

    def __init__(self) -> None:
        self._previous: dict[int, Any] = {}
        self._caught = self._ended = False
        self._waiter = Waiter()

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def wait(self) -> None:
        """Block until a signal comes or `wake` is called."""
        while not self._ended:
            self._waiter.sleep(_LOOK_EVERY)

    def wake(self) -> None:
        """Make `wait` return."""
        self._ended = True
        self._waiter.wake()

    def _catch(self, number: int, _frame: FrameType | None) -> None:
        if self._caught:
            os._exit(128 + number)
        self._caught = True
        self.wake()
