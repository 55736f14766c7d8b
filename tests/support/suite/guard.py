"""The part of pytest that makes the suite end: it runs below a supervisor, and tells it what each process does."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
from collections.abc import Generator
from typing import Any

import pytest

from tests.support.suite.scheduler import Scheduler, busy_workers, write_groups
from tests.support.suite.sockets import Sockets
from tests.support.suite.supervisor import SOCKET, STACKS, Line, Supervisor

COLLECTION_SECONDS = 300.0
ENDING_SECONDS = 60.0
THREAD_SECONDS = 2.0
"""A thread that a test has left may take so long to end; one that does not would keep the process for ever."""
LIMIT = "DAEBUS_TEST_LIMIT"
GRACE = "DAEBUS_TEST_GRACE"


class Guard:
    """Tells the supervisor what this process does: which test it runs, and which threads tests have left in it."""

    def __init__(self, worker: bool) -> None:
        self._worker = worker
        self._line = Line()
        self._grace = float(os.environ.get(GRACE, "20"))
        self._endless = False
        self._threads: dict[threading.Thread, str] = dict.fromkeys(threading.enumerate(), "")
        # Written by C, so that it also works in a process that is stuck. Capturing is not under way yet.
        self._stderr = os.fdopen(os.dup(2), "w")
        faulthandler.register(STACKS, file=self._stderr)
        self.sockets = Sockets(self._line.note)

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        # Where others run the tests, this process collects none.
        if isinstance(collector, pytest.Session):
            self._line.tell("the collection of the tests", COLLECTION_SECONDS)

    def pytest_collection_finish(self) -> None:
        self._line.tell(None)

    @pytest.hookimpl(wrapper=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> Generator[None, object, object]:
        self._line.tell(item.nodeid, settings.timeout + self._grace)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_timeout_cancel_timer(self, item: pytest.Item) -> Generator[None, object, object]:
        result = yield
        self._line.tell(None)
        for thread in threading.enumerate():
            self._threads.setdefault(thread, item.nodeid)
        return result

    def pytest_enter_pdb(self) -> None:
        self._line.tell(None)

    def pytest_sessionfinish(self) -> None:
        left = [thread for thread, test in self._threads.items() if test and not thread.daemon]
        for thread in left:
            thread.join(THREAD_SECONDS)
        endless = [thread for thread in left if thread.is_alive()]
        for thread in endless:
            self._line.report(f"{self._threads[thread]}: its thread {thread.name} never ends")
        self._endless = bool(endless)

    def pytest_unconfigure(self) -> None:
        if self._endless:
            self._line.tell("the end of a process with endless threads")
        elif not self._worker:
            # A worker lives on until all of them have ended.
            self._line.tell("the end of the process", ENDING_SECONDS)
        self._line.close()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    guard = Guard(hasattr(config, "workerinput"))
    config.pluginmanager.register(guard, "guard")
    config.pluginmanager.register(guard.sockets, "sockets")
    # After pytest's own hook for what cannot be raised.
    guard.sockets.begin()
    config.add_cleanup(guard.sockets.end)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell the scheduler, in another process, which tests belong together.

    pytest-xdist 3.8 puts the group into the id of a test for that, and pytest 9.2 does not let it.
    """
    if getattr(config, "workerinput", {}).get("workerid") == "gw0":
        marks = {item.nodeid: item.get_closest_marker("xdist_group") for item in items}
        write_groups({test: str(mark.args[0]) for test, mark in marks.items() if mark is not None})


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Run the same once more, below a supervisor; not where somebody wants to look into this process."""
    looked_into = config.option.usepdb or sys.gettrace() is not None or bool(config.invocation_params.plugins)
    if hasattr(config, "workerinput") or SOCKET in os.environ or looked_into:
        return None
    command = [sys.executable, "-m", "pytest", *(str(argument) for argument in config.invocation_params.args)]
    return Supervisor(float(os.environ.get(LIMIT, "1800"))).run(command)


def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`. More than there are cores, since many tests wait for what other processes do."""
    return 2 * busy_workers() - 1


def pytest_xdist_make_scheduler(config: pytest.Config) -> Scheduler:
    return Scheduler(config)
