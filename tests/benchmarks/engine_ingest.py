"""How many messages a second each way of reading the bus takes in for good.

Run as `python -m tests.benchmarks.engine_ingest [--json FILE] [READER ...]`. First all readers take turns at one rate
that each keeps up with, and what processor time a message costs them is read off the system: other work on the machine
disturbs that less. Then the highest rate of each: it is sustained when, after some seconds, the reader is still
connected and the server owes it nothing; it is doubled until that fails and then narrowed down. The publisher, the
server and the reader share the machine. The same with the console on a screen is measured by `tui_lag`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.benchmarks.subjects.readers import READERS
from tests.support.redis_server import RedisServer

SECONDS = 4.0
TRIES = 3
COMMON_RATE = 100_000
ROUNDS = 3
LISTEN = "redis-py listen()"
_LIMIT = 1_000_000


def sustained(name: str, rate: int) -> bool:
    """Whether the reader keeps up with that rate, in the better of TRIES runs on this noisy machine."""
    published = False
    for _ in range(TRIES):
        kept_up, _microseconds, published_in = _trial(name, rate)
        if published_in <= SECONDS * 1.05:
            published = True
            if kept_up:
                return True
    if not published:
        raise TooFast(rate)
    return False


def processor_times(names: list[str]) -> dict[str, float]:
    """Microseconds of processor time that each reader spends on a message: the median of ROUNDS turns."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            found[name].append(_trial(name, COMMON_RATE)[1])
    return {name: statistics.median(times) for name, times in found.items()}


def _trial(name: str, rate: int) -> tuple[bool, float, float]:
    """Whether the reader kept up, its microseconds of processor time a message, and the seconds of publishing."""
    server = RedisServer().start()
    reader = _start(name, server)
    try:
        with server.client() as client:
            _wait_subscribed(client)
            count = int(rate * SECONDS)
            before = _processor_time(reader.pid)
            command = [sys.executable, "-m", "tests.benchmarks.subjects.flood", str(server.port), str(count), str(rate)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            published_in = json.loads(done.stdout)["seconds"]
            kept_up = _owes_nothing(client)
            microseconds = (_processor_time(reader.pid) - before) / count * 1e6
        kept_up = kept_up and _counted(reader) in (None, -(-count // 200) * 200)
        return kept_up, microseconds, published_in
    finally:
        reader.kill()
        reader.communicate()
        server.close()


def _processor_time(pid: int) -> float:
    """Seconds that the process has spent so far, in the system's calls too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class TooFast(Exception):
    """The publisher itself cannot publish at that rate here."""


def _start(name: str, server: RedisServer) -> subprocess.Popen[bytes]:
    if name == "redis-cli":
        command = ["redis-cli", "-p", str(server.port), "psubscribe", "*"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "tests.benchmarks.subjects.readers", name, server.url]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _wait_subscribed(client: Any) -> None:
    deadline = time.monotonic() + 10
    while not client.pubsub_numpat():
        if time.monotonic() > deadline:
            raise RuntimeError("the reader did not subscribe")
        time.sleep(0.01)


def _owes_nothing(client: Any) -> bool:
    """Whether the reader is connected and has been sent everything, at the latest a moment after the end."""
    deadline = time.monotonic() + 0.4
    while True:
        listed = [one for one in client.client_list(_type="pubsub") if int(one["psub"])]
        if not listed:
            return False
        if all(int(one["omem"]) == 0 for one in listed):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)


def _counted(reader: subprocess.Popen[bytes]) -> int | None:
    """What the reader itself says it received; None where it is not one of ours."""
    if reader.stdout is None or reader.stdin is None:
        return None
    with suppress(subprocess.TimeoutExpired):
        time.sleep(0.3)
        output, _ = reader.communicate(timeout=3)
        for line in output.decode().splitlines():
            if line.startswith("{"):
                return int(json.loads(line)["received"])
    return None


def highest(name: str) -> tuple[int, bool]:
    """The highest sustained rate found, and whether the publisher was the limit."""
    low, high = 10_000, 20_000
    try:
        while high <= _LIMIT and sustained(name, high):
            low, high = high, high * 2
        while high - low > low * 0.1:
            middle = (low + high) // 2
            if sustained(name, middle):
                low = middle
            else:
                high = middle
    except TooFast:
        return low, True
    return low, False


def _compared(listen: float | None, own: float) -> str:
    return f"   listen() spends {listen / own:.2f} times that" if listen and own else ""


def main() -> None:
    """Measure every reader and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("readers", nargs="*")
    options = parser.parse_args()
    for name in set(options.readers) - {*READERS, "redis-cli"}:
        parser.error(f"there is no reader {name!r}; there are: {', '.join([*READERS, 'redis-cli'])}")
    names = options.readers or [*READERS, *(["redis-cli"] if shutil.which("redis-cli") else [])]
    print(f"processor time a message of 225 bytes, at {COMMON_RATE:,} a second (median of {ROUNDS})")
    times = processor_times(names)
    for name in names:
        print(f"  {name:<20} {times[name]:>9.2f} us{_compared(times.get(LISTEN), times[name])}", flush=True)
    results: dict[str, dict[str, Any]] = {}
    print("sustained without loss, messages/s of 225 bytes")
    for name in names:
        rate, limited = highest(name)
        results[name] = {
            "messages_per_second": rate,
            "publisher_was_the_limit": limited,
            "microseconds_of_processor": round(times[name], 2),
        }
        print(f"  {name:<20} {rate:>9,}{'  (or more: the publisher was the limit)' if limited else ''}", flush=True)
    if LISTEN in results:
        listen = results[LISTEN]["messages_per_second"]
        for name, result in results.items():
            result["times_listen"] = round(result["messages_per_second"] / listen, 2)
            print(f"  {name:<20} {result['times_listen']:>9.2f} x {LISTEN}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
