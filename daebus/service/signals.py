"""Waiting for SIGTERM or SIGINT. The first asks to stop, the second ends the process at once."""

from __future__ import annotations

import os
import select
import signal
import threading
from types import FrameType
from typing import Any

from .wakeup import WakeUp


class StopSignals:
    """While entered (in the main thread), signals are caught; `wait` returns at the first, or after `wake`.

    The handler only writes to a pipe: anything more could deadlock with what it interrupts.
    """

    def __init__(self) -> None:
        self._previous: dict[int, Any] = {}
        self._caught = False

    def __enter__(self) -> StopSignals:
        self._wake_up = WakeUp()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._wake_up.close()

    def wait(self) -> None:
        """Block until a signal comes or `wake` is called."""
        poller = select.poll()
        poller.register(self._wake_up.descriptor, select.POLLIN)
        while not poller.poll():
            pass

    def wake(self) -> None:
        """Make `wait` return."""
        self._wake_up.call()

    def _catch(self, number: int, _frame: FrameType | None) -> None:
        if self._caught:
            os._exit(128 + number)
        self._caught = True
        self.wake()
