"""Which worker runs which test: one worker all those of one `xdist_group`; the rest as workers get free.

Some workers begin with the tests that mostly wait, while the others keep the processors busy: as many of both as there
are, at every moment. Where one kind has run out, all take what is left.

pytest-xdist's own `loadgroup` can wait for ever after a worker has died: it gives the replacement a single test, and a
worker begins no test before it knows the next one. It also runs the test that killed the worker again.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.suite.supervisor import SOCKET

WAITING = (
    "tests/several/",
    "tests/faults/test_outages.py",
    "tests/suite/test_hanging.py",
    "tests/faults/test_interrupts.py",
    "tests/faults/test_pauses.py",
    "tests/faults/test_network.py",
    "tests/faults/test_refusals.py",
    "tests/faults/test_refusing_redis.py",
    "tests/faults/test_reconnecting.py",
    "tests/faults/test_instances.py",
    "tests/console/sick/test_unheard.py",
    "tests/console/live/test_findings.py",
    "tests/console/holding/",
    "tests/console/sick/test_rights.py",
    "tests/console/sick/test_tap_life.py",
    "tests/console/sick/test_cost.py",
    "tests/console/sick/test_acl_doc.py",
    "tests/console/replay/test_demo_replay.py",
    "tests/console/cli/test_sending.py",
    "tests/console/commands/test_sender.py",
    "tests/console/live/test_recorder.py",
    "tests/console/live/test_session.py",
    "tests/integration/calling/test_publisher.py",
    "tests/integration/serving/test_shared.py",
    "tests/integration/calling/test_requests.py",
    "tests/integration/calling/test_calls.py",
    "tests/integration/serving/test_instance.py",
    "tests/integration_aio/test_faults.py",
    "tests/integration_demo/test_client.py",
    "tests/integration_demo/test_headless.py",
    "tests/integration_demo/test_runner.py",
    "tests/integration_demo/test_shop.py",
    "tests/terminal/test_ending.py",
    "tests/terminal/test_repl.py",
    "tests/console/tui/debugging/test_edit_terminal.py",
)
"""Files and folders whose tests take less than a third of the time they last, those with the longest first."""
AHEAD = 2
"""So many tests a worker must know in order to run one, for it has to know whose fixtures the next one wants."""


class Scheduler:
    """What pytest-xdist calls a scheduler (`xdist.scheduler.protocol.Scheduling`)."""

    def __init__(self, config: pytest.Config) -> None:
        self._count = len(config.getvalue("tx") or ())
        self._collections: dict[Any, list[str]] = {}
        self._tests: list[str] | None = None
        self._busy: deque[list[int]] = deque()
        self._waiting: deque[list[int]] = deque()
        self._waiters: set[Any] = set()
        self._given: dict[Any, list[int]] = {}

    @property
    def nodes(self) -> list[Any]:
        return list(self._given)

    @property
    def collection_is_completed(self) -> bool:
        return self._tests is not None or len(self._collections) >= self._count

    @property
    def has_pending(self) -> bool:
        return bool(self._busy or self._waiting) or any(self._given.values())

    @property
    def tests_finished(self) -> bool:
        return self.collection_is_completed and not self.has_pending

    def add_node(self, node: Any) -> None:
        if len(self._waiters) < self._count - busy_workers():
            self._waiters.add(node)
        self._given[node] = []

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        self._collections[node] = list(collection)

    def schedule(self) -> None:
        """All workers know their tests, or a later one does."""
        if self._tests is None:
            self._tests = next(iter(self._collections.values()))
            for waits, unit in units(self._tests):
                (self._waiting if waits else self._busy).append(unit)
        for node, collection in self._collections.items():
            if collection != self._tests:
                different = sorted(set(collection) ^ set(self._tests))[:5]
                raise RuntimeError(f"the workers have collected different tests, or in another order: {different}")
            if node in self._given:
                self._top_up(node)

    def mark_test_complete(self, node: Any, item_index: int, duration: float = 0) -> None:
        self._given[node].remove(item_index)
        self._top_up(node)

    def remove_node(self, node: Any) -> str | None:
        """The worker has ended; returns the test that it was running, which is not run again."""
        self._collections.pop(node, None)
        self._waiters.discard(node)
        given = self._given.pop(node)
        if not given:
            return None
        assert self._tests is not None
        if given[1:]:
            self._busy.appendleft(given[1:])
        return self._tests[given[0]]

    def mark_test_pending(self, item: str) -> None:
        raise NotImplementedError

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        raise NotImplementedError

    def _top_up(self, node: Any) -> None:
        if node.shutting_down:
            return
        given = self._given[node]
        first, then = (self._waiting, self._busy) if node in self._waiters else (self._busy, self._waiting)
        while (first or then) and len(given) < AHEAD:
            unit = (first or then).popleft()
            given += unit
            node.send_runtest_some(unit)
        if not (first or then):
            # It runs what it has been given, and ends. Should another worker die, its replacement takes over.
            node.shutdown()


def busy_workers() -> int:
    """How many workers it takes to keep the processors busy with tests that do not wait for long."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + 1


def units(tests: Sequence[str]) -> list[tuple[bool, list[int]]]:
    """The indexes of the tests that belong together, and whether they wait; groups first, since they last longest."""
    group_of = read_groups()
    groups: dict[str, list[int]] = {}
    for index, test in enumerate(tests):
        groups.setdefault(group_of.get(test, test), []).append(index)
    found = [(_place(tests[unit[0]]), unit) for unit in groups.values()]
    waiting = sorted((place, unit) for place, unit in found if place is not None)
    busy = sorted((unit for place, unit in found if place is None), key=len, reverse=True)
    return [*((True, unit) for _place, unit in waiting), *((False, unit) for unit in busy)]


def _place(test: str) -> int | None:
    """Where among those that wait; None for one that does not."""
    return next((number for number, begin in enumerate(WAITING) if test.startswith(begin)), None)


def _groups_file() -> Path | None:
    above = os.environ.get(SOCKET)
    return Path(above).with_name("groups.json") if above else None


def write_groups(groups: dict[str, str]) -> None:
    """In a worker: the group of each test that is in one."""
    file = _groups_file()
    if file is not None:
        file.write_text(json.dumps(groups))


def read_groups() -> dict[str, str]:
    """In the process that gives out the tests, when a worker has collected them; none where there is no supervisor."""
    file = _groups_file()
    groups: dict[str, str] = json.loads(file.read_text()) if file is not None and file.exists() else {}
    return groups
