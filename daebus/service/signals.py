"""Waiting for SIGTERM or SIGINT. The first asks to stop, the second ends the process at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

from daebus.transport.fork import begins_anew
from daebus.transport.sockets.waiter import Waiter

_LOOK_EVERY = 0.5 if sys.platform == "win32" else threading.TIMEOUT_MAX
"""Seconds; where a signal does not end a wait, its handler runs after it."""


class StopSignals:
    """While entered (in the main thread), signals are caught; `wait` returns at the first, or after `wake`.

    The handler only gives a lock back: anything more could deadlock with what it interrupts.

    A child that is forked meanwhile has the handler of SIGTERM that there was before, and so ends when it is told to
    (`Process.terminate`). That of SIGINT it keeps: a Ctrl-C of the terminal comes to both, and the parent, which has a
    grace, says what becomes of the child.
    """

    def __init__(self) -> None:
        self._previous: dict[int, Any] = {}
        self._caught = self._ended = False
        self._waiter = Waiter()
        self._process = os.getpid()
        begins_anew(self)

    def after_fork(self) -> None:
        """In a forked child: be told to end as any process is."""
        if signal.SIGTERM in self._previous and os.getpid() != self._process:
            signal.signal(signal.SIGTERM, self._previous.pop(signal.SIGTERM) or signal.SIG_DFL)

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
