"""What the gates of a debugger cost while nobody has set a rule, and what a service costs that is watched besides.

Run with `python -m tests.benchmarks.gates [--rounds N] [--requests N] [--rate N] [--json FILE]`. Three services, each a
process of its own on a private Redis, are asked in turns: one without gates, one with gates and no rule, and one with
gates that is watched. Printed are medians of the rounds: of a round trip, of the calls a second of four callers at
once, and of the processor time that the service takes for a request, at full speed and at `rate` requests a second.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from daebus import DaebusCaller
from tests.benchmarks.subjects.watched import in_turns, running
from tests.support.redis_server import RedisServer

SERVICES = {"shut": False, "open": True, "watched": True}
_CODE = """
import time
from daebus import Daebus
app = Daebus({name!r}, debugger={debugger})
@app.action("plain")
def plain(): return {{"ok": True}}
@app.action("spent")
def spent(): return {{"seconds": time.process_time()}}
app.run(redis_url={url!r})
"""
_BURST = 20


def measure(url: str, rounds: int, requests: int, rate: int) -> dict[str, dict[str, float]]:
    """By what is measured, and service: the median of the rounds."""
    took: dict[str, dict[str, list[float]]] = {}
    programs = {name: _CODE.format(name=name, debugger=debugger, url=url) for name, debugger in SERVICES.items()}
    with running(url, programs) as callers:
        for number in range(rounds):
            for name, caller in in_turns(callers, number):
                for what, each in _round_of(caller, requests, rate).items():
                    took.setdefault(what, {}).setdefault(name, []).append(each)
    return {what: {name: statistics.median(each) for name, each in by.items()} for what, by in took.items()}


def _round_of(caller: DaebusCaller, requests: int, rate: int) -> dict[str, float]:
    trips = []
    for _ in range(requests // 4):
        begun = time.perf_counter()
        caller.send_request("plain", {})
        trips.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    busy = _spent(caller, lambda: _ask(caller, requests, 4))
    calls = requests / (time.perf_counter() - begun)
    paced = _spent(caller, lambda: _paced(caller, requests, rate))
    return {
        "round trip, µs": statistics.median(trips) * 1e6,
        "calls a second": calls,
        "processor time a request, µs": busy / requests * 1e6,
        f"the same at {rate:,} a second, µs": paced / requests * 1e6,
    }


def _spent(caller: DaebusCaller, work: Callable[[], None]) -> float:
    """Seconds of a processor that the service spends on something."""
    before = caller.send_request("spent")["seconds"]
    work()
    return float(caller.send_request("spent")["seconds"] - before)


def _ask(caller: DaebusCaller, requests: int, at_once: int) -> None:
    for outcome in caller.map("plain", [{}] * requests, in_flight=at_once):
        outcome.result()


def _paced(caller: DaebusCaller, requests: int, rate: int) -> None:
    begun = time.perf_counter()
    for first in range(0, requests, _BURST):
        time.sleep(max(0.0, begun + first / rate - time.perf_counter()))
        _ask(caller, min(_BURST, requests - first), _BURST)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    server = RedisServer().start()
    try:
        found = measure(server.url, options.rounds, options.requests, options.rate)
    finally:
        server.close()
    print(
        "| | no gates | gates, no rule | of that without | and watched | of that without |\n|---|---|---|---|---|---|"
    )
    for what, by in found.items():
        shut = by["shut"]
        cells = [f"{by[name]:,.1f} | {by[name] / shut:.3f}" for name in ("open", "watched")]
        print(f"| {what} | {shut:,.1f} | {' | '.join(cells)} |")
    if options.json is not None:
        options.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
