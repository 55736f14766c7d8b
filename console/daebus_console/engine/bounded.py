"""What is remembered of much that passes: the latest so many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def remember(those: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Put it to those; of more than `most` the one goes that came first."""
    those[key] = value
    if len(those) > most:
        del those[next(iter(those))]


class Lately(Generic[_Key, _Value]):
    """So many at most: once there are, another one takes the place of that which nobody has used for `IDLE` seconds.

    As long as all are in use there is no room for others: what is told of some is better than nothing of any.
    """

    IDLE = 60.0

    def __init__(self, most: int, make: Callable[[], _Value]) -> None:
        self._most, self._make = most, make
        self._those: dict[_Key, tuple[_Value, float]] = {}

    def __len__(self) -> int:
        return len(self._those)

    def use(self, key: _Key, now: float) -> _Value | None:
        """What is remembered of it, made where it is new; None where there is no room. `now` are any seconds."""
        those = self._those
        known = those.get(key)
        if known is None:
            if len(those) >= self._most:
                oldest = next(iter(those))
                if now - those[oldest][1] < self.IDLE:
                    return None
                del those[oldest]
            known = those[key] = self._make(), now
        elif now != known[1]:
            del those[key]
            those[key] = known[0], now
        return known[0]

    def clear(self) -> None:
        """Forget all of them."""
        self._those.clear()
