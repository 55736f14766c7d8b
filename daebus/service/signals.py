"""Waiting for SIGTERM or SIGINT. The first asks to stop, the second ends the process at once."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from types import FrameType
from typing import Any

from daebus.transport.fork import begins_anew
from daebus.transport.sockets.bell import Bell


class StopSignals:
    """While entered (in the main thread), signals are caught; `wait` returns at the first, or after `wake`.

    The handler takes no lock: that could deadlock with what it interrupts. It runs in the main thread, and the system
    may give the signal to another one, so that nothing wakes the main one: where a process was stopped and goes on
    (Ctrl-Z and `kill %1`, say) it often does. So the main one waits for a `Bell`, which signals ring.

    A child that is forked meanwhile has the handler of SIGTERM that there was before, and so ends when it is told to
    (`Process.terminate`), also where that is before it has begun (`_hold_back`). That of SIGINT it keeps: a Ctrl-C of
    the terminal comes to both, and the parent, which has a grace, says what becomes of the child.
    """

    def __init__(self) -> None:
        self._previous: dict[int, Any] = {}
        self._caught = self._ended = False
        self._bell: Bell | None = None
        self._process = os.getpid()
        begins_anew(self)

    def after_fork(self) -> None:
        """In a forked child: be told to end as any process is."""
        if signal.SIGTERM in self._previous and os.getpid() != self._process:
            signal.signal(signal.SIGTERM, self._previous.pop(signal.SIGTERM) or signal.SIG_DFL)
            if self._bell is not None:
                # That of the parent.
                signal.set_wakeup_fd(-1)

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
        with closing(Bell()) as bell:
            # Not before: what has run until now in this thread, such as an event loop, may have wanted signals to ring.
            with bell.rung_by_signals():
                self._bell = bell
                while not self._ended:
                    bell.wait()
            self._bell = None

    def wake(self) -> None:
        """Make `wait` return."""
        self._ended = True
        bell = self._bell
        if bell is not None:
            bell.ring()

    def _catch(self, number: int, _frame: FrameType | None) -> None:
        if self._caught:
            os._exit(128 + number)
        self._caught = True
        self.wake()


_held_back = threading.local()


def _hold_back() -> None:
    """Before a fork, where SIGTERM is caught: have it wait.

    A child that was told to end in the moment before it has the handler that it is to have, as the last ones of a
    `multiprocessing.Pool` are that is done soon, would never end, and who made it would wait for it for ever.
    """
    if isinstance(getattr(signal.getsignal(signal.SIGTERM), "__self__", None), StopSignals):
        _held_back.mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


def _let_through() -> None:
    """After it, on both sides: in a child when all have begun anew."""
    mask = vars(_held_back).pop("mask", None)
    if mask is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


if hasattr(os, "register_at_fork"):
    # After what `begins_anew` has registered, which therefore comes first in a child.
    os.register_at_fork(before=_hold_back, after_in_parent=_let_through, after_in_child=_let_through)
