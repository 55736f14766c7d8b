"""What typed handlers cost: processor time of a service for a request, beside untyped ones that do the same.

Run with `python -m tests.benchmarks.typed [--rounds N] [--requests N] [--json FILE]`. The service is a process of
its own on a private Redis; the handlers are asked in turns, so that whatever else the machine does meets all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daebus import Daebus, DaebusCaller, request
from tests.support.framework_services import ROOT, subscribers
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

SERVICE = "handlers"
FIELDS = {"user_id": 17, "verbose": True, "name": "Ann"}
MODELS = {"user_id": 17, "items": [{"sku": "A", "qty": 1}, {"sku": "B", "qty": 2}]}
SUBJECTS: dict[str, Any] = {"untyped": FIELDS, "typed": FIELDS, "untyped_models": MODELS, "typed_models": MODELS}


@dataclass
class Item:
    sku: str
    qty: int


app = Daebus(SERVICE)


@app.action("untyped")
def untyped() -> dict[str, Any]:
    return {"user_id": request.payload["user_id"], "verbose": request.payload["verbose"]}


@app.action("typed")
def typed(user_id: int, verbose: bool = False, name: str = "") -> dict[str, Any]:
    return {"user_id": user_id, "verbose": verbose}


@app.action("untyped_models")
def untyped_models() -> dict[str, Any]:
    return {"items": [Item(**item) for item in request.payload["items"]]}


@app.action("typed_models")
def typed_models(user_id: int, items: list[Item]) -> list[Item]:
    return items


def _spent(pid: int) -> float:
    """The processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(url: str, rounds: int, requests: int) -> dict[str, float]:
    """Microseconds of the service a request, the median of the rounds, for each handler."""
    code = f"from tests.benchmarks.typed import app; app.run({SERVICE!r}, redis_url={url!r})"
    took: dict[str, list[float]] = {name: [] for name in SUBJECTS}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL) as service:
        try:
            eventually(lambda: subscribers(url, SERVICE) == 1, within=30)
            with DaebusCaller(SERVICE, redis_url=url) as caller:
                for _round in range(rounds):
                    for name, payload in SUBJECTS.items():
                        before = _spent(service.pid)
                        for outcome in caller.map(name, [payload] * requests, in_flight=8):
                            outcome.result()
                        took[name].append((_spent(service.pid) - before) / requests * 1e6)
        finally:
            service.terminate()
    return {name: statistics.median(each) for name, each in took.items()}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    server = RedisServer().start()
    try:
        found = measure(server.url, options.rounds, options.requests)
    finally:
        server.close()
    print("| handler | µs of the service a request | of the untyped one's |\n|---|---|---|")
    for name, each in found.items():
        print(
            f"| {name} | {each:.1f} | {each / found['untyped' + name.removeprefix('un').removeprefix('typed')]:.2f} |"
        )
    if options.json is not None:
        options.json.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
