"""Services for tests of the framework: apps in this process, and programs in processes of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from daebus import Daebus
from daebus.transport.proof import PROBE
from tests.support import processes
from tests.support.processes import die_with_parent
from tests.support.programs.loaded import Forked
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]


@contextmanager
def serving(app: Daebus, url: str, service: str, *, grace: float = 5, **options: Any) -> Iterator[Daebus]:
    """The app running in this process; what runs when it is stopped has a `grace` of so many seconds."""
    app.start(service=service, redis_url=url, **options)
    try:
        yield app
    finally:
        app.stop(grace)


def subscribers(url: str, channel: str) -> int:
    """How many clients are subscribed to just this channel."""
    with redis.Redis.from_url(url, socket_timeout=5) as client:
        return int(client.pubsub_numsub(channel)[0][1])


class Program:
    """A Python program in a process of its own, with what it wrote; `forked` where its start is of no interest."""

    def __init__(
        self,
        *arguments: str,
        python: str = sys.executable,
        forked: bool = False,
        cwd: str | None = None,
        **environment: str,
    ) -> None:
        env = {"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1", **environment}
        if python == sys.executable:
            env["PYTHONPATH"] = str(ROOT)
        self.process: subprocess.Popen[str] | Forked
        if forked:
            self.process = Forked([python, *arguments], env=env, stdin=subprocess.PIPE)
        else:
            self.process = subprocess.Popen(
                [python, *arguments],
                cwd=cwd,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                preexec_fn=die_with_parent,
            )
        self.output = ""

    def signal(self, number: int) -> None:
        if number == signal.SIGSTOP:
            processes.stop(self.process.pid)
        else:
            self.process.send_signal(number)

    def enter(self) -> None:
        """Give it a line on its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def wait(self, timeout: float = 20) -> int:
        """The exit status; `output` is complete then."""
        try:
            self.output += self.process.communicate(timeout=timeout)[0]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.output += self.process.communicate()[0]
            raise AssertionError(f"the program did not end:\n{self.output}") from None
        return self.process.returncode

    def stop(self) -> int:
        """Ask it to end, and wait for that."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait()


@contextmanager
def program(*arguments: str, serves: str | None = None, url: str = "", **options: Any) -> Iterator[Program]:
    """A program that runs while the block does; waits until it serves `serves` at `url`, where that is given."""
    started = Program(*arguments, **options)
    try:
        if serves is not None:
            eventually(lambda: subscribers(url, serves) or _ended(started), what=f"{serves} serves")
        yield started
    except BaseException as error:
        started.stop()
        error.add_note(f"What the program said:\n{started.output}")
        raise
    started.stop()


def _ended(started: Program) -> bool:
    if started.process.poll() is not None:
        raise RuntimeError(f"the program ended:\n{started.process.communicate()[0]}")
    return False


class Tap:
    """Subscribes and keeps what comes, as (channel, bytes), but for the probes that a listener sends to itself."""

    def __init__(self, url: str, *channels: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=5)
        self._pubsub = self._client.pubsub()
        self._pubsub.subscribe(*channels)
        self.seen: list[tuple[str, bytes]] = []
        for _ in channels:
            self._pubsub.get_message(timeout=5)

    def __enter__(self) -> Tap:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pubsub.close()
        self._client.close()

    def collect(self, seconds: float = 0.0) -> list[tuple[str, bytes]]:
        """Everything so far, having listened for so many seconds more."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._keep(self._pubsub.get_message(timeout=left))
        # Others may have got a message that is still on its way to here; what comes before the answer is all.
        self._pubsub.ping()
        while message := self._pubsub.get_message(timeout=20):
            if message["type"] == "pong":
                return self.seen
            self._keep(message)
        raise AssertionError("Redis does not answer")

    def next(self, timeout: float = 20.0) -> tuple[str, bytes]:
        """The next message, waited for."""
        count = len(self.seen)
        until = time.monotonic() + timeout
        while len(self.seen) == count:
            if time.monotonic() > until:
                raise AssertionError("no message came")
            self._keep(self._pubsub.get_message(timeout=0.2))
        return self.seen[-1]

    def _keep(self, message: dict[str, Any] | None) -> None:
        if message is not None and message["type"] == "message" and not message["data"].startswith(PROBE):
            self.seen.append((message["channel"].decode(), message["data"]))
