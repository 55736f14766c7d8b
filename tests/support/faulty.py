"""A service and a caller on a Redis of their own that is going to fail, and what may be said of them afterwards."""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from daebus import Daebus, DaebusCaller, DaebusError, request
from tests.support.framework_services import serving, subscribers
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


class Echo:
    """A service that echoes, with a gate in one of its actions; counts how often each request was handled."""

    def __init__(self, name: str, **options: Any) -> None:
        self.calls = 0
        self.runs: Counter[str] = Counter()
        self.gate = threading.Event()
        self.app = Daebus(name, **options)
        self.app.action("echo")(self.echo)
        self.app.action("count")(self.count)
        self.app.action("block")(self.block)

    def echo(self) -> dict[str, Any]:
        self.runs[str(request.request_id)] += 1
        return {"a": 1}

    def count(self) -> dict[str, Any]:
        self.calls += 1
        return {}

    def block(self) -> dict[str, Any]:
        self.calls += 1
        self.gate.wait(20)
        return {}


def works(caller: DaebusCaller) -> bool:
    """Whether a call gets its answer."""
    try:
        return bool(caller.send_request("echo", timeout=2) == {"a": 1})
    except DaebusError:
        return False


class Patient:
    """One Redis with one service and one caller on it, and a call that waits for its answer (`begin`, `outcome`)."""

    def __init__(self, server: RedisServer, echo: Echo, name: str, caller: DaebusCaller) -> None:
        self.server = server
        self.echo = echo
        self.name = name
        self.caller = caller
        self.outcome: tuple[object, float] | None = None
        self._waiting: threading.Thread | None = None

    def begin(self, action: str, timeout: float) -> None:
        """Ask in a thread; returns at once. `outcome` becomes the result or error, and the seconds it took."""

        def ask() -> None:
            begun = time.monotonic()
            result: object
            try:
                result = self.caller.send_request(action, timeout=timeout)
            except DaebusError as error:
                result = error
            self.outcome = (result, time.monotonic() - begun)

        self._waiting = threading.Thread(target=ask)
        self._waiting.start()

    def end(self, within: float) -> tuple[object, float]:
        """Wait for the outcome."""
        assert self._waiting is not None
        self._waiting.join(within)
        assert self.outcome is not None, f"the call still waits after {within} s more"
        return self.outcome

    def recovered(self, within: float = 6.0) -> None:
        """Redis is back: within so many seconds calls are answered, and each channel is subscribed once."""
        back = time.monotonic()
        eventually(lambda: works(self.caller), within=15)
        took = time.monotonic() - back
        assert took < within, f"answered {took:.2f} s after Redis was back"
        for channel in (self.name, f"daebus.control.{self.name}"):
            eventually(lambda channel=channel: subscribers(self.server.url, channel) == 1)  # type: ignore[misc]
        assert self.caller._requester.pending == 0

    def lines(self, records: list[logging.LogRecord]) -> list[str]:
        """What the service has logged as a warning or worse."""
        mine = [record for record in records if record.levelno >= logging.WARNING]
        return [line for record in mine if (line := record.getMessage()).startswith(f"{self.name}: ")]

    def said_once(self, records: list[logging.LogRecord]) -> None:
        """There is one line for the loss and one for the return, and no other."""
        lines = self.lines(records)
        assert len(lines) == 2, lines
        assert "lost the connection" in lines[0]
        assert "is back after" in lines[1]


@contextmanager
def patient(url: Callable[[RedisServer], str] = lambda server: server.url, **options: Any) -> Iterator[Patient]:
    """A Patient that is well, on a Redis of its own, at `url(server)`."""
    name = f"svc_{uuid.uuid4().hex[:10]}"
    server = RedisServer().start()
    try:
        echo = Echo(name, **options)
        place = url(server)
        with serving(echo.app, place, name), DaebusCaller(name, redis_url=place) as caller:
            assert caller.send_request("echo") == {"a": 1}
            try:
                yield Patient(server, echo, name, caller)
            finally:
                echo.gate.set()
    finally:
        server.close()


def side_by_side(*jobs: Callable[[], None]) -> None:
    """Run them at once, each in a thread; raises the first error of any."""
    problems: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


def resources() -> tuple[int, int]:
    """How many threads and open descriptors this process has."""
    return threading.active_count(), len(os.listdir("/proc/self/fd"))


def memory() -> int:
    """The bytes of memory in use by this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
