"""Asking again where nothing came of it: only for requests that may be handled twice, and within the time of the call.

What a policy says is worked out without a clock; the two loops at the end, for threads and for asyncio, wait by it.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from daebus.errors import (
    ConfigurationError,
    DaebusError,
    PermissionDenied,
    RedisUnavailable,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
    class_of,
    said_by,
)
from daebus.wire import checks

PASSING = frozenset(("busy", "shutting_down", "redis_refused"))
"""Codes of answers that say that a request was not handled to its end, and may be, a little later."""
LONGEST = 60.0
"""Seconds between two attempts, at most."""
_MOST = 1000
_chance = random.Random()
"""Of our own: what a program has seeded does not depend on retries."""


@dataclass(frozen=True, slots=True)
class Retry:
    """When a caller asks again: after failures that pass, for requests that are said to be `idempotent`.

    There are `attempts` at most, the first included. The first pause is of `delay` seconds, each further one `factor`
    times as long as the one before, but no longer than a minute; each is longer or shorter by chance, by up to the
    `jitter`-th part of it. The timeout of the call is that of all attempts with their pauses; with `attempt_timeout`
    one attempt waits so many seconds at most, and is then given up for the next. Once a part of an answer has gone to
    `on_progress` there is none any more. Raises ConfigurationError.
    """

    attempts: int = 3
    delay: float = 0.1
    factor: float = 2.0
    jitter: float = 0.5
    attempt_timeout: float | None = None

    def __post_init__(self) -> None:
        checks.whole(self.attempts, "attempts", _MOST)
        if checks.duration(self.delay, "delay") == math.inf:
            raise ConfigurationError("delay must be a number of seconds that pass, not inf")
        if not 1 <= checks.number(self.factor, "factor") < math.inf:
            raise ConfigurationError(f"factor must be a number from 1 on, not {checks.shown(self.factor)}")
        if not 0 <= checks.number(self.jitter, "jitter") <= 1:
            raise ConfigurationError(f"jitter must be a number from 0 to 1, not {checks.shown(self.jitter)}")
        if self.attempt_timeout is not None and checks.duration(self.attempt_timeout, "attempt_timeout") == 0:
            raise ConfigurationError("attempt_timeout must be a number of seconds above 0, not 0")

    def pause(self, attempt: int, chance: float) -> float:
        """Seconds to wait after that many attempts; `chance` is a number from -1 to 1."""
        try:
            usual = min(self.delay * self.factor ** (attempt - 1), LONGEST)
        except OverflowError:
            usual = LONGEST
        return usual * (1 + self.jitter * chance)


def checked_retry(retry: Retry | None) -> Retry | None:
    """A policy that may be none; ConfigurationError for anything else."""
    if retry is not None and not isinstance(retry, Retry):
        raise ConfigurationError(f"retry must be a Retry, not {checks.shown(retry)}")
    return retry


def passes(error: DaebusError) -> bool:
    """Whether it may be otherwise a little later, and nothing but the request itself can have been done by then."""
    if isinstance(error, RequestFailed):
        return error.code in PASSING
    if isinstance(error, PermissionDenied):
        return False
    return isinstance(error, RedisUnavailable | ServiceUnavailable | RequestTimeout)


class Attempt(NamedTuple):
    """One time of asking. `retry_of` is the id of the first one, in those that follow it."""

    timeout: float | None
    request_id: str | None
    retry_of: str | None = None


class Attempts:
    """The attempts of one call, which takes `timeout` seconds at most. Times are those of the caller's clock."""

    def __init__(self, retry: Retry, timeout: float, first_id: str, now: float) -> None:
        self._retry = retry
        self._timeout = timeout
        self._first_id = first_id
        self._ends = now + timeout
        self._number = 0
        self._answered = False
        self._before = ""

    def begin(self, now: float) -> Attempt:
        """The next one."""
        self._number += 1
        left = self._ends - now if self._number > 1 else self._timeout
        if self._retry.attempt_timeout is not None:
            left = min(left, self._retry.attempt_timeout)
        # Each has an id of its own: instances that share the work know a request by it, and a late answer its call.
        return Attempt(left, self._first_id) if self._number == 1 else Attempt(left, None, self._first_id)

    def told(self, on_progress: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The same function; once it has been called there are no further attempts, which would begin at the start."""

        def tell(payload: Any) -> Any:
            self._answered = True
            return on_progress(payload)

        return tell

    def pause(self, error: DaebusError, now: float) -> float | None:
        """Seconds to wait until the next one, after one that ended with that error; None where there is none."""
        last = self._number >= self._retry.attempts or self._answered or not passes(error)
        seconds = 0.0 if last else self._retry.pause(self._number, _chance.uniform(-1, 1))
        if not last and now + seconds < self._ends:
            self._before = f"{class_of(error)}: {said_by(error)}"
            return seconds
        if self._number > 1:
            # Where the time was over in the last one, the others tell why.
            error.add_note(f"Asked {self._number} times, within {self._timeout:g} s in all; before: {self._before}")
        return None


def ask(attempts: Attempts, once: Callable[[Attempt], Any]) -> Any:
    """What `once` returns for one of the attempts; raises the error of the last."""
    while True:
        try:
            return once(attempts.begin(time.monotonic()))
        except DaebusError as error:
            pause = attempts.pause(error, time.monotonic())
            if pause is None:
                raise
        time.sleep(pause)


async def ask_async(attempts: Attempts, once: Callable[[Attempt], Awaitable[Any]]) -> Any:
    """The same, to be awaited."""
    while True:
        try:
            return await once(attempts.begin(time.monotonic()))
        except DaebusError as error:
            pause = attempts.pause(error, time.monotonic())
            if pause is None:
                raise
        # Most programs run no event loop.
        from asyncio import sleep

        await sleep(pause)
