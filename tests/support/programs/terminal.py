"""A program in a real pseudo terminal, and what a person in front of it would see."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import pexpect
import pyte

from tests.support.programs.forked_terminal import ForkedProcess

KEYS = {
    "enter": "\r",
    "tab": "\t",
    "escape": "\x1b",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "f6": "\x1b[17~",
    "ctrl+c": "\x03",
    "ctrl+d": "\x04",
    "ctrl+q": "\x11",
    "ctrl+s": "\x13",
}

# A terminal has a size of its own, which some of these would override. What cannot be written stays in a buffer, which
# is written at the end again, unless there is none.
_NOT_INHERITED = {"NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "PYTHONUNBUFFERED"}
_AT_ONCE = 1 << 18
"""Bytes after which the screen is looked at, even if there are more."""


def _heed_signals() -> None:
    """As at a terminal, also where the tests were started in the background, which ignores some for good."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


def _forkable(command: Sequence[str]) -> bool:
    """Whether it is the console, or a program that starts it, with nothing told to the interpreter."""
    return command[0] == sys.executable and (command[1] == "-c" or list(command[1:3]) == ["-m", "daebus_console"])


HAND = 0.05
"""Seconds that a hand takes to the next key: what is typed faster than a program takes its terminal is not its own."""


class Terminal:
    """Runs a command on a terminal of that size; use it as a context manager, which ends the command.

    The console runs in a fork of a process that has it loaded, unless its `real` start is asked for: an interpreter of
    its own, as a shell starts it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        rows: int = 35,
        columns: int = 120,
        environment: Mapping[str, str] | None = None,
        real: bool = False,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.output = bytearray()
        """Everything the program wrote, raw."""
        self._text: str | None = None
        self._all_read = False
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        environ = {**inherited, "TERM": "xterm-256color", "LANG": "C.UTF-8", **(environment or {})}
        self.process: ForkedProcess | pexpect.spawn
        if not real and _forkable(command):
            self.process = ForkedProcess(command[1:], dimensions=(rows, columns), environ=environ)
            return
        self.process = pexpect.spawn(
            command[0],
            list(command[1:]),
            dimensions=(rows, columns),
            env=environ,
            timeout=None,
            preexec_fn=_heed_signals,
        )
        self.process.delaybeforesend = None

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.process.isalive():
            self.process.kill(signal.SIGTERM)
            deadline = time.monotonic() + 5
            while self.process.isalive() and time.monotonic() < deadline:
                self.read(0.05)
        self.process.close(force=True)

    def read(self, seconds: float) -> None:
        """Take in what the program writes: wait that long for it, and take all that is there."""
        data = bytearray()
        try:
            while len(data) < _AT_ONCE:
                data += self.process.read_nonblocking(1 << 16, timeout=0 if data else seconds)
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            if not data and self._all_read:
                # Nothing will come any more, and whoever waits for an end does so without haste.
                time.sleep(min(seconds, 0.01))
            self._all_read = True
        if data:
            self.output += data
            self._stream.feed(bytes(data))
            self._text = None

    def read_all(self, within: float = 1.0) -> None:
        """Take in all that is there once the program has ended; something it started may still have the terminal."""
        deadline = time.monotonic() + within
        while not self._all_read and time.monotonic() < deadline:
            self.read(0.05)

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        if self._text is None:
            self._text = "\n".join(line.rstrip() for line in self.screen.display)
        return self._text

    def type(self, text: str) -> None:
        """Type those characters."""
        time.sleep(HAND)
        self.process.send(text)

    def press(self, *keys: str) -> None:
        """Press keys by name (see KEYS), or single characters."""
        for key in keys:
            time.sleep(HAND)
            self.process.send(KEYS.get(key, key))

    def wait_for(self, what: str | Callable[[str], object], within: float = 30.0) -> str:
        """Wait until the screen matches a regular expression (or the function says yes), and return its text."""
        deadline = time.monotonic() + within
        seen = None
        while True:
            self.read(0.05)
            text = self.text
            # A function may look at more than the screen.
            if not isinstance(what, str):
                found = what(text)
            elif text is not seen:
                found = re.search(what, text)
            if found:
                return text
            seen = text
            if time.monotonic() > deadline or (self._all_read and not self.process.isalive()):
                raise AssertionError(f"not seen within {within} s: {what!r}\n{text}")

    def wait_end(self, within: float = 15.0) -> int:
        """Wait until the program has ended and all it wrote was read; its exit status (negative: the signal).

        The terminal is still there.
        """
        deadline = time.monotonic() + within
        while self.process.isalive():
            self.read(0.05)
            if time.monotonic() > deadline:
                raise AssertionError(f"still running after {within} s\n{self.text}")
        self.read_all()
        if self.process.exitstatus is not None:
            return int(self.process.exitstatus)
        return -int(self.process.signalstatus or 0)
