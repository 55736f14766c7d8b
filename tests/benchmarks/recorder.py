"""What the flight recorder costs: processor time of a service for a request, beside one that keeps no records.

Run with `python -m tests.benchmarks.recorder [--rounds N] [--requests N] [--json FILE]`. Three services, each a process
of its own on a private Redis, are asked in turns: one without a recorder, one with it, and one that is watched as well.
They handle plain requests, and requests for which they call themselves.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from daebus import DaebusCaller
from tests.benchmarks.subjects.watched import in_turns, running
from tests.support.redis_server import RedisServer

SERVICES = {"off": 0, "on": 2000, "watched": 2000}
ACTIONS = ("plain", "calling")
_CODE = """
import time
from daebus import Daebus, DaebusCaller
app = Daebus({name!r}, recorder={recorder})
me = DaebusCaller({name!r}, redis_url={url!r})
@app.action("plain")
def plain(): return {{"ok": True}}
@app.action("calling")
def calling(): return me.send_request("plain", {{}})
@app.action("spent")
def spent(): return {{"seconds": time.process_time()}}
app.run(redis_url={url!r})
"""


def measure(url: str, rounds: int, requests: int) -> dict[str, float]:
    """Microseconds of each service a request of each kind, the median of the rounds."""
    took: dict[str, list[float]] = {f"{action} {name}": [] for action in ACTIONS for name in SERVICES}
    programs = {name: _CODE.format(name=name, recorder=recorder, url=url) for name, recorder in SERVICES.items()}
    with running(url, programs) as callers:
        for number in range(rounds):
            for action in ACTIONS:
                for name, caller in in_turns(callers, number):
                    took[f"{action} {name}"].append(_spent_on(caller, action, requests))
    return {label: statistics.median(each) for label, each in took.items()}


def _spent_on(caller: DaebusCaller, action: str, requests: int) -> float:
    before = caller.send_request("spent")["seconds"]
    payload: dict[str, Any] = {}
    for outcome in caller.map(action, [payload] * requests, in_flight=4):
        outcome.result()
    return float((caller.send_request("spent")["seconds"] - before) / requests * 1e6)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    server = RedisServer().start()
    try:
        found = measure(server.url, options.rounds, options.requests)
    finally:
        server.close()
    print("| handler, recorder | µs of the service a request | of that without |\n|---|---|---|")
    for label, each in found.items():
        print(f"| {label} | {each:.1f} | {each / found[label.split()[0] + ' off']:.3f} |")
    if options.json is not None:
        options.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
