"""How soon the console is on the screen: from the shell, and from where its imports are done.

Run as `python -m tests.benchmarks.first_paint [--json FILE]`. In a pseudo terminal of 120x40, until the titles of the
panes are written; and until it says that it is connected to a Redis with nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pexpect

from tests.support.programs.terminal import Terminal
from tests.support.redis_server import RedisServer

RUNS = 12
IMPORTED = """
import pathlib, sys, time
import daebus_console.cli.shell, daebus_console.tui.app, daebus_console.engine.sender
from daebus_console.__main__ import main
pathlib.Path(sys.argv.pop(1)).write_text(repr(time.time()))
sys.exit(main())
"""


class Paint(NamedTuple):
    """Milliseconds until the first screen, and until the connection is told."""

    screen: float
    connected: float


def start(command: Sequence[str], directory: str, begun: Path | None = None) -> Paint:
    """Start the console and wait for it; from the start, or from the time in the file once that was written."""
    environment = {f"XDG_{name}_HOME": directory for name in ("STATE", "CONFIG", "DATA")}
    path = os.pathsep.join([os.getcwd(), os.path.join(os.getcwd(), "console")])
    began = time.time()
    with Terminal(
        command, rows=40, columns=120, environment={**environment, "PYTHONPATH": path}, real=True
    ) as terminal:
        seen = bytearray()
        screen = connected = 0.0
        while not (screen and connected):
            try:
                seen += terminal.process.read_nonblocking(1 << 16, timeout=20)
            except pexpect.TIMEOUT:
                raise AssertionError(f"no screen came\n{seen.decode(errors='replace')[-2000:]}") from None
            if not screen and b"Services" in seen:
                screen = time.time()
            if not connected and "● live".encode() in seen:
                connected = time.time()
        if begun is not None:
            began = float(begun.read_text())
    return Paint((screen - began) * 1000, (connected - began) * 1000)


def main() -> None:
    """Measure both and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    with closing(RedisServer().start()) as server, tempfile.TemporaryDirectory() as directory:
        mark = Path(directory) / "imported"
        commands: dict[str, tuple[list[str], Path | None]] = {
            "from the shell": ([sys.executable, "-m", "daebus_console", "--redis", server.url], None),
            "after the imports": ([sys.executable, "-c", IMPORTED, str(mark), "--redis", server.url], mark),
        }
        print("                      first screen        connected")
        print("                      p50     max       p50     max  ms")
        for name, (command, begun) in commands.items():
            # The first one compiles what was changed.
            start(command, directory, begun)
            paints = [start(command, directory, begun) for _run in range(RUNS)]
            results[name] = {}
            for what in Paint._fields:
                taken = [getattr(paint, what) for paint in paints]
                results[name] |= {f"{what}_p50_ms": statistics.median(taken), f"{what}_max_ms": max(taken)}
            figures = [round(figure, 1) for figure in results[name].values()]
            results[name] = dict(zip(results[name], figures, strict=True))
            print("  {:<17} {:>6.0f}  {:>6.0f}    {:>6.0f}  {:>6.0f}".format(name, *figures), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
