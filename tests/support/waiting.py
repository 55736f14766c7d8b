"""Waiting for a condition instead of sleeping for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(probe: Callable[[], T], *, within: float = 30.0, every: float = 0.01, what: str = "") -> T:
    """Call `probe` until it returns something true, and return that; an AssertionError after `within` seconds.

    An AssertionError raised by the probe counts as "not yet" and is the one shown at the end.
    """
    deadline = time.monotonic() + within
    last: AssertionError | None = None
    while True:
        try:
            value = probe()
            if value:
                return value
            last = None
        except AssertionError as error:
            last = error
        if time.monotonic() > deadline:
            raise last or AssertionError(f"not true within {within} s: {what or probe}")
        time.sleep(every)
