"""How long a program takes that is started for one thing, beside `import redis`: by the clock, and of the processor.

Each is started anew in turns with the others, with the Python that runs this. A service answers on a Redis of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from daebus import Daebus
from tests.support.redis_server import RedisServer

CONSOLE = [sys.executable, "-m", "daebus_console"]
REDIS = "import redis"


def programs(url: str) -> dict[str, list[str]]:
    """What is started, by what it is called in the table; the first one is what the others are compared with."""
    at, line = ["--redis", url], f"daebus-console --redis {url} request "
    call = f"from daebus import DaebusCaller; DaebusCaller('svc', redis_url={url!r}).send_request('ok')"
    return {
        REDIS: [sys.executable, "-c", REDIS],
        "a program that calls": [sys.executable, "-c", call],
        "request svc ok": [*CONSOLE, *at, "request", "svc", "ok"],
        "services": [*CONSOLE, *at, "services"],
        "send svc ok": [*CONSOLE, *at, "send", "svc", "ok"],
        "TAB after `request `": ["env", "_DAEBUS_CONSOLE_COMPLETE=bash", *CONSOLE, line, str(len(line)), ""],
    }


def once(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds by the clock and of the processor that it takes."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), os.path.join(os.getcwd(), "console")])}
    server, app = RedisServer().start(), Daebus(__name__)
    app.action("ok")(dict)
    app.start(service="svc", redis_url=server.url)
    try:
        found: dict[str, list[tuple[float, float]]] = {}
        for _ in range(options.rounds):
            for name, command in programs(server.url).items():
                found.setdefault(name, []).append(once(command, environment))
    finally:
        app.stop()
        server.close()
    clock = {name: statistics.median(took for took, _cpu in runs) for name, runs in found.items()}
    processor = {name: statistics.median(cpu for _took, cpu in runs) for name, runs in found.items()}
    print(f"{'':26} {'by the clock':>14}  {'ratio':>5}  {'processor':>10}  {'ratio':>5}")
    for name in found:
        took, cpu = clock[name] * 1000, processor[name] * 1000
        ratios = clock[name] / clock[REDIS], processor[name] / processor[REDIS]
        print(f"{name:26} {took:11.0f} ms  {ratios[0]:5.2f}  {cpu:7.0f} ms  {ratios[1]:5.2f}")
    if options.json:
        options.json.write_text(json.dumps({"clock": clock, "processor": processor}))


if __name__ == "__main__":
    main()
