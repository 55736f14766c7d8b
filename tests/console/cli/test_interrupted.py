"""What a signal leaves behind where it comes in the middle of something is no fault of the program."""

from __future__ import annotations

import subprocess
import sys

import pytest

# As where an interrupt comes between a condition's being told and its lock's being had again.
PROGRAM = """
import sys, threading
from daebus_console.cli import shell
from daebus_console.cli.ending import Ended

def looks(_arguments, _output):
    lock = threading.Lock()
    with lock:
        lock.release()
        {raised}

shell._run = looks
sys.exit(shell.run([]))
"""


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        ("raise KeyboardInterrupt", 130),
        ("raise Ended(143)", 143),
        ("pass", 70),
    ],
)
def test_a_lock_that_an_interrupt_lost_is_no_fault(raised: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(raised=raised)], capture_output=True, encoding="utf-8", timeout=60
    )
    assert done.returncode == status
    assert ("fault" in done.stderr) == (status == 70)
