"""Runs in a process of its own beside the demo: keeps its broker, and tidies up whatever becomes of the runner.

`caretaker.py DIRECTORY [COMMAND ...]` runs the command until SIGTERM, then ends it and removes the directory.
Where the command ends by itself so does the caretaker, and the directory stays: its log tells why.
Started through child.py; imports nothing but the standard library.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys

GRACE_SECONDS = 1.5
"""What the command may take to end after its SIGTERM; it is killed then."""
POLL_SECONDS = 0.25


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL where that does not do."""
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(directory: str, command: list[str]) -> int:
    """Keep `command` (if any) running; returns the exit status of this process."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    signal.set_wakeup_fd(writable)
    process = subprocess.Popen(command, cwd=directory) if command else None
    while not select.select([readable], [], [], POLL_SECONDS)[0]:
        if process is not None and process.poll() is not None:
            return process.returncode or 1
    if process is not None:
        end(process)
    shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
