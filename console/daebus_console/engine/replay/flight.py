"""The requests of a replay that are under way, and when their time is over. Pure but for the clock they start by.

Not for several threads at once: whoever owns it sees to that.
"""

from __future__ import annotations

import heapq
import time

from daebus_console.engine.diff.exchange import Answer, read_answer
from daebus_console.engine.message.exchange import DAEBUS, Exchange
from daebus_console.engine.replay.item import Resend


class Flight:
    """One request under way, since now, for at most `timeout` seconds; `progress` are its non-final answers.

    `named` are the seconds after which an answer is too late for who asks as the request says; `held` those for which
    a debugger holds it, which count towards neither.
    """

    __slots__ = ("begun", "deadline", "held", "item", "named", "origin", "progress", "request_id", "timeout")

    def __init__(self, origin: Exchange, item: Resend, request_id: str, timeout: float, named: float) -> None:
        self.origin, self.item, self.request_id, self.timeout, self.named = origin, item, request_id, timeout, named
        self.begun = time.monotonic()
        self.deadline = self.begun + timeout
        self.held = 0.0
        self.progress: list[bytes] = []

    def answer(self, status: str, data: bytes | None = None, latency: float | None = None) -> Answer:
        """What came of it; `data` are the bytes of the final answer."""
        dialect = self.item.dialect or DAEBUS
        payload = None if data is None else read_answer(data, dialect)
        return Answer(status, payload, tuple(read_answer(part, dialect) for part in self.progress), latency)


class Flights:
    """Flights by their request_id."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}
        self._deadlines: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._flights)

    def add(self, flight: Flight) -> None:
        """One more is under way."""
        self._flights[flight.request_id] = flight
        heapq.heappush(self._deadlines, (flight.deadline, flight.request_id))

    def get(self, request_id: str) -> Flight | None:
        """The flight of that id, if it is still under way."""
        return self._flights.get(request_id)

    def hold(self, flight: Flight, seconds: float) -> None:
        """It is held for so many seconds in all, and has so much more time."""
        flight.held = max(flight.held, seconds)
        flight.deadline = flight.begun + flight.timeout + flight.held
        heapq.heappush(self._deadlines, (flight.deadline, flight.request_id))

    def take(self, request_id: str) -> Flight | None:
        """The same, and it is under way no longer."""
        return self._flights.pop(request_id, None)

    def next_deadline(self) -> float:
        """When the next one runs out of time, by the monotonic clock; infinity where none is under way."""
        while self._deadlines and self._is_over(*self._deadlines[0]):
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else float("inf")

    def _is_over(self, deadline: float, request_id: str) -> bool:
        """Whether that deadline is none any more: it is not under way, or has another one."""
        flight = self._flights.get(request_id)
        return flight is None or flight.deadline > deadline

    def expired(self, now: float) -> list[Flight]:
        """Those whose time is over; they are under way no longer."""
        found: list[Flight] = []
        while self.next_deadline() <= now:
            found.append(self._flights.pop(heapq.heappop(self._deadlines)[1]))
        return found

    def clear(self) -> list[Flight]:
        """All of them; they are under way no longer."""
        found = list(self._flights.values())
        self._flights.clear()
        return found
