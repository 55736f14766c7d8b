"""The console on a terminal of its own, forked from a process that has it loaded; one of these for each test worker.

A start of the interpreter with all that the console imports takes most of a second of processor time.
"""

from __future__ import annotations

import fcntl
import functools
import os
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import pexpect

from tests.support.programs.forked import plain_environ
from tests.support.programs.jobs import Asking


@functools.cache
def _server() -> Asking:
    """The process that has the console loaded."""
    environ = {**plain_environ(), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": ""}
    return Asking(["-m", "tests.support.programs.terminal_server"], env=environ)


class ForkedProcess:
    """One run of the console; offers what the tests use of `pexpect.spawn`."""

    buffer = b""

    def __init__(self, arguments: Sequence[str], *, dimensions: tuple[int, int], environ: Mapping[str, str]) -> None:
        self.exitstatus: int | None = None
        self.signalstatus: int | None = None
        self._open = True
        self.child_fd, terminal = os.openpty()
        self.setwinsize(*dimensions)
        job = {"arguments": list(arguments), "environ": dict(environ), "folder": os.getcwd()}
        self._told = os.fdopen(_server().begin(job, [terminal]), "rb")
        os.close(terminal)
        number = self._told.readline()
        assert number, "the console could not be loaded"
        self.pid = int(number)

    def send(self, text: str | bytes) -> int:
        """Type those characters."""
        data = text.encode() if isinstance(text, str) else text
        left = data
        while left:
            left = left[os.write(self.child_fd, left) :]
        return len(data)

    def read_nonblocking(self, size: int = 1, timeout: float = 0) -> bytes:
        """What it wrote; raises as pexpect does where that is nothing, or it has ended."""
        if not select.select([self.child_fd], [], [], timeout)[0]:
            raise pexpect.TIMEOUT("nothing was written")
        try:
            data = os.read(self.child_fd, size)
        except OSError:
            data = b""
        if not data:
            raise pexpect.EOF("nobody writes any more")
        return data

    def setwinsize(self, rows: int, columns: int) -> None:
        """Give the terminal that size."""
        fcntl.ioctl(self.child_fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def isalive(self) -> bool:
        """Whether it runs."""
        if self.exitstatus is None and self.signalstatus is None and select.select([self._told], [], [], 0)[0]:
            self._ended(self._told.readline())
        return self.exitstatus is None and self.signalstatus is None

    def _ended(self, told: bytes) -> None:
        assert told, "whoever would tell how it ended has ended"
        status = int(told)
        if status < 0:
            self.signalstatus = -status
        else:
            self.exitstatus = status

    def kill(self, number: int) -> None:
        """Send it a signal."""
        if self.isalive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def close(self, force: bool = True) -> None:
        """Close the terminal; what still runs is killed."""
        if not self._open:
            return
        self._open = False
        os.close(self.child_fd)
        if self.isalive():
            deadline = time.monotonic() + 0.2
            while self.isalive() and time.monotonic() < deadline:
                select.select([self._told], [], [], 0.2)
            self.kill(signal.SIGKILL)
            if self.exitstatus is None and self.signalstatus is None:
                self._ended(self._told.readline())
        self._told.close()
