"""Watching the demo from outside: its messages on the bus, and its processes in the system."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import redis

from tests.support.programs.loaded import Forked
from tests.support.waiting import eventually

PS = shutil.which("ps") or "ps"
"""Looked up here, as some tests make the PATH another."""
HEADLESS = "import sys; from daebus_console.demo.demo import run_headless; sys.exit(run_headless({arguments}))"
FORKING = (
    "from tests.support.programs.loaded import ForkedHere, demo_forks; import daebus_console.demo.process as process; "
    "process.subprocess = demo_forks(ForkedHere); "
)


class Tap:
    """Every message on a Redis since `start`, in order: (channel, object). A context manager."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=10)
        self._pubsub: Any = self._client.pubsub()  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        self._ended = False
        self._thread = threading.Thread(target=self._read)
        self.messages: list[tuple[str, dict[str, Any]]] = []

    def __enter__(self) -> Tap:
        self._pubsub.psubscribe("*")
        eventually(lambda: self._pubsub.get_message(timeout=1), what="subscribed")
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended = True
        self._thread.join()
        self._pubsub.close()
        self._client.close()

    def _read(self) -> None:
        while not self._ended:
            try:
                message = self._pubsub.get_message(timeout=0.05)
            except redis.ConnectionError:
                return
            if message and message["type"] == "pmessage":
                self.messages.append((message["channel"].decode(), json.loads(message["data"])))

    def requests(self, channel: str, action: str) -> list[dict[str, Any]]:
        """The messages to `channel` that ask for `action`."""
        return [body for where, body in list(self.messages) if where == channel and body.get("action") == action]

    def on(self, channel: str) -> list[dict[str, Any]]:
        """Every message on `channel`."""
        return [body for where, body in list(self.messages) if where == channel]

    def answer(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The final response to `request`, if it has come."""
        for where, body in list(self.messages):
            ours = where == request.get("reply_to") and body.get("request_id") == request["request_id"]
            if ours and body.get("final", True):
                return body
        return None


class Runner:
    """`run_headless` in a process of its own, with what it printed. A context manager that leaves nothing behind.

    It and all that it starts are forks of what is loaded already, unless the interpreter itself is to be started.
    """

    def __init__(self, arguments: str = "", *, forked: bool = True, **environ: str) -> None:
        self.lines: list[str] = []
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by __exit__
        code = HEADLESS.format(arguments=arguments)
        self.process: subprocess.Popen[str] | Forked
        if forked:
            self.process = Forked(
                [sys.executable, "-c", FORKING + code], stderr=self._errors, env={**os.environ, **environ}
            )
        else:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                env={**os.environ, **environ},
            )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.family: list[int] = []

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()

    def await_running(self) -> Runner:
        """Wait until everything runs, and remember the processes."""
        eventually(lambda: self.line("running"), within=40, what="the demo runs")
        self.family = descendants(self.process.pid)
        return self

    def line(self, start: str) -> str | None:
        """The first line printed that starts like this."""
        assert self.process.poll() is None or any(line.startswith(start) for line in self.lines), self.errors()
        return next((line for line in self.lines if line.startswith(start)), None)

    def errors(self) -> str:
        """What it printed to standard error."""
        self._errors.seek(0)
        return self._errors.read()


def _processes(fields: str) -> list[list[str]]:
    listing = subprocess.run([PS, "-A", "-o", fields], capture_output=True, text=True, check=True).stdout
    return [line.split() for line in listing.splitlines()]


def descendants(pid: int) -> list[int]:
    """The process ids of all children, grandchildren, ..."""
    parents = {int(child): int(parent) for child, parent in _processes("pid=,ppid=")}
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        children = [child for child, its_parent in parents.items() if its_parent == parent]
        found += children
        waiting += children
    return [child for child in found if alive([child])]


def alive(pids: list[int]) -> list[int]:
    """Those of `pids` that still run; one that is dead and only not reaped yet does not."""
    states = {int(pid): state for pid, state in _processes("pid=,stat=")}
    return [pid for pid in pids if not states.get(pid, "Z").startswith("Z")]


def command_line(pid: int) -> str:
    """What `ps` shows of a process."""
    return subprocess.run([PS, "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, check=True, text=True).stdout


def all_gone(pids: list[int]) -> Callable[[], bool]:
    """A probe for `eventually`: none of `pids` runs."""
    return lambda: not alive(pids)
