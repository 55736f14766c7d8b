"""What reads a capture, beside an older commit, `jq` and `grep` over the same file: seconds, and the most memory taken.

Run as `python -m tests.benchmarks.captures [--before COMMIT] [--messages N] [--rounds N] [--json FILE]`. The older
commit is taken from this repository and installed into an environment of its own. Every command is a process of its
own, from its start to its end, and each comes first in turn; medians are shown. `jq` is asked for a channel, and once
more for what stands within the messages, as `status:error` is. It and `grep` are left out where they are not installed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from daebus_console.engine.capture.writer import CaptureWriter
from tests.benchmarks.engine_pure import traffic
from tests.benchmarks.subjects.before import COMMIT, python_before

VERBS = {
    "export, few match": ("export", "{}", "status:error", "--as", "jsonl"),
    "export, all": ("export", "{}", "--as", "jsonl"),
    "replay --dry-run": ("replay", "{}", "--dry-run"),
    "stats": ("stats", "{}"),
    "findings": ("findings", "{}"),
}
NEW = {"stats", "findings"}
"""What the older commit has not, for captures."""
TOOLS = {
    "jq": ("jq", "-c", 'select(.channel == "none")', "{}"),
    "jq, within messages": ("jq", "-c", 'select((.data | fromjson? | .status) == "error")', "{}"),
    "grep": ("grep", "-c", "nowhere-to-be-found", "{}"),
}
AT_ONCE = 10_000


def write(path: Path, count: int) -> None:
    """A capture of so many messages of 225 bytes, one answer of fifty an error."""
    with CaptureWriter(path, "redis://localhost:6379/0", 0.0) as writer:
        for number, (at, channel, data) in enumerate(traffic(count)):
            writer.write(at, channel, data)
            while number % AT_ONCE == 0 and writer.waiting > AT_ONCE:
                time.sleep(0.01)


def once(command: list[str]) -> tuple[float, int]:
    """Seconds that it takes by the clock, and the most bytes of memory. Raises RuntimeError where it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert process.stderr is not None
    told = process.stderr.read()
    _pid, status, used = os.wait4(process.pid, 0)
    took = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    # grep finds nothing, which it says with 1.
    if process.returncode not in ({1} if command[0] == "grep" else {0}):
        raise RuntimeError(f"{' '.join(command)} failed:\n{told.decode()[-2000:]}")
    return took, used.ru_maxrss * 1024


def commands(path: Path, before: str) -> dict[str, dict[str, list[str]]]:
    """What is run, by the rows of the table and by who does it."""
    found: dict[str, dict[str, list[str]]] = {}
    for name, words in VERBS.items():
        line = [word.format(path) for word in words]
        found[name] = {"now": [sys.executable, "-P", "-m", "daebus_console", *line]}
        if name not in NEW:
            found[name]["before"] = [before, *found[name]["now"][1:]]
    for name, words in TOOLS.items():
        if shutil.which(words[0]):
            found[name] = {name: [word.format(path) for word in words]}
    return found


def measure(rows: dict[str, dict[str, list[str]]], rounds: int) -> dict[str, dict[str, list[tuple[float, int]]]]:
    """What each took, round by round; one before the first is not counted."""
    found: dict[str, dict[str, list[tuple[float, int]]]] = {}
    for number in range(rounds + 1):
        for row, by_whom in rows.items():
            for who in list(by_whom) if number % 2 else reversed(by_whom):
                figures = once(by_whom[who])
                if number:
                    found.setdefault(row, {}).setdefault(who, []).append(figures)
    return found


def show(found: dict[str, dict[str, list[tuple[float, int]]]]) -> None:
    """Print the table."""
    clock = {
        row: {who: statistics.median(took for took, _size in runs) for who, runs in by_whom.items()}
        for row, by_whom in found.items()
    }
    jqs = [clock[name][name] for name, words in TOOLS.items() if words[0] == "jq" and name in clock]
    print(f"{'':20} {'now':>9} {'before':>9}   times as fast   of jq's time (within messages)   memory now")
    for row, by_whom in found.items():
        if "now" not in by_whom:
            print(f"{row:20} {clock[row][row]:7.2f} s")
            continue
        now, before = clock[row]["now"], clock[row].get("before")
        size = max(size for _took, size in by_whom["now"]) / 1e6
        compared = f"{before:7.2f} s {before / now:15.2f}" if before else f"{'':25}"
        share = "".join(f"{now / jq:14.2f}" for jq in jqs) if jqs else f"{'no jq':>28}"
        print(f"{row:20} {now:7.2f} s {compared} {share} {size:16.0f} MB")


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default=COMMIT, metavar="COMMIT", help=f"the older one ({COMMIT})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--messages", type=int, default=200_000, metavar="N", help="in the capture (200000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="daebus-bench-") as folder:
        path = Path(folder) / "capture.jsonl"
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            # What a child takes at most is at least what this process took before.
            pool.apply(write, (path, options.messages))
        print(f"{options.messages:,} messages, {path.stat().st_size / 1e6:.0f} MB")
        found = measure(commands(path, python_before(options.before)), options.rounds)
    show(found)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
