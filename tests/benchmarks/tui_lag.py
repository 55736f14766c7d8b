"""How late the console's event loop is while messages arrive at various rates.

Run as `python -m tests.benchmarks.tui_lag [--json FILE]`. The console runs in a pseudo terminal of 120x40 that is read
as fast as it writes. A lag of L ms means that a key pressed then waits L ms before anything is done about it.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pexpect

from tests.support.redis_server import RedisServer

RATES = (1_000, 10_000, 50_000, 100_000)
SECONDS = 8.0


def measure(rate: int) -> dict[str, Any]:
    """The lags at that rate, and whether every message arrived."""
    server = RedisServer().start()
    try:
        with tempfile.TemporaryDirectory() as directory, server.client() as client:
            file = Path(directory) / "lags.json"
            arguments = ["-m", "tests.benchmarks.subjects.tui_subject", server.url, str(file)]
            terminal = pexpect.spawn(sys.executable, arguments, dimensions=(40, 120), timeout=None)
            reader = threading.Thread(target=_drain, args=(terminal,))
            reader.start()
            while not client.pubsub_numpat():
                time.sleep(0.05)
            # The first second is spent on drawing everything for the first time.
            time.sleep(1.5)
            terminal.kill(signal.SIGUSR1)
            count = int(rate * SECONDS)
            flood = [sys.executable, "-m", "tests.benchmarks.subjects.flood", str(server.port), str(count), str(rate)]
            subprocess.run(flood, check=True, stdout=subprocess.DEVNULL)
            time.sleep(0.5)
            terminal.kill(signal.SIGTERM)
            reader.join(20)
            terminal.close(force=True)
            found = json.loads(file.read_text())
    finally:
        server.close()
    lags = sorted(found["lags"])
    return {
        "p50_ms": round(statistics.median(lags), 1),
        "p99_ms": round(lags[int(len(lags) * 0.99)], 1),
        "max_ms": round(lags[-1], 1),
        "published": -(-count // 200) * 200,
        "received": found["received"],
        "gaps": found["gaps"],
    }


def _drain(terminal: Any) -> None:
    try:
        while True:
            terminal.read_nonblocking(1 << 16, timeout=None)
    except (pexpect.EOF, OSError):
        return


def main() -> None:
    """Measure every rate and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    print("  messages/s   lag p50    p99    max  ms    published   received   gaps")
    for rate in RATES:
        one = results[str(rate)] = measure(rate)
        print(
            f"  {rate:>10,} {one['p50_ms']:>9} {one['p99_ms']:>6} {one['max_ms']:>6}"
            f"     {one['published']:>9,}  {one['received']:>9,}  {one['gaps']:>5}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
