"""What happens when a signal asks the program to end: everything is closed, and the exit status tells which it was.

SIGHUP comes when the terminal goes, SIGQUIT from a person who has had enough, SIGTERM from whoever runs the machine. By
itself Python dies of the first two on the spot: the terminal stays as it was made, and files are left as they are.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

PATIENCE = 15.0
"""Seconds that closing may take before the process is ended where it stands."""
INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a program that ctrl+c ended."""
HUNG_UP = 128 + signal.SIGHUP
"""That of one whose terminal has gone."""
_AGAIN = 2.0
"""Seconds after which one who asks a second time means it."""
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGHUP", "SIGQUIT", "SIGTERM") if hasattr(signal, name))

Gently = Callable[[int], bool]
"""Told the exit status; true where it sees to the end itself, so that nothing needs to be raised."""


class Ended(SystemExit):
    """A signal asks the program to end. Of SystemExit, which event loops let through; `code` is the exit status."""


def asked_before(error: BaseException) -> int | None:
    """The exit status that a signal asked for, where the error is that or came of it; None where no signal did.

    One that comes between a lock's being waited for and had leaves by way of code that lets go of the lock, and fails:
    "release unlocked lock" is what is told then, and means nothing.
    """
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, KeyboardInterrupt):
            return INTERRUPTED
        if isinstance(behind, Ended):
            return int(behind.code or 0)
        behind = behind.__context__
    return None


@contextmanager
def noticing(interrupted: Callable[[], None]) -> Iterator[None]:
    """Within, an interrupt is told before it raises KeyboardInterrupt, as ever."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def noticed(number: int, frame: FrameType | None) -> None:
        interrupted()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, noticed)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Ending:
    """While entered, the signals raise Ended in the main thread, once; then the program closes and goes.

    A signal that the process was started to ignore (nohup) stays ignored. `gently` is asked first, and `at_last` is
    called where closing takes longer than PATIENCE, or is asked for again, before the process ends where it stands.
    """

    def __init__(self) -> None:
        self.gently: Gently | None = None
        self.at_last: Callable[[], None] | None = None
        self._before: dict[int, Any] = {}
        self._since: float | None = None
        self.asked: int | None = None
        """The exit status that a signal asked for, if one did."""

    def __enter__(self) -> Ending:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._asked)
        return self

    def __exit__(self, *_exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @contextmanager
    def told_to(self, gently: Gently, at_last: Callable[[], None] | None = None) -> Iterator[None]:
        """Within, whoever has the terminal is told, and ends itself: no half-drawn screen is left."""
        self.gently, self.at_last = gently, at_last
        try:
            yield
        finally:
            self.gently = self.at_last = None

    @contextmanager
    def by(self, gently: Gently, at_last: Callable[[], None]) -> Iterator[None]:
        """As `told_to`, and by SIGINT as well: ctrl+c is a key there."""
        with self.told_to(gently, at_last):
            interrupt = signal.signal(signal.SIGINT, self._asked)
            try:
                yield
            finally:
                signal.signal(signal.SIGINT, interrupt)

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        status = 128 + number
        if self._since is not None:
            # A terminal that goes says so more than once: to its programs, and through the shell.
            if number != signal.SIGHUP and time.monotonic() - self._since > _AGAIN:
                self._end_now(status)
            return
        self._since, self.asked = time.monotonic(), status
        watch = threading.Timer(PATIENCE, self._end_now, (status,))
        watch.daemon = True
        watch.start()
        if self.gently is None or not self.gently(status):
            raise Ended(status)

    def _end_now(self, status: int) -> None:
        try:
            if self.at_last is not None:
                self.at_last()
        finally:
            os._exit(status)


ENDING = Ending()
"""The signals of this process."""
