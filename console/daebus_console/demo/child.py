"""Runs in each process of the demo: a script, as `python SCRIPT` would, that ends when the runner is gone.

Standard input is a pipe that the runner holds open and never writes to. Its end means that the runner ended,
however that came about (also by `kill -9`). Started by path; imports nothing but the standard library.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time

GRACE_SECONDS = 3.0
"""What a script may take to end after its SIGTERM when the runner is gone."""


def end_with_runner(lifeline: int) -> None:
    """Wait for the end of the pipe, then end this process: politely, and after GRACE_SECONDS for certain."""
    while os.read(lifeline, 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def main() -> None:
    """Run the script named by the first argument with the rest of the arguments as its own."""
    lifeline = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    threading.Thread(target=end_with_runner, args=(lifeline,), name="lifeline", daemon=True).start()
    del sys.argv[0]
    script = sys.argv[0]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
