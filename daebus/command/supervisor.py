"""Runs a service in a process of its own, and with new code in another one whenever its files change.

New code is imported by a new process while the old one serves. Where that fails, the old one goes on. Otherwise they
hand over (see `handover.py`), the old one finishes what it has taken and ends, and only then the new one begins: its
start hooks, tasks and threads never run beside those of the old one.

Rule of this file: all of it runs on the main thread, in one loop; other threads and signals only ring its bell.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

from daebus.transport.sockets.bell import Bell

from .line import Line
from .watching import Watcher

log = logging.getLogger("daebus")

FAILED, USAGE = 1, 2
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BEYOND = 5.0
"""Seconds that an old process may take beyond its grace to end, until it is killed."""
OPTIMIZATIONS = ("", 1, 2)
"""Of each of them Python keeps what it has compiled of a file."""
SHOWN = 3
"""Files named in the line that says why it reloads."""


class Child:
    """A process of the service."""

    def __init__(self, arguments: Sequence[str]) -> None:
        ours, theirs = socket.socketpair()
        options = [f"-W{option}" for option in sys.warnoptions]
        command = [sys.executable, *options, "-m", "daebus", *arguments, "--supervised", str(theirs.fileno())]
        try:
            self.process = subprocess.Popen(command, pass_fds=(theirs.fileno(),))
        finally:
            theirs.close()
        self.line = Line(ours)
        self.grace = 0.0
        """Seconds that it may take to end, by its own word."""
        self.kill_at: float | None = None

    @property
    def status(self) -> int | None:
        """Its exit status, as a shell has it; None while it runs."""
        status = self.process.poll()
        return status if status is None or status >= 0 else 128 - status

    def kill(self) -> None:
        """End it at once; nothing depends on it."""
        self.process.kill()
        self.process.wait()
        self.line.close()


class Supervisor:
    """Runs `daebus ARGUMENTS` in a process that is exchanged for another whenever a Python file in `folders` changes.

    Raises Mistake where the folders cannot be watched.
    """

    def __init__(self, what: str, arguments: Sequence[str], folders: Sequence[Path]) -> None:
        self._watcher = Watcher(folders, self._on_change, self._on_failure)
        self._what = what
        self._arguments = arguments
        self._selector = selectors.DefaultSelector()
        self._bell = Bell()
        self._events: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._folders = folders
        self._serving: Child | None = None
        self._next: Child | None = None
        self._handing_over = False
        self._secret = ""
        self._taking_over = False
        """Whether the next one has been told to."""
        self._changed_meanwhile = False
        self._signals = 0
        self._status: int | None = None
        """That of the process which served last."""

    def run(self) -> int:
        """Until a signal comes; returns the exit status, which is that of the service."""
        self._selector.register(self._bell, selectors.EVENT_READ)
        with closing(self._bell), self._bell.rung_by_signals():
            self._run()
        return FAILED if self._status is None else self._status

    def _run(self) -> None:
        heard = {*STOPPING, signal.SIGCHLD}
        if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
            # It was started with `nohup`, and is to stay when the terminal goes.
            heard.remove(signal.SIGHUP)
        previous = {number: signal.signal(number, self._on_signal) for number in heard}
        try:
            self._watcher.start()
            log.info("%s: watching %s for changes", self._what, ", ".join(str(folder) for folder in self._folders))
            self._begin_next()
            while not (self._signals and self._serving is None and self._next is None):
                self._turn()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            for child in (self._serving, self._next):
                if child is not None:
                    child.kill()
            self._watcher.stop()
            self._selector.close()

    def _turn(self) -> None:
        """Wait for something to happen, and deal with it."""
        due = [
            child.kill_at for child in (self._serving, self._next) if child is not None and child.kill_at is not None
        ]
        for key, _events in self._selector.select(max(0.0, min(due) - time.monotonic()) if due else None):
            if key.data is None:
                self._bell.hear()
            else:
                self._read(key.data)
        while not self._events.empty():
            self._events.get()()
        self._look()

    # What other threads and signals say.

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._events.put(lambda: self._stop(number))

    def _on_change(self, paths: list[str]) -> None:
        self._events.put(lambda: self._change(paths))
        self._bell.ring()

    def _on_failure(self, reason: str) -> None:
        self._events.put(lambda: log.error("%s: files are not watched any more: %s", self._what, reason))
        self._bell.ring()

    # What is done about it.

    def _stop(self, number: int) -> None:
        self._signals += 1
        if self._signals > 1:
            for child in (self._serving, self._next):
                if child is not None:
                    child.process.kill()
            self._status = 128 + number
        if self._serving is not None:
            self._serving.line.tell("stop")
        if not self._handing_over or self._signals > 1:
            self._give_up_next()

    def _change(self, paths: list[str]) -> None:
        if self._signals:
            return
        named = ", ".join(paths[:SHOWN]) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")
        log.info("%s: %s changed", self._what, named)
        if self._handing_over:
            # Between the two of them it may be settled already; the new one is not the last.
            self._changed_meanwhile = True
            self._forget(paths)
            return
        self._give_up_next()
        self._forget(paths)
        self._begin_next()

    def _forget(self, paths: list[str]) -> None:
        """Remove what Python has compiled of changed files.

        It knows a file again by the second in which it was saved and by its size, and would run the code of the save
        before. Whoever could still write that has ended, or has imported it.
        """
        for path in (folder / path for folder in self._folders for path in paths):
            for optimization in OPTIMIZATIONS:
                with suppress(OSError, NotImplementedError):
                    os.unlink(importlib.util.cache_from_source(path, optimization=optimization))

    def _begin_next(self) -> None:
        try:
            child = self._next = Child(self._arguments)
        except OSError as error:
            log.error("%s: no process can be started: %s", self._what, error)
            return
        self._selector.register(child.line, selectors.EVENT_READ, child)

    def _give_up_next(self) -> None:
        """It has taken nothing yet."""
        child, self._next = self._next, None
        if child is not None:
            self._handing_over = False
            self._let_go(child)
            child.kill()
            if self._serving is not None:
                self._serving.line.tell("keep")

    def _read(self, child: Child) -> None:
        told = child.line.read()
        if told is None:
            # It ends, or has closed what it did not know; that it has ended is told by its signal.
            self._selector.unregister(child.line)
            return
        for word, value in told:
            if word == "expecting" and child is self._serving:
                self._expecting(value)
            if child is not self._next:
                continue
            if word == "mistake":
                self._refused(child, value)
            elif word == "imported":
                self._imported(child, value)
            elif word == "cut":
                self._settled(value)

    def _refused(self, child: Child, reason: str) -> None:
        """The new code cannot be imported."""
        self._next = None
        if self._serving is None:
            self._status = USAGE
        log.error("%s; %s", reason, self._fate())
        self._let_go(child)
        try:
            child.process.wait(BEYOND)
        except subprocess.TimeoutExpired:
            pass
        child.kill()

    def _imported(self, child: Child, grace: float) -> None:
        child.grace = grace
        if self._serving is None:
            child.line.tell("start")
            self._serving, self._next = child, None
            return
        self._handing_over, self._taking_over = True, False
        self._secret = secrets.token_hex(16)
        self._serving.line.tell("expect", self._secret)

    def _expecting(self, secret: str) -> None:
        """The old one knows by what its messages end: the new one may say when."""
        if self._handing_over and self._next is not None and secret == self._secret:
            self._taking_over = True
            self._next.line.tell("take over", secret)

    def _settled(self, marked: bool) -> None:
        """The new one has it all from now on: the old one may end."""
        if self._serving is not None:
            self._serving.kill_at = time.monotonic() + self._serving.grace + BEYOND
            self._serving.line.tell("end", marked)

    def _begin(self) -> None:
        child, self._next, self._handing_over = self._next, None, False
        if child is not None:
            child.line.tell("begin" if self._taking_over else "start")
            self._serving = child
            if self._signals:
                # What came for it is answered all the same.
                child.line.tell("stop")
        self._catch_up()

    def _catch_up(self) -> None:
        """Begin with what has changed while others handed over."""
        if self._changed_meanwhile and not self._signals:
            self._changed_meanwhile = False
            self._begin_next()

    def _look(self) -> None:
        """See which processes have ended, and which should have."""
        for child in (self._serving, self._next):
            if child is None:
                continue
            if child.kill_at is not None and time.monotonic() >= child.kill_at:
                log.warning("%s: the old process has not ended within its grace of %g s", self._what, child.grace)
                child.process.kill()
                child.process.wait()
            if child.status is not None:
                self._ended(child, child.status)

    def _ended(self, child: Child, status: int) -> None:
        self._let_go(child)
        child.line.close()
        if child is self._next:
            self._next = None
            self._handing_over = False
            log.error("%s: the new process ended with status %d; %s", self._what, status, self._fate())
            if self._serving is not None:
                self._serving.line.tell("keep")
            else:
                self._status = status
            self._catch_up()
            return
        self._serving = None
        if self._signals <= 1:
            self._status = status
        if self._handing_over:
            self._begin()
        elif not self._signals:
            log.error("%s: the service has ended with status %d; %s", self._what, status, self._fate())

    def _let_go(self, child: Child) -> None:
        try:
            self._selector.unregister(child.line)
        except KeyError:
            # At its end already.
            pass

    def _fate(self) -> str:
        if self._serving is not None:
            return "the old code goes on"
        return "waiting for a change" if self._next is None else "the new code takes its place"


def run(what: str, arguments: Sequence[str], folders: Sequence[str]) -> int:
    """Run the service `what` by `daebus ARGUMENTS`, and reload it when files in the folders (default: here) change."""
    paths = [Path(folder) for folder in folders] or [Path(os.getcwd())]
    return Supervisor(what, arguments, paths).run()
