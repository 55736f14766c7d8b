"""Starting threads, noticing that there are to be none any more, and seeing where each of them is."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import TypeVar, cast

from daebus.errors import TooLate
from daebus.transport.fork import begins_anew
from daebus.transport.sockets.waiter import Waiter

T = TypeVar("T")


def is_ending() -> bool:
    """Whether the interpreter comes to its end; from then on there may be no new threads."""
    return sys.is_finalizing() or not threading.main_thread().is_alive()


def begin(thread: threading.Thread) -> None:
    """Start a thread. Raises RuntimeError where none is to be had, and never waits for one that cannot begin.

    An exception that a signal raises in here is raised as what it is.
    """
    if sys.is_finalizing():
        # Python 3.11 would wait for ever for it to say that it runs.
        raise RuntimeError("can't start new thread: the interpreter is ending")
    try:
        thread.start()
    except KeyError as error:
        # Where it comes when the thread has begun already, `start` stumbles over the thread's own bookkeeping (CPython
        # 3.11 to 3.13), with what the signal raised behind it.
        if isinstance(error.__context__, Exception):
            raise error.__context__ from None
        raise


def aside(what: Callable[[], object]) -> None:
    """Do something that takes a while on a thread of its own; where none is to be had, here and now."""
    try:
        begin(threading.Thread(target=what, name="daebus-aside", daemon=True))
    except RuntimeError:
        what()


class FewThreads:
    """Does things on at most so many threads, daemons that are there as long as there is something to do.

    Made without a lock: an exception that a signal raises in the middle leaves nothing behind that hinders others.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self.after_fork()
        begins_anew(self)

    def after_fork(self) -> None:
        """Where the threads are gone that there were."""
        self._jobs: deque[Callable[[], None]] = deque()
        self._threads: set[threading.Thread] = set()

    def do(self, job: Callable[[], None]) -> None:
        """Have it done, in its turn; it must not raise. Raises RuntimeError where it takes a thread and none is to be
        had."""
        self._jobs.append(job)
        self._threads.difference_update([one for one in list(self._threads) if not one.is_alive()])
        if len(self._threads) >= self._most:
            return
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._threads.add(thread)
        try:
            begin(thread)
        except RuntimeError:
            self._threads.discard(thread)
            try:
                self._jobs.remove(job)
            except ValueError:
                # Another one has it.
                return
            raise

    def _work(self) -> None:
        me, jobs, threads = threading.current_thread(), self._jobs, self._threads
        while True:
            try:
                job = jobs.popleft()
            except IndexError:
                threads.discard(me)
                if not jobs:
                    return
                # It came when this one was still counted.
                threads.add(me)
            else:
                job()
                del job


def in_time(what: Callable[[], T], until: float, longest: float, finding: str) -> T:
    """What a function finds out that may wait for servers, for `longest` seconds. Raises TooLate at `until` (a time of
    `time.monotonic()`); then it goes on, on a thread of its own.
    """
    if until - time.monotonic() >= longest:
        return what()
    waiter, told = Waiter(), list[tuple[T | None, Exception | None]]()

    def run() -> None:
        try:
            told.append((what(), None))
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            told.append((None, error))
        waiter.wake()

    try:
        begin(threading.Thread(target=run, name="daebus-in-time", daemon=True))
    except RuntimeError:
        return what()
    while not told:
        if (left := until - time.monotonic()) <= 0:
            raise TooLate(f"the time was over before it was found out {finding}; nothing was sent")
        waiter.sleep(left)
    found, failed = told.pop()
    try:
        if failed is not None:
            raise failed
        return cast(T, found)
    finally:
        # The error knows this frame, and must not know itself by that.
        del failed


class _Garbage:
    """Is left where it is while somebody looks at the frames of other threads, one at a time."""

    def __init__(self) -> None:
        self._looking = threading.RLock()
        self._left = False

    @contextmanager
    def left(self) -> Iterator[None]:
        with self._looking:
            collected = gc.isenabled()
            try:
                if collected:
                    self._left = True
                    gc.disable()
                yield
            finally:
                if collected:
                    gc.enable()
                    self._left = False

    def after_fork(self) -> None:
        self._looking = threading.RLock()
        if self._left:
            gc.enable()
            self._left = False


_garbage = _Garbage()
begins_anew(_garbage)


def looking_at_threads() -> AbstractContextManager[None]:
    """Within it `sys._current_frames` may be called, and what it gives be looked at.

    Python 3.11 may collect garbage as it makes the object of a frame. Where a finalizer then lets other threads run,
    what is made may be of a frame that has been left meanwhile, and whoever reads it ends the process. So there nothing
    is collected in here. From 3.12 on Python itself collects nothing at such a place.
    """
    return _garbage.left() if sys.version_info < (3, 12) else nullcontext()


def is_held(name: str, value: object) -> bool:
    """Whether a call of ours that is under way in some thread has that value, by that name, among its variables.

    So one that is kept from running, by a system that has too much to do, is told from one that is not there any more.
    Takes a while: for what seldom happens. Of greenlets it sees those that run.
    """
    with looking_at_threads():
        for top in sys._current_frames().values():
            frame: FrameType | None = top
            while frame is not None:
                ours = frame.f_globals.get("__name__", "").startswith("daebus.")
                if ours and frame.f_locals.get(name) is value:
                    return True
                frame = frame.f_back
    return False
