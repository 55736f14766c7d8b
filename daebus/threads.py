"""Starting threads, and noticing that all but one are gone: after a fork, and when the interpreter comes to its end."""

from __future__ import annotations

import os
import sys
import threading

_ENDING = -1


def era() -> int:
    """A number that changes when the threads there were are gone, with whatever locks they held.

    That is so in a forked child, and in finalizers that run after the interpreter has ended its daemon threads.
    """
    return _ENDING if sys.is_finalizing() else os.getpid()


def is_ending() -> bool:
    """Whether the interpreter comes to its end; from then on there may be no new threads."""
    return sys.is_finalizing() or not threading.main_thread().is_alive()


def begin(thread: threading.Thread) -> None:
    """Start a thread. Raises RuntimeError where none is to be had, and never waits for one that cannot begin."""
    if sys.is_finalizing():
        # Python 3.11 would wait for ever for it to say that it runs.
        raise RuntimeError("can't start new thread: the interpreter is ending")
    thread.start()
