from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from daebus.client.aio.alarm import REST, Alarm


@dataclass
class Waiting:
    deadline: float


class Watched:
    """What waits, by name, and who was told to be over, each with the time of it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.begun = self.loop.time()
        self.waiting: dict[str, Waiting] = {}
        self.over: dict[str, float] = {}
        self.rings: list[float] = []
        self._ringing = self.failing = False
        self.alarm = Alarm(self.loop, self.waiting, self._over)

    def add(self, name: str, after: float) -> Waiting:
        one = self.waiting[name] = Waiting(self.begun + after)
        if one.deadline < self.alarm.rings_at:
            self.alarm.set(one.deadline)
        return one

    def _over(self, one: Waiting) -> None:
        name = next(name for name, other in self.waiting.items() if other is one)
        del self.waiting[name]
        self.over[name] = self.loop.time() - self.begun
        if not self._ringing:
            self._ringing = True
            self.rings.append(self.over[name])
            self.loop.call_soon(self._rang)
        if self.failing:
            self.failing = False
            raise RuntimeError("a fault")

    def _rang(self) -> None:
        self._ringing = False

    async def all_over(self) -> None:
        async with asyncio.timeout(10):
            while self.waiting:
                await asyncio.sleep(0.001)


def test_each_is_told_in_the_order_of_the_deadlines_and_none_before_its_own() -> None:
    async def watch() -> None:
        watched = Watched()
        due = {"late": 0.12, "soon": 0.02, "between": 0.06, "at once": -1.0}
        for name, after in due.items():
            watched.add(name, after)
        await watched.all_over()
        assert list(watched.over) == ["at once", "soon", "between", "late"]
        # The clock of a loop is taken to be off by its resolution.
        assert all(watched.over[name] >= after - 1e-6 for name, after in due.items())

    asyncio.run(watch())


def test_who_is_put_off_is_told_when_that_is_over_and_who_has_gone_never() -> None:
    async def watch() -> None:
        watched = Watched()
        put_off = watched.add("put off", 0.02)
        watched.add("gone", 0.02)
        watched.add("last", 0.12)
        put_off.deadline += 0.06
        del watched.waiting["gone"]
        await watched.all_over()
        assert list(watched.over) == ["put off", "last"]
        assert watched.over["put off"] >= 0.08 - 1e-6
        assert watched.alarm.rings_at == math.inf

    asyncio.run(watch())


def test_it_goes_through_all_of_them_no_more_often_than_it_rests() -> None:
    async def watch() -> None:
        watched = Watched()
        for number in range(200):
            watched.add(f"{number}", 0.02 + number * REST / 4)
        await watched.all_over()
        # The first is due after 0.02 seconds, and the last so late that a busy machine rings more than twice, too.
        assert 2 < len(watched.rings) <= 1.01 + (watched.rings[-1] - 0.02) / REST

    asyncio.run(watch())


def test_what_fails_for_one_is_no_harm_to_the_others() -> None:
    async def watch() -> None:
        watched = Watched()
        problems: list[str] = []
        watched.loop.set_exception_handler(lambda _loop, about: problems.append(str(about["exception"])))
        watched.failing = True
        for number in range(3):
            watched.add(f"{number}", 0.01)
        await watched.all_over()
        assert problems == ["a fault"]
        assert sorted(watched.over) == ["0", "1", "2"]

    asyncio.run(watch())


def test_it_can_be_set_to_nothing() -> None:
    async def watch() -> None:
        watched = Watched()
        watched.add("one", 0.01)
        watched.alarm.set(math.inf)
        watched.waiting.clear()
        assert watched.alarm.rings_at == math.inf
        watched.add("another", 0.02)
        await watched.all_over()
        assert list(watched.over) == ["another"]

    asyncio.run(watch())
