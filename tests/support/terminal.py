"""A program in a real pseudo terminal, and what a person in front of it would see."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence

import pexpect
import pyte

KEYS = {
    "enter": "\r",
    "tab": "\t",
    "escape": "\x1b",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "ctrl+c": "\x03",
    "ctrl+d": "\x04",
    "ctrl+q": "\x11",
    "ctrl+s": "\x13",
}

# A terminal has a size of its own, which these would override.
_NOT_INHERITED = {"NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES"}


def _heed_signals() -> None:
    """As at a terminal, also where the tests were started in the background, which ignores some for good."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    """Runs a command on a terminal of that size; use it as a context manager, which ends the command."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        rows: int = 35,
        columns: int = 120,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.output = bytearray()
        """Everything the program wrote, raw."""
        inherited = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        self.process = pexpect.spawn(
            command[0],
            list(command[1:]),
            dimensions=(rows, columns),
            env={**inherited, "TERM": "xterm-256color", "LANG": "C.UTF-8", **(environment or {})},
            timeout=None,
            preexec_fn=_heed_signals,
        )

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
        """Take in what the program writes within that time."""
        try:
            data = self.process.read_nonblocking(1 << 16, timeout=seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.output += data
        self._stream.feed(data)

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def type(self, text: str) -> None:
        """Type those characters."""
        self.process.send(text)

    def press(self, *keys: str) -> None:
        """Press keys by name (see KEYS), or single characters."""
        for key in keys:
            self.process.send(KEYS.get(key, key))

    def wait_for(self, what: str | Callable[[str], object], within: float = 30.0) -> str:
        """Wait until the screen matches a regular expression (or the function says yes), and return its text."""
        deadline = time.monotonic() + within
        while True:
            self.read(0.05)
            text = self.text
            if re.search(what, text) if isinstance(what, str) else what(text):
                return text
            if time.monotonic() > deadline or not (self.process.isalive() or self.process.buffer):
                raise AssertionError(f"not seen within {within} s: {what!r}\n{text}")

    def wait_end(self, within: float = 15.0) -> int:
        """Wait until the program has ended, and return its exit status (negative: the signal)."""
        deadline = time.monotonic() + within
        while self.process.isalive():
            self.read(0.05)
            if time.monotonic() > deadline:
                raise AssertionError(f"still running after {within} s\n{self.text}")
        self.read(0.05)
        self.process.close()
        if self.process.exitstatus is not None:
            return int(self.process.exitstatus)
        return -int(self.process.signalstatus or 0)
