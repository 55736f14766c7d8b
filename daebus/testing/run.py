"""TestRun: the bus of one test, and what runs on it until the test ends. Its parts are the pytest plugin's fixtures."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from daebus import context
from daebus.context import Runtime
from daebus.errors import ConfigurationError
from daebus.transport.bus import stand_in

from .capture import write_capture
from .client import App, TestClient
from .faults import LOOK_EVERY, Fault, FaultFixture
from .recorded import RecordedBus
from .recording import RecordingBus
from .stub import Answer, Stub

ANSWERS_WITHIN = 2.0
"""Seconds in which answers to what was held have to come in once everything was stopped."""
THREADS_WITHIN = 2.0
"""Seconds in which threads have to end once everything was stopped."""


class ServiceFixture:
    """The fixture `service`: `service(app)` runs an app on the bus of the test, and returns what calls it."""

    def __init__(self, run: TestRun) -> None:
        self._run = run

    def __call__(self, app: App, name: str | None = None, *, shared: bool = False) -> TestClient:
        """Serve as `name` (default: the app's) until the test ends. Raises whatever a start hook of it raises.

        Callers in its handlers, and in the test, reach what else runs on the bus. `shared` is as in `Daebus.start`.
        """
        return self._run.start(app, name, shared)


class StubFixture:
    """The fixture `stub`: `stub("payments", {"charge": {"ok": True}})` answers in place of a service."""

    def __init__(self, run: TestRun) -> None:
        self._run = run

    def __call__(self, service: str, answers: Mapping[str, Answer]) -> Stub:
        """See `Stub`. A request for another action fails the test."""
        return self._run.stand_in_for(service, answers)


class TestRun:
    """While it is entered, its bus stands in for every Redis that this process names. Ends what was started on it."""

    __test__ = False

    def __init__(self, bus: RecordingBus) -> None:
        self.bus = RecordedBus(bus)
        self.service = ServiceFixture(self)
        self.stub = StubFixture(self)
        self.fault = FaultFixture(self.set_fault)
        self.clients: list[TestClient] = []
        self.stubs: list[Stub] = []
        self.faults: list[Fault] = []
        self._told: list[str] = []
        self._end = ExitStack()
        self._before: set[threading.Thread] = set()

    def __enter__(self) -> TestRun:
        self._before = set(threading.enumerate())
        self._end.callback(self.bus.close)
        self._end.enter_context(stand_in(self.bus.bus))
        return self

    def __exit__(self, *exception: object) -> None:
        services = context.running(self.bus.bus)
        held = any(fault.held for fault in self.faults)
        with self._end:
            with ExitStack() as stopping:
                # Whoever waits for what is held may be stopped before the one that holds it.
                for fault in self.faults:
                    fault.let_go()
                # The last first, however it was started; one that cannot be stopped keeps none of the others.
                for service in services:
                    stopping.callback(service.end)
            if held:
                self._await_answers()
        self._join(services)

    def start(self, app: App, name: str | None = None, shared: bool = False) -> TestClient:
        """See `ServiceFixture`."""
        client = TestClient(app, name, bus=self.bus, shared=shared, debugger=True)
        taken = [stub for stub in self.stubs if stub.service == client.service]
        if taken:
            raise ConfigurationError(f"there is a stub for {client.service!r} on this bus, which would answer as well")
        self._end.enter_context(client)
        self.clients.append(client)
        self._set_faults()
        return client

    def stand_in_for(self, service: str, answers: Mapping[str, Answer]) -> Stub:
        """See `StubFixture`."""
        stub = Stub(service, answers, self.bus)
        self.stubs.append(stub)
        self._end.callback(stub.stop)
        self._set_faults()
        return stub

    def set_fault(self, service: str, rule: dict[str, Any]) -> Fault:
        """See `FaultFixture`."""
        fault = Fault(service, rule, f"test {len(self.faults) + 1}")
        self.faults.append(fault)
        self._set_faults()
        return fault

    def _set_faults(self) -> None:
        """At the services that run now."""
        for fault in self.faults:
            for runtime in context.running(self.bus.bus):
                fault.applies_to(runtime)

    def new_problems(self) -> list[str]:
        """What went wrong with the stubs and the faults that was not told yet."""
        found = [problem for stub in self.stubs for problem in stub.problems]
        found += [fault.problem for fault in self.faults if fault.problem is not None]
        new = [problem for problem in dict.fromkeys(found) if problem not in self._told]
        self._told += new
        return new

    def write_capture(self, path: str | os.PathLike[str]) -> None:
        """Write what went over the bus as a capture. Raises OSError."""
        bus = self.bus.bus
        write_capture(path, list(bus.record.entries), str(bus), self.bus.started, time.time())

    def _await_answers(self) -> None:
        """Let whoever waits for what was held have the answer, which has been sent, before its client is closed."""
        until = time.monotonic() + ANSWERS_WITHIN
        while any(client.waiting for client in self.clients) and time.monotonic() < until:
            time.sleep(LOOK_EVERY)

    def _join(self, services: Sequence[Runtime]) -> None:
        """Wait for the threads of these services to end.

        Raises ConfigurationError where some do not, or have not in the grace of their service: those that `overran`.
        What was there before the test, such as a client of all tests of a module, may begin threads in it that last.
        """
        overran = [name for service in services for name in service.overran]
        lasting = {each.name for each in context.all_running()}
        gone = {service.name for service in services} - lasting
        until = time.monotonic() + THREADS_WITHIN
        left = [
            thread
            for thread in threading.enumerate()
            if thread not in self._before and _owner(thread, gone | lasting) in gone
        ]
        for thread in left:
            thread.join(max(0.0, until - time.monotonic()))
        names = sorted({thread.name for thread in left if thread.is_alive()}.difference(overran))
        told = [
            f"{what}: {', '.join(names)}"
            for what, names in (
                ("threads still ran when the grace of their service was over", overran),
                ("threads still run after the end of the test", names),
            )
            if names
        ]
        if told:
            raise ConfigurationError("; ".join(told))


def _owner(thread: threading.Thread, services: Iterable[str]) -> str | None:
    """The one of these services that a thread is of; None where it is of none."""
    return max((name for name in services if thread.name.startswith(f"daebus-{name}-")), key=len, default=None)
