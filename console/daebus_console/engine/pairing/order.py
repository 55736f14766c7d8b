"""Requests before their answers: on the way through a cluster they may change places. Pure.

Each node hears what others publish over a link of its own, so that an answer may reach the node that is read from
before the request that it answers. What came too early is kept until its request is there, or cannot come any more.
"""

from __future__ import annotations

from collections.abc import Iterable

from daebus_console.engine.message.envelope import CALLER_PREFIX, REFUSALS, read_fast
from daebus_console.engine.message.nesting import DEEPEST, is_too_deep

LATE = 0.5
"""Seconds by which a request may come after its answer."""
MOST = 10_000
"""Answers that are kept at most."""
_REMEMBERED = 30.0
"""Seconds for which a request is known, at the least."""
Batch = list[tuple[str, bytes]]


class Order:
    """Puts what comes in order. Times are those of arrival, in epoch seconds."""

    def __init__(self) -> None:
        self._early: dict[str, list[tuple[float, str, bytes]]] = {}
        self._asked: set[str] = set()
        self._asked_before: set[str] = set()
        self._turned_at = 0.0

    def take(self, at: float, batch: Iterable[tuple[str, bytes]]) -> Batch:
        """What may be dealt with now that this has come."""
        if at >= self._turned_at + _REMEMBERED:
            self._asked_before, self._asked, self._turned_at = self._asked, set(), at
        found = self.late(at)
        for channel, data in batch:
            number, is_request = _id_of(data)
            if number is None:
                found.append((channel, data))
            elif is_request:
                self._asked.add(number)
                found.append((channel, data))
                found += [(name, answer) for _at, name, answer in self._early.pop(number, ())]
            elif self._is_early(number, channel):
                self._early.setdefault(number, []).append((at, channel, data))
            else:
                found.append((channel, data))
        return found

    def late(self, at: float) -> Batch:
        """What has waited long enough: its request was not seen."""
        over = []
        for number, answers in self._early.items():
            if at < answers[0][0] + LATE:
                break
            over.append(number)
        return [(name, answer) for number in over for _at, name, answer in self._early.pop(number)]

    @property
    def waits(self) -> bool:
        """Whether anything is kept."""
        return bool(self._early)

    def _is_early(self, number: str, channel: str) -> bool:
        if number in self._asked or number in self._asked_before or len(self._early) >= MOST:
            return False
        return channel.startswith(CALLER_PREFIX)


def _id_of(data: bytes) -> tuple[str | None, bool]:
    """The id of a message that has one, and whether it is a request."""
    if len(data) > DEEPEST and is_too_deep(data):
        return None, False
    try:
        envelope = read_fast(data)
    except REFUSALS:
        return None, False
    number = envelope.request_id
    return (number, bool(envelope.action)) if isinstance(number, str) else (None, False)
