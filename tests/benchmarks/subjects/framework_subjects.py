"""What the framework's benchmark compares, each as a service and clients in processes of their own."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from daebus import Daebus
from tests.support.environments import python_with
from tests.support.processes import die_with_parent
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

HERE = Path(__file__).parent
OURS = "daebus"
OLD = "daebus 0.0.31"
FASTSTREAM = "FastStream"
PING_PONG = "redis-py ping-pong"
SOCKETS = "bare sockets"
"""As near as Python gets to what the network and Redis take by themselves."""
HOST = "127.0.0.1"
NO_FOLDER = ("-P",)
"""For Python: the folder of a script is no place to import from, since modules here have names of the library's."""


@dataclass(frozen=True)
class Subject:
    """One of those compared: which service answers, which client asks, with which Python."""

    name: str
    service: str
    client: str
    python: Callable[[], str] = lambda: sys.executable
    options: tuple[str, ...] = ()
    streams: bool = True
    """Whether there are partial responses."""


def subjects() -> list[Subject]:
    """Everything that is compared, ours first."""
    found = [
        Subject(OURS, "daebus", "daebus"),
        Subject("daebus, AsyncDaebusCaller", "daebus", "daebus_asyncio"),
    ]
    if "shared" in inspect.signature(Daebus.run).parameters:
        found.append(Subject("daebus, shared=True", "daebus", "daebus", options=("shared",)))
    return [
        *found,
        Subject(OLD, "daebus", "daebus", lambda: python_with("daebus-0.0.31", "daebus==0.0.31")),
        # It is given hiredis, which our own environment has, too.
        Subject(
            FASTSTREAM,
            "faststream",
            "faststream",
            lambda: python_with("faststream", "faststream[redis]", "hiredis"),
            streams=False,
        ),
        Subject(PING_PONG, "redis", "redis", streams=False),
        Subject(SOCKETS, "sockets", "sockets", streams=False),
    ]


class Client:
    """A client process, which does one job at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self, **job: Any) -> None:
        """Give it a job."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        """Wait for the outcome of the job. Raises RuntimeError where the client has failed."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a client ended: {self._process.args!r}")
        outcome: dict[str, Any] = json.loads(line)
        return outcome

    def do(self, **job: Any) -> dict[str, Any]:
        """Give it a job, and wait for the outcome."""
        self.begin(**job)
        return self.end()


@dataclass
class Running:
    """A subject that is up: the client that is measured, and one that makes load beside it."""

    subject: Subject
    client: Client
    loader: Client
    server: RedisServer


@contextmanager
def running(chosen: Iterable[Subject]) -> Iterator[list[Running]]:
    """All of them on one private Redis, warmed up."""
    with ExitStack() as stack:
        # 32 answers of a megabyte may wait for one connection; the default limit would cut it off.
        server = RedisServer("--client-output-buffer-limit", "pubsub", "0", "0", "0")
        stack.callback(server.close)
        server.start()
        up = []
        for number, subject in enumerate(chosen):
            up.append(_start(stack, server, subject, f"bench.{number}"))
        yield up


def _start(stack: ExitStack, server: RedisServer, subject: Subject, name: str) -> Running:
    python, address = subject.python(), (HOST, str(server.port), name)
    script = str(HERE / "framework_services.py")
    service = _process(stack, [python, *NO_FOLDER, script, subject.service, *address, *subject.options])
    _await_service(server, service, name)
    script = str(HERE / "framework_clients.py")
    clients = [Client(_process(stack, [python, *NO_FOLDER, script, subject.client, *address])) for _ in range(2)]
    for client in clients:
        client.do(size=100, parts=0, callers=1, seconds=0.3, calls=1)
    return Running(subject, *clients, server)


def _process(stack: ExitStack, command: list[str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=die_with_parent,
    )
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _await_service(server: RedisServer, service: subprocess.Popen[str], name: str) -> None:
    with redis.Redis(HOST, server.port, socket_timeout=5) as client:

        def serves() -> bool:
            if service.poll() is not None:
                raise RuntimeError(f"a service ended: {service.args!r}")
            return bool(client.pubsub_numsub(name)[0][1])

        eventually(serves, within=60)
        time.sleep(0.1)
