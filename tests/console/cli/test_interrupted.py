"""What a signal leaves behind where it comes in the middle of something is no fault of the program."""

from __future__ import annotations

import signal
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


# As where ctrl+c is pressed while the modules of the program are still imported.
STARTS = """
import os, signal, sys

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "daebus_console.commands.terms.kinds":
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, {handler})
sys.meta_path.insert(0, Interrupts())
sys.argv = ["daebus-console", "help", "items"]
from daebus_console.__main__ import main
sys.exit(main())
"""


def test_an_interrupt_while_it_starts_shows_no_traceback() -> None:
    program = STARTS.format(handler="signal.default_int_handler")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_one_that_was_started_to_ignore_interrupts_goes_on() -> None:
    program = STARTS.format(handler="signal.SIG_IGN")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ITEMS are the payload")
