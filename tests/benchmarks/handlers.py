"""What handlers cost: processor time for a plain one, and how many async ones that wait are answered a second.

Run with `python -m tests.benchmarks.handlers [--beside TREE] [--json FILE]`. The first part compares this tree with
another checkout, in turns. The second has 2,000 requests under way at once, each to a handler that waits 100 ms, and
FastStream beside us. Who asks is the same program for all, as light as Python has it.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import hiredis
import redis

from daebus.wire.resp import pack
from tests.support.environments import python_with
from tests.support.processes import die_with_parent
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
UNDER_WAY = 2000
PATIENCE = 10
"""Seconds without any answer after which there will be none."""
DAEBUS = """
import asyncio, sys
from daebus import Daebus, request, response
app = Daebus(sys.argv[1], max_queue=100_000, **({"max_async": 10_000} if sys.argv[3] == "waiting" else {}))
if sys.argv[3] == "waiting":
    @app.action("get")
    async def get():
        await asyncio.sleep(0.1)
        return request.payload
else:
    @app.action("get")
    def get():
        return response.send(request.payload)
app.run(redis_url=sys.argv[2])
"""
FASTSTREAM = """
import asyncio, sys
from faststream import FastStream
from faststream.redis import RedisBroker
# Without that redis-py lets it answer over 100 connections at once, and what does not find one is lost.
broker = RedisBroker(sys.argv[2], logger=None, max_connections=10_000)
@broker.subscriber(sys.argv[1], max_workers=10_000)
async def get(payload: dict) -> dict:
    await asyncio.sleep(0.1)
    return payload
