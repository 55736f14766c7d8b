"""How a bus grows: what services, callers and channels take of Redis and their processes, and how soon all are found.

Of each size there are so many services of two instances, five callers a service, and 25 channels a service.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from daebus import Daebus, DaebusCaller
from daebus_console.engine.session import Session
from tests.support.processes import die_with_parent
from tests.support.redis_server import RedisServer

SIZES = (10, 50, 200)
PROCESSES = 4
CHANNELS = 25
CALLERS = 5
"""For each service."""


@dataclass(frozen=True)
class Figures:
    """What a bus of so many services takes; of connections, threads and memory what an instance or a caller has."""

    services: int
    connections: int
    threads: float
    memory: float
    busy: float
    found: float
    answer: float
    listed: float


def host(url: str, numbers: list[int]) -> None:
    """Run two instances of each of those services, and callers that have called once and then wait."""
    apps, callers = [], []
    for number in numbers:
        for instance in range(2):
            app = Daebus(f"service{number}", max_workers=1)
            app.action("echo")(lambda: {"a": 1})
            if instance == 0:
                for channel in range(CHANNELS):
                    app.listen(f"channel.{number}.{channel}")(lambda _data: None)
            app.start(redis_url=url)
            apps.append(app)
        for _ in range(CALLERS):
            caller = DaebusCaller(f"service{number}", redis_url=url, timeout=60)
            caller.send_request("echo")
            callers.append(caller)
    threads = len(os.listdir("/proc/self/task"))
    memory = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    print(json.dumps([threads, memory]), flush=True)
    sys.stdin.read()
    os._exit(0)


@contextlib.contextmanager
def hosted(url: str, services: int) -> Iterator[tuple[int, int]]:
    """That many, in a few processes; gives the threads and bytes of all of them, less those of an empty one."""
    shares = [list(range(number, services, PROCESSES)) for number in range(PROCESSES)]
    command = [sys.executable, "-m", "tests.benchmarks.growth", "--host", url]
    programs = [
        subprocess.Popen(
            [*command, json.dumps(share)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        for share in ([], *shares)
    ]
    try:
        told = [json.loads(program.stdout.readline()) for program in programs if program.stdout is not None]
        (_thread, empty), *rest = told
        yield sum(threads - 1 for threads, _memory in rest), sum(memory - empty for _threads, memory in rest)
    finally:
        for program in programs:
            program.kill()
            program.wait()


def measured(services: int, seconds: float) -> Figures:
    server = RedisServer().start()
    try:
        with hosted(server.url, services) as (threads, memory), server.client() as client:
            several = services * (2 + CALLERS)
            connections = client.info("clients")["connected_clients"] - 1
            before = client.info("cpu")
            time.sleep(seconds)
            after = client.info("cpu")
            busy = sum(after[name] - before[name] for name in ("used_cpu_user", "used_cpu_sys"))
            begun = time.monotonic()
            with Session(server.url) as session:
                session.wait_for(lambda: len(session.directory.services) >= services, 60)
                found = time.monotonic() - begun
            begun = time.monotonic()
            with DaebusCaller("service0", redis_url=server.url, timeout=60) as caller:
                caller.send_request("echo")
            answer = time.monotonic() - begun
            begun = time.monotonic()
            listing = [sys.executable, "-m", "daebus_console", "services", "--redis", server.url]
            subprocess.run(listing, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            listed = time.monotonic() - begun
        return Figures(
            services,
            connections,
            threads / several,
            memory / several / 1000,
            busy / seconds / several * 1e6,
            found,
            answer,
            listed,
        )
    finally:
        server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--seconds", type=float, default=10.0, help="for which the bus is left alone, to measure")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="how many services there are")
    parser.add_argument("--host", nargs=2, metavar=("URL", "NUMBERS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.host:
        host(options.host[0], json.loads(options.host[1]))
        return
    print("services  instances  callers  connections | each: threads  kB  Redis µs/s | found  first answer  `services`")
    table = []
    for services in options.sizes:
        one = measured(services, options.seconds)
        table.append(asdict(one))
        print(
            f"{services:8} {2 * services:10} {CALLERS * services:8} {one.connections:12} | {one.threads:13.1f}"
            f" {one.memory:3.0f} {one.busy:11.0f} | {one.found:4.2f} s {one.answer * 1000:9.1f} ms {one.listed:7.2f} s",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(table))


if __name__ == "__main__":
    main()
