"""Which worker runs which test: one worker all those of one `xdist_group`; the rest as workers get free.

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

from tests.support.supervisor import SOCKET

AHEAD = 2
"""So many tests a worker must know in order to run one, for it has to know whose fixtures the next one wants."""


class Scheduler:
    """What pytest-xdist calls a scheduler (`xdist.scheduler.protocol.Scheduling`)."""

    def __init__(self, config: pytest.Config) -> None:
        self._count = len(config.getvalue("tx") or ())
        self._collections: dict[Any, list[str]] = {}
        self._tests: list[str] | None = None
        self._waiting: deque[list[int]] = deque()
        self._given: dict[Any, list[int]] = {}

    @property
    def nodes(self) -> list[Any]:
        return list(self._given)

    @property
    def collection_is_completed(self) -> bool:
        return self._tests is not None or len(self._collections) >= self._count

    @property
    def has_pending(self) -> bool:
        return bool(self._waiting) or any(self._given.values())

    @property
    def tests_finished(self) -> bool:
        return self.collection_is_completed and not self.has_pending

    def add_node(self, node: Any) -> None:
        self._given[node] = []

    def add_node_collection(self, node: Any, collection: Sequence[str]) -> None:
        self._collections[node] = list(collection)

    def schedule(self) -> None:
        """All workers know their tests, or a later one does."""
        if self._tests is None:
            self._tests = next(iter(self._collections.values()))
            self._waiting.extend(units(self._tests))
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
        given = self._given.pop(node)
        if not given:
            return None
        assert self._tests is not None
        if given[1:]:
            self._waiting.appendleft(given[1:])
        return self._tests[given[0]]

    def mark_test_pending(self, item: str) -> None:
        raise NotImplementedError

    def remove_pending_tests_from_node(self, node: Any, indices: Sequence[int]) -> None:
        raise NotImplementedError

    def _top_up(self, node: Any) -> None:
        if node.shutting_down:
            return
        given = self._given[node]
        while self._waiting and len(given) < AHEAD:
            unit = self._waiting.popleft()
            given += unit
            node.send_runtest_some(unit)
        if not self._waiting:
            # It runs what it has been given, and ends. Should another worker die, its replacement takes over.
            node.shutdown()


def units(tests: Sequence[str]) -> list[list[int]]:
    """The indexes of the tests that belong together; groups first, since they last longest."""
    group_of = read_groups()
    groups: dict[str, list[int]] = {}
    alone: list[list[int]] = []
    for index, test in enumerate(tests):
        group = group_of.get(test)
        if group is None:
            alone.append([index])
        else:
            groups.setdefault(group, []).append(index)
    return [*sorted(groups.values(), key=len, reverse=True), *alone]


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