asyncio.run(FastStream(broker).run())
"""


class Unanswered(RuntimeError):
    """Nothing is answered any more."""


class Asker:
    """Keeps so many requests under way, over two sockets."""

    def __init__(self, port: int, service: str, envelope: str) -> None:
        self._listening = socket.create_connection(("127.0.0.1", port))
        self._commanding = socket.create_connection(("127.0.0.1", port))
        self._reader = hiredis.Reader()
        self.answered = 0
        channel = f"answers.{service}"
        self._listening.sendall(pack(b"SUBSCRIBE", channel.encode()))
        self._request = pack(b"PUBLISH", service.encode(), envelope.replace("CHANNEL", channel).encode())
        self._listening.settimeout(PATIENCE)
        assert self._next()

    def run(self, under_way: int, seconds: float) -> float:
        """How many are answered a second. Raises Unanswered."""
        self._send(under_way)
        # The first ones of all come at once.
        self._answer(under_way)
        begun, count = time.perf_counter(), 0
        while (now := time.perf_counter()) - begun < seconds:
            count += self._answer(1)
        left = under_way
        while left > 0:
            left -= self._next()
        return count / (now - begun)

    def _answer(self, least: int) -> int:
        """Wait for so many answers, and ask as many times again."""
        found = 0
        while found < least:
            found += (more := self._next())
            self._send(more)
        return found

    def _send(self, count: int) -> None:
        self._commanding.sendall(self._request * count)
        self._commanding.setblocking(False)
        try:
            while self._commanding.recv(1 << 16):
                pass
        except BlockingIOError:
            pass
        self._commanding.setblocking(True)

    def _next(self) -> int:
        try:
            self._reader.feed(self._listening.recv(1 << 20))
        except TimeoutError:
            raise Unanswered(f"requests wait, and none was answered for {PATIENCE} s") from None
        count = 0
        while self._reader.gets() is not False:
            count += 1
        self.answered += count
        return count


def processor_time(process: subprocess.Popen[bytes]) -> float:
    """Seconds that it has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def service(server: RedisServer, name: str, python: str, program: str, tree: Path, *options: str) -> Iterator[Any]:
    """A service in a process of its own."""
    process = subprocess.Popen(
        [python, "-c", program, name, server.url, *options],
        env={**os.environ, "PYTHONPATH": str(tree)},
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    try:
        with redis.Redis.from_url(server.url) as client:
            eventually(lambda: process.poll() is not None or client.pubsub_numsub(name)[0][1], within=60)
        assert process.poll() is None, f"{name} ended"
        yield process
    finally:
        process.terminate()
        process.wait(10)


OURS = json.dumps(
    {"action": "get", "payload": {"data": "x" * 100}, "reply_to": "CHANNEL", "request_id": "1", "timeout": 60}
)
"""A request as Daebus has it."""
THEIRS = json.dumps(
    {
        "data": json.dumps({"data": "x" * 100}),
        "headers": {"reply_to": "CHANNEL", "correlation_id": "1", "content-type": "application/json"},
    }
)
"""A request as FastStream has it."""


def plain_cost(trees: list[Path], rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """Processor time (µs) for each request to a plain handler, by tree and by how many are under way."""
    found: dict[str, dict[str, list[float]]] = {str(tree): {"1": [], "32": []} for tree in trees}
    with ExitStack() as stack:
        server = stack.enter_context(_server())
        up = [
            (tree, stack.enter_context(service(server, f"plain.{n}", sys.executable, DAEBUS, tree, "plain")))
            for n, tree in enumerate(trees)
        ]
        askers = {id(process): Asker(server.port, f"plain.{n}", OURS) for n, (_tree, process) in enumerate(up)}
        for number in range(rounds + 1):
            for tree, process in up[number % len(up) :] + up[: number % len(up)]:
                for under_way in (1, 32):
                    asker = askers[id(process)]
                    before, answered = processor_time(process), asker.answered
                    asker.run(under_way, seconds)
                    used = (processor_time(process) - before) / (asker.answered - answered)
                    if number:
                        found[str(tree)][str(under_way)].append(used * 1e6)
    return found


def waiting(rounds: int, seconds: float, beside: bool) -> dict[str, list[tuple[float, float]]]:
    """Answers a second of handlers that wait 100 ms, 2,000 at once, and the service's processor time (µs) for each."""
    subjects = [("daebus", sys.executable, DAEBUS, OURS)]
    if beside:
        python = python_with("faststream", "faststream[redis]", "hiredis")
        subjects.append(("FastStream", python, FASTSTREAM, THEIRS))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name, *_rest in subjects}
    with ExitStack() as stack:
        server = stack.enter_context(_server())
        askers = []
        for name, python, program, envelope in subjects:
            process = stack.enter_context(service(server, name, python, program, ROOT, "waiting"))
            askers.append((name, Asker(server.port, name, envelope), process))
        for number in range(rounds):
            for name, asker, process in askers[number % len(askers) :] + askers[: number % len(askers)]:
                before, answered = processor_time(process), asker.answered
                try:
                    rate = asker.run(UNDER_WAY, seconds)
                except Unanswered as error:
                    raise SystemExit(f"{name}, round {number + 1}: {error}") from None
                used = (processor_time(process) - before) / (asker.answered - answered)
                found[name].append((rate, used * 1e6))
    return found


@contextmanager
def _server() -> Iterator[RedisServer]:
    server = RedisServer().start()
    try:
        yield server
    finally:
        server.close()


def main() -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--beside", type=Path, metavar="TREE", help="another checkout, to be compared with")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each time")
    parser.add_argument("--only", choices=["plain", "waiting"], help="one of the two parts")
    parser.add_argument("--alone", action="store_true", help="without FastStream")
    options = parser.parse_args()
    figures: dict[str, Any] = {}
    if options.only != "waiting":
        trees = [ROOT, options.beside.resolve()] if options.beside else [ROOT]
        figures["plain"] = plain_cost(trees, options.rounds, options.seconds)
        for under_way in ("1", "32"):
            medians = [statistics.median(figures["plain"][str(tree)][under_way]) for tree in trees]
            compared = f"   {medians[0] / medians[-1]:.3f} x the other tree" if len(trees) > 1 else ""
            shown = ", ".join(f"{median:.1f} us" for median in medians)
            print(f"a plain handler, {under_way:>2} under way: processor time a request {shown}{compared}")
    if options.only != "plain":
        figures["waiting"] = waiting(options.rounds, options.seconds, not options.alone)
        for name, rounds in figures["waiting"].items():
            rate, used = (statistics.median(values) for values in zip(*rounds, strict=True))
            print(f"{UNDER_WAY:,} handlers that wait 100 ms, {name}: {rate:,.0f} answers/s, {used:.0f} us each")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
