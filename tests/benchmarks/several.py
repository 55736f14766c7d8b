"""What classic and sharded Pub/Sub cost in a cluster, beside one server: round trips, calls a second, processor time.

All servers are on this machine and share its processors; so the time that they take says more than the rate does.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from daebus import Daebus, DaebusCaller
from tests.support.redis_server import RedisServer
from tests.support.several import Cluster

NAME = "bench"
THREADS = 16


@dataclass(frozen=True)
class Figures:
    """`median` is in microseconds with one call in flight; `busy` are microseconds of all servers a call, with many."""

    what: str
    median: float
    rate: float
    busy: float


@contextmanager
def one_server() -> Iterator[tuple[Sequence[RedisServer], str, str]]:
    server = RedisServer().start()
    try:
        yield [server], server.url, server.url
    finally:
        server.close()


@contextmanager
def a_cluster(
    masters: int, replicas: int, *, sharded: bool = False
) -> Iterator[tuple[Sequence[RedisServer], str, str]]:
    """The caller at one node, the service at another."""
    cluster = Cluster(masters, replicas)
    try:
        cluster.start()
        if sharded:
            url = f"{cluster.url}?sharded=true"
            yield cluster.nodes, url, url
            return
        yield cluster.nodes, cluster.nodes[0].url, cluster.nodes[1].url
    finally:
        cluster.close()


SUBJECTS: dict[str, Callable[[], object]] = {
    "one server": one_server,
    "cluster of 3": lambda: a_cluster(3, 0),
    "cluster of 6": lambda: a_cluster(6, 0),
    "3 shards": lambda: a_cluster(3, 0, sharded=True),
    "6 shards": lambda: a_cluster(6, 0, sharded=True),
    "cluster of 3+3": lambda: a_cluster(3, 1),
    "3+3 shards": lambda: a_cluster(3, 1, sharded=True),
    "cluster of 6+6": lambda: a_cluster(6, 1),
}


def busy_seconds(servers: Sequence[RedisServer]) -> float:
    """The processor time that the servers have taken so far."""
    total = 0.0
    for server in servers:
        with server.client() as client:
            told = client.info("cpu")
        total += told["used_cpu_user"] + told["used_cpu_sys"]
    return total


def measured(what: str, servers: Sequence[RedisServer], at: str, there: str, seconds: float) -> Figures:
    app = Daebus(NAME)
    app.action("echo")(lambda: {"a": 1})
    app.start(service=NAME, redis_url=there)
    try:
        with DaebusCaller(NAME, redis_url=at) as caller:
            caller.send_request("echo")
            trips = []
            until = time.perf_counter() + seconds
            while (begun := time.perf_counter()) < until:
                caller.send_request("echo")
                trips.append(time.perf_counter() - begun)
            answered, took, busy = many(caller, servers, seconds)
    finally:
        app.stop(grace=2)
    return Figures(what, statistics.median(trips) * 1e6, answered / took, busy / answered * 1e6)


def many(caller: DaebusCaller, servers: Sequence[RedisServer], seconds: float) -> tuple[int, float, float]:
    """How many calls of many threads were answered, in how many seconds, and what of those the servers were at work."""
    stop, counts = threading.Event(), [0] * THREADS

    def call(number: int) -> None:
        while not stop.is_set():
            caller.send_request("echo")
            counts[number] += 1

    threads = [threading.Thread(target=call, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    before, counted, begun = busy_seconds(servers), sum(counts), time.perf_counter()
    time.sleep(seconds)
    answered, took = sum(counts) - counted, time.perf_counter() - begun
    busy = busy_seconds(servers) - before
    stop.set()
    for thread in threads:
        thread.join()
    return answered, took, busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=list(SUBJECTS), help="of these alone")
    options = parser.parse_args()
    subjects = {what: make for what, make in SUBJECTS.items() if not options.only or what in options.only}
    found: dict[str, list[Figures]] = {what: [] for what in subjects}
    with ExitStack() as stack:
        made = {what: stack.enter_context(make()) for what, make in subjects.items()}  # type: ignore[arg-type]
        for _ in range(options.rounds):
            for what, subject in made.items():
                servers, at, there = subject
                found[what].append(measured(what, servers, at, there, options.seconds))
    print(f"{'':16} {'round trip':>12} {'calls/s':>10} {'servers, a call':>16}")
    table = []
    for what, rounds in found.items():
        middle = Figures(
            what, *(statistics.median(getattr(one, name) for one in rounds) for name in ("median", "rate", "busy"))
        )
        table.append(asdict(middle))
        print(f"{what:16} {middle.median:9.0f} µs {middle.rate:10,.0f} {middle.busy:13.0f} µs")
    if options.json:
        options.json.write_text(json.dumps(table))


if __name__ == "__main__":
    main()
