"""Runs the test suite as a child, and sees to it that the suite ends, says what hung, and leaves no process behind.

A test that overruns its time is failed by pytest-timeout, which raises in the main thread of its process. That does not
help where the process is stuck in C, or the exception is swallowed, or the clean-up hangs in its turn. So every process
that runs tests tells this one what it does and how long that may last; afterwards it is killed with all below it.

On Linux it is also the parent of every orphan below it, so that what a dead process left is found, told and ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import command_line, die_with_parent, family, freeze, send

SOCKET = "DAEBUS_TEST_SUPERVISOR"
"""The environment variable that names the socket of the supervisor above this process."""
STACKS = signal.SIGUSR2
"""On this signal a process that runs tests writes the stacks of its threads."""
DUMP_SECONDS = 1.0
STRAGGLER_SECONDS = 3.0
KILL_SECONDS = 10.0
_SUBREAPER = 36


@dataclass
class Activity:
    """What a process does now, since when, and until when it may."""

    what: str
    begun: float
    until: float


class Line:
    """From a process that runs tests to the supervisor above it; does nothing where there is none."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        path = os.environ.get(SOCKET)
        if path:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                self._socket.connect(path)
            except OSError:
                self.close()

    def tell(self, what: str | None, limit: float = 0.0) -> None:
        """This process does `what` now, for `limit` seconds at most; or nothing."""
        self._send({"pid": os.getpid(), "what": what, "limit": limit})

    def report(self, problem: str) -> None:
        """Something that the run must not pass with."""
        self._send({"problem": problem})

    def note(self, what: str) -> None:
        """Something that is to be seen, and fails nothing."""
        self._send({"note": what})

    def _send(self, message: dict[str, object]) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.send(json.dumps(message).encode())

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Supervisor:
    """One run of a command that may last `limit` seconds."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._doing: dict[int, Activity] = {}
        self._failed = False
        self._asked_to_end = 0

    def run(self, command: Sequence[str]) -> int:
        """Run it to its end and return its exit status; 1 where it had to be ended or something was left behind."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_SUBREAPER, 1)
        with (
            tempfile.TemporaryDirectory(prefix="daebus-suite-") as directory,
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox,
        ):
            path = str(Path(directory) / "socket")
            inbox.bind(path)
            inbox.settimeout(0.1)
            # The terminal's ctrl+c is for the suite, which ends by it; this process ends with the suite.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, self._end_asked)
            child = subprocess.Popen(command, env=_environment(path), preexec_fn=_as_started)
            try:
                status = self._watch(child.pid, inbox)
            finally:
                self._sweep()
            child.returncode = status
        if self._asked_to_end:
            return 128 + self._asked_to_end
        return 1 if self._failed and (status == 0 or status > 128) else status

    def _end_asked(self, number: int, _frame: object) -> None:
        self._asked_to_end = number

    def _watch(self, child: int, inbox: socket.socket) -> int:
        begun = time.monotonic()
        while True:
            self._hear(inbox)
            status = self._reap(child)
            if status is not None:
                # The last words of the processes that have just ended.
                self._hear(inbox)
                return status
            self._end_overdue()
            over = time.monotonic() - begun > self._limit
            if over or self._asked_to_end:
                _say(f"the run is over its limit of {self._limit:g} s" if over else "the run was asked to end")
                self._tell_running()
                for pid in self._doing:
                    self._dump(pid)
                return 1

    def _hear(self, inbox: socket.socket) -> None:
        try:
            while True:
                self._heed(json.loads(inbox.recv(1 << 16)))
        except TimeoutError:
            pass

    def _heed(self, message: dict[str, str]) -> None:
        if "problem" in message:
            self._failed = True
            _say(message["problem"])
            return
        if "note" in message:
            _say(message["note"])
            return
        pid, now = int(message["pid"]), time.monotonic()
        if message["what"] is None:
            self._doing.pop(pid, None)
        else:
            self._doing[pid] = Activity(message["what"], now, now + float(message["limit"]))

    def _reap(self, child: int) -> int | None:
        """Take in every process that has ended; returns the exit status of `child` where it is among them."""
        found = None
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                self._doing.pop(pid, None)
                if pid == child:
                    code = os.waitstatus_to_exitcode(status)
                    found = code if code >= 0 else 128 - code
        return found

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for pid, activity in list(self._doing.items()):
            if now > activity.until:
                del self._doing[pid]
                if pid in family([os.getpid()]):
                    self._failed = True
                    took = now - activity.begun
                    _say(f"{activity.what} has not ended after {took:.0f} s: killed, with all that it started")
                    self._dump(pid)
                    for one in freeze(pid):
                        send(one, signal.SIGKILL)

    def _dump(self, pid: int) -> None:
        send(pid, STACKS)
        time.sleep(DUMP_SECONDS)

    def _tell_running(self) -> None:
        now = time.monotonic()
        for activity in self._doing.values():
            _say(f"running: {activity.what}, for {now - activity.begun:.0f} s")

    def _sweep(self) -> None:
        """End what still runs below this process; what is about to end by itself gets the time for it."""
        me = [os.getpid()]
        patience = time.monotonic() + (0 if self._asked_to_end else STRAGGLER_SECONDS)
        while family(me) and time.monotonic() < patience:
            time.sleep(0.02)
            self._reap(0)
        for pid in family(me):
            self._failed = True
            _say(f"left behind: process {pid}, {command_line(pid)[:200]}")
        deadline = time.monotonic() + KILL_SECONDS
        while (left := family(me)) and time.monotonic() < deadline:
            for pid in left:
                send(pid, signal.SIGKILL)
            time.sleep(0.02)
            self._reap(0)


def _environment(path: str) -> dict[str, str]:
    """What the run inherits. Tests start some hundred programs: without bytecode each would compile all it imports."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {SOCKET: path}


def _as_started() -> None:
    """In the child between fork and exec."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    die_with_parent()


def _say(line: str) -> None:
    os.write(2, f"\nsuite: {line}\n".encode(errors="replace"))
