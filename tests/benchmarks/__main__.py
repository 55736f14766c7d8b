"""All benchmarks, one after the other: `python -m tests.benchmarks [NAME ...]` (`make bench`).

Each prints its table and leaves its figures as JSON in `bench-results/`. The names are the keys of SUITES. A single one
takes options of its own behind its name: `python -m tests.benchmarks framework --quick --rounds 5`.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SUITES = {
    "framework": "how fast requests are answered, beside release 0.0.31, FastStream and bare redis-py",
    "calls": "how fast requests are answered, and what of Redis they take, beside an older commit and bare sockets",
    "handlers": "how many async handlers that wait are answered a second, beside FastStream",
    "typed": "what typed handlers cost, beside untyped ones that do the same",
    "recorder": "what the flight recorder costs a service, beside one that keeps no records, and what watching does",
    "gates": "what the gates of a debugger cost a service while there is no rule, beside one without them",
    "several": "what calls over a cluster cost, beside one server",
    "faults": "how soon every caller is answered again after each fault of sentinels and clusters",
    "growth": "what services, callers and channels take, and how soon all are found, on a small bus and on a large one",
    "engine_pure": "what the pure part of the engine costs a message, and how long filters take",
    "dialects": "what a message of each framework costs to take in, and of all of them on one bus, beside ours alone",
    "captures": "how long commands on a capture take, beside an older commit, jq and grep",
    "engine_ingest": "how many messages a second each way of reading the bus keeps up with",
    "typing": "how long a key takes to be seen, in both prompts, while messages arrive",
    "start": "how long a program takes that is started for one call, beside the import of redis-py",
    "first_paint": "how soon the console is on the screen",
    "large_payload": "how soon an answer of 10 MB is seen, and how long it holds up the keys",
    "tui_lag": "how long the console's event loop is held up while messages arrive",
}
RESULTS = Path("bench-results")


def chosen(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The suites that are named, or all of them, and the options for a single one."""
    parser = argparse.ArgumentParser(
        description="Run the benchmarks.", epilog="A single one takes options of its own behind its name."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SUITES))
    # What follows the first option belongs to the suite, values of options that look like names included.
    first = next((at for at, word in enumerate(arguments) if word.startswith("-") and at > 0), len(arguments))
    names = parser.parse_args(arguments[:first]).names or list(SUITES)
    options = list(arguments[first:])
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(SUITES)}")
    if options and len(names) != 1:
        parser.error(f"{options[0]} is for a single benchmark: name one")
    return names, options


def main() -> int:
    """Run the suites that are named, or all of them; returns the exit status."""
    names, options = chosen(sys.argv[1:])
    RESULTS.mkdir(exist_ok=True)
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors; the machine does other things, too")
    failed = 0
    for name in names:
        print(f"\n{name}: {SUITES[name]}\n", flush=True)
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", "--json", str(RESULTS / f"{name}.json"), *options]
        failed += subprocess.run(command, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
