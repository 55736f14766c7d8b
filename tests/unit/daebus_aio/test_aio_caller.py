"""A caller of several event loops, without any Redis."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator

import pytest

from daebus import AsyncDaebusCaller
from tests.support.waiting import eventually


@pytest.fixture
def in_short_turns() -> Iterator[None]:
    """Threads take turns as often as may be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_its_bus_may_be_left_while_it_is_used_in_other_loops(in_short_turns: None) -> None:
    caller = AsyncDaebusCaller("shop", redis_url="redis://127.0.0.1:1")
    left = threading.Event()

    async def use() -> None:
        caller._session()

    def work() -> None:
        while not left.is_set():
            asyncio.run(use())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            caller.leave_bus()
            eventually(lambda: bool(caller._sessions), every=0.001)
    finally:
        left.set()
        for thread in threads:
            thread.join()
