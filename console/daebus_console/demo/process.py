"""One process of the demo: a script started under child.py, with a log file. Imports nothing of the package."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

CHILD = Path(__file__).with_name("child.py")
TAIL_LINES = 15
TAIL_BYTES = 4096
GRACE_SECONDS = 2.0
"""What the processes of a demo may take together to end after SIGTERM; they are killed then."""


class DemoProcess:
    """A started script. `lifeline` is the reading end of a pipe: the process ends when the writing end is closed.

    Raises OSError where the process cannot be started.
    """

    def __init__(
        self, name: str, script: Path, *arguments: str, log: Path, lifeline: int, environ: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            # A session of its own: a Ctrl-C in the terminal reaches the runner alone, which then ends the rest.
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(CHILD), str(script), *arguments],
                stdin=lifeline,
                stdout=output,
                stderr=output,
                env={**environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def status(self) -> int | None:
        """The exit status (negative: the signal that ended it), or None while it runs."""
        return self._process.poll()

    def tail(self) -> str:
        """The last lines of its log, without control characters."""
        try:
            text = self.log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace")
        except OSError:
            return "(no log)"
        lines = ["".join(sign for sign in line if sign.isprintable()) for line in text.splitlines()]
        return "\n".join(lines[-TAIL_LINES:]) or "(its log is empty)"

    def describe_end(self) -> str:
        """How it ended and what it said last, for a person."""
        status = self.status()
        how = f"was ended by signal {-status}" if status is not None and status < 0 else f"ended with status {status}"
        return f"{self.name} {how}; the end of {self.log}:\n{self.tail()}"


def end_all(processes: Iterable[DemoProcess]) -> None:
    """SIGTERM for all of them, GRACE_SECONDS of patience, then SIGKILL for each that is left, with its children."""
    running = [process for process in processes if process.status() is None]
    for process in running:
        process._process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in running:
        try:
            process._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _kill_session(process)


def _kill_session(process: DemoProcess) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process._process.wait()
