"""The time of what is seen: even, as a stop watch, and yet that of the wall. Pure but for the system's clocks.

The wall clock may step: somebody sets it, a time server corrects it, a machine wakes up. Times that are measured by it
would be wrong by the step, and times that ignore it would be wrong for ever after. So the clock goes on evenly, and
takes over a step where somebody asks for it (`step`), which can then be told.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

SMALLEST = 0.25
"""Seconds by which the wall clock may be off before that counts as a step. What drifts slowly gets there, too."""
_AT_ONCE = 0.01
"""Two clocks are read one after the other; where more seconds than these lie between, nothing can be told from them."""
_LEAST_SLEEP = 0.1
STOOD_STILL = 3.0
"""Seconds between two looks at the clock, without any work, from which on this process has stood still."""
_BOOT = getattr(time, "CLOCK_BOOTTIME", None)


class Step(NamedTuple):
    """The clock told `before` (epoch seconds), and tells `after` for the same moment; `slept` are seconds of sleep.

    `stood` are the seconds before it for which this process stood still, while the clock went on.
    """

    before: float
    after: float
    slept: float
    stood: float = 0.0

    @property
    def seconds(self) -> float:
        """How far it went: below zero where the clock was set back."""
        return self.after - self.before


class Clock:
    """Epoch seconds: the wall clock at the start, advanced by the monotonic one.

    `wall`, `steady` and `booted` are the system's clocks: the time of day, seconds that never go back, and the same
    with those that the machine slept (None where it does not tell); `worked` are those for which this process ran.
    """

    def __init__(
        self,
        wall: Callable[[], float] = lambda: time.time(),
        steady: Callable[[], float] = lambda: time.monotonic(),
        booted: Callable[[], float | None] | None = None,
        worked: Callable[[], float] = time.process_time,
    ) -> None:
        self._wall, self._steady, self._booted = wall, steady, booted or _since_boot
        self._epoch = wall() - steady()
        self._asleep = self._sleep()
        self._worked = worked
        self._looked = steady(), worked()

    def __call__(self) -> float:
        return self._epoch + self._steady()

    def step(self) -> Step | None:
        """Go by the wall clock again, where that has stepped; None where it has not, and this process went on, too.

        Whoever wants to know the latter asks again and again.
        """
        begun = self._steady()
        wall = self._wall()
        now = self._steady()
        stood = self._stood(begun)
        if now - begun > _AT_ONCE or abs(wall - (self._epoch + now)) < SMALLEST:
            return Step(self._epoch + now, self._epoch + now, 0.0, stood) if stood else None
        before, asleep = self._epoch + now, self._sleep()
        slept, self._asleep = asleep - self._asleep, asleep
        self._epoch = wall - now
        return Step(before, wall, slept if slept > _LEAST_SLEEP else 0.0, stood)

    def _stood(self, now: float) -> float:
        """Seconds for which this process has done nothing since somebody looked, where that is too long; else 0.

        It was stopped, or got no time. One that is busy is only late.
        """
        worked = self._worked()
        (looked, before), self._looked = self._looked, (now, worked)
        idle = now - looked - (worked - before)
        return now - looked if idle > STOOD_STILL else 0.0

    def _sleep(self) -> float:
        """Seconds that the machine has slept so far."""
        booted = self._booted()
        return 0.0 if booted is None else booted - self._steady()


def _since_boot() -> float | None:
    return None if _BOOT is None else time.clock_gettime(_BOOT)
