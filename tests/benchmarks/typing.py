"""How long a key takes to be seen, in the command pane and in the line REPL, while messages arrive.

Run as `python -m tests.benchmarks.typing [--json FILE]`. Each face runs in a pseudo terminal of 120x40 that is read
as fast as it writes. From pressing a key to its sign being drawn; completion, ghost text and colours go on beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pexpect

from tests.support.programs.terminal import Terminal
from tests.support.redis_server import RedisServer

RATES = (0, 10_000)
LINES = (
    "request users get_user id:=17 name=Ann",
    'request users get_user {"id": 17, "tags": ["a", "b"]}',
    "broadcast user_created id:=1 name=Zoe city=Bern",
    "filter service:users latency:>100ms -action:ping",
    "bench users get_user id:=17 -n 1000 --concurrency 10",
    "request users get_user id:=18 --timeout 30s --times 5",
)
PAUSE = (0.03, 0.09)
"""Seconds between two keys, at random: a quick typist, out of step with the screen's frames."""
_SEQUENCE = re.compile(rb"\x1b(?:\[[0-9;?<>]*[A-Za-z]|\][^\x07]*\x07)")
FACES = {"pane": ("", ":", "Commands"), "line": ("repl", "", "daebus>")}


def measure(face: str, rate: int) -> dict[str, Any]:
    """The latencies of a face at that rate, in milliseconds."""
    verb, opens, ready = FACES[face]
    server = RedisServer().start()
    with tempfile.TemporaryDirectory() as directory:
        environment = {f"XDG_{name}_HOME": directory for name in ("STATE", "CONFIG", "DATA")}
        command = [sys.executable, "-m", "daebus_console", "--redis", server.url, *([verb] if verb else [])]
        path = os.pathsep.join([os.getcwd(), os.path.join(os.getcwd(), "console")])
        flood = None
        try:
            with Terminal(
                command, rows=40, columns=120, environment={**environment, "PYTHONPATH": path}, real=True
            ) as terminal:
                terminal.screen.write_process_input = terminal.process.send
                # pexpect waits 50 ms before it sends a key, for programs that are not ready for it.
                terminal.process.delaybeforesend = None
                terminal.wait_for(ready)
                if rate:
                    arguments = ["-m", "tests.benchmarks.subjects.flood", str(server.port), str(rate * 120), str(rate)]
                    flood = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
                view = Stream(terminal) if face == "pane" else Screen(terminal)
                _rest(view, 2.0)
                if opens:
                    terminal.type(opens)
                    _rest(view, 0.5)
                latencies = [one for line in LINES for one in _type(terminal, view, line)]
        finally:
            if flood is not None:
                flood.kill()
                flood.wait()
            server.close()
    latencies.sort()
    return {
        "keys": len(latencies),
        "p50_ms": round(statistics.median(latencies), 1),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)], 1),
        "max_ms": round(latencies[-1], 1),
    }


class Screen:
    """What a program draws, read as a terminal would: for one that draws little at a time."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def read(self, seconds: float) -> None:
        """Take in what comes within that time."""
        self._terminal.read(seconds)

    def forget(self) -> None:
        """A key is about to be pressed."""

    def shows(self, wanted: str) -> bool:
        """Whether the line being typed stands there, and the cursor behind it."""
        screen = self._terminal.screen
        shown = next((text for text in reversed(screen.display) if wanted.rstrip() in text), "")
        start = shown.find(wanted.rstrip())
        return start >= 0 and (not wanted.endswith(" ") or screen.cursor.x >= start + len(wanted))


class Stream(Screen):
    """Only what was drawn since the last key, without colours and places: a terminal in Python would hold it up.

    The pane draws its whole line anew.
    """

    _drawn = b""

    def read(self, seconds: float) -> None:
        """Take in what comes within that time."""
        try:
            self._drawn += self._terminal.process.read_nonblocking(1 << 16, timeout=seconds)
        except pexpect.TIMEOUT:
            pass

    def forget(self) -> None:
        """A key is about to be pressed."""
        self._drawn = b""

    def shows(self, wanted: str) -> bool:
        """Whether the line being typed was drawn."""
        return wanted in _SEQUENCE.sub(b"", self._drawn).decode(errors="replace")


def _rest(view: Screen, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        view.read(left)


def _type(terminal: Terminal, view: Screen, line: str) -> list[float]:
    """Type a line, and empty it again; how long each key took to be seen, in milliseconds."""
    taken = []
    for end in range(1, len(line) + 1):
        _rest(view, random.uniform(*PAUSE))
        view.forget()
        begun = time.perf_counter()
        terminal.process.send(line[end - 1])
        while not view.shows(line[:end]):
            view.read(0.02)
            if time.perf_counter() - begun > 10:
                raise AssertionError(f"never seen: {line[:end]!r}\n{terminal.text}")
        taken.append((time.perf_counter() - begun) * 1000)
    terminal.process.send("\x03")
    _rest(view, 0.3)
    return taken


def main() -> None:
    """Measure both faces, quiet and busy, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    print("  face   messages/s   keys    p50    p99    max  ms")
    for face in FACES:
        for rate in RATES:
            one = results[f"{face} at {rate}"] = measure(face, rate)
            print(
                f"  {face:<5} {rate:>11,} {one['keys']:>6} {one['p50_ms']:>6} {one['p99_ms']:>6} {one['max_ms']:>6}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
