"""Which requests run out of time when. Pure.

Requests come in the order of time and most of them wait for one of a few durations, so a queue for each duration is in
order by itself; that costs a fraction of a heap, and every request pays it. Odd durations share a heap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush

from daebus_console.engine.message.exchange import Exchange, State

_MOST_QUEUES = 64
_SWEEP_AT = 10_000
_PENDING = State.PENDING


class Deadlines:
    """Pending exchanges by their `deadline`. Those that are settled otherwise are dropped when they are met."""

    def __init__(self) -> None:
        self._queues: dict[float, deque[Exchange]] = {}
        self._heap: list[tuple[float, int, Exchange]] = []
        self._sweep_at = _SWEEP_AT

    def __len__(self) -> int:
        return len(self._heap) + sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[Exchange]:
        """All that are still pending, in no order."""
        for queue in self._queues.values():
            yield from (exchange for exchange in queue if exchange.state is _PENDING)
        yield from (entry[2] for entry in self._heap if entry[2].state is _PENDING)

    def add_all(self, exchanges: Iterable[Exchange]) -> None:
        """The exchanges are pending."""
        deadline, queue = None, None
        for exchange in exchanges:
            if queue is not None and exchange.deadline == deadline:
                queue.append(exchange)
            else:
                deadline = exchange.deadline
                # Up to a microsecond, since a time added and taken away again leaves a little of itself.
                queue = self.add(exchange, round(deadline - exchange.opened.at, 6))

    def add(self, exchange: Exchange, wait: float) -> deque[Exchange] | None:
        """The exchange, begun `wait` seconds before its deadline, is pending. Returns the queue that it is now last in.

        None where it is in none.
        """
        queue = self._queues.get(wait)
        if queue is None and len(self._queues) < _MOST_QUEUES:
            queue = self._queues[wait] = deque()
        if queue is None or (queue and queue[-1].deadline > exchange.deadline):
            heappush(self._heap, (exchange.deadline, exchange.number, exchange))
            return None
        queue.append(exchange)
        return queue

    def again(self, exchange: Exchange, until: float) -> None:
        """An exchange that was taken out is still pending, and has time until then."""
        heappush(self._heap, (until, exchange.number, exchange))

    def due(self, now: float) -> list[Exchange]:
        """Take out those that are due at `now` and still pending, the earliest deadline first."""
        found: list[Exchange] = []
        for queue in self._queues.values():
            while queue and (queue[0].state is not _PENDING or queue[0].deadline <= now):
                exchange = queue.popleft()
                if exchange.state is _PENDING:
                    found.append(exchange)
        heap = self._heap
        while heap and (heap[0][0] <= now or heap[0][2].state is not _PENDING):
            exchange = heappop(heap)[2]
            if exchange.state is _PENDING:
                found.append(exchange)
        if len(self) >= self._sweep_at:
            self._sweep()
        found.sort(key=_when)
        return found

    def any_due(self, now: float) -> bool:
        """Whether anything was added that is due at `now`; some of it may be settled since the last `due`."""
        queues = self._queues.values()
        return any(queue and queue[0].deadline <= now for queue in queues) or bool(
            self._heap and self._heap[0][0] <= now
        )

    def clear(self) -> None:
        """Forget all of them."""
        self._queues.clear()
        self._heap.clear()

    def _sweep(self) -> None:
        """Drop those that were settled behind one that is not, and queues that nobody uses."""
        self._queues = {
            wait: kept
            for wait, queue in self._queues.items()
            if (kept := deque(exchange for exchange in queue if exchange.state is _PENDING))
        }
        self._heap = [entry for entry in self._heap if entry[2].state is _PENDING]
        heapify(self._heap)
        self._sweep_at = max(_SWEEP_AT, 2 * len(self))


def _when(exchange: Exchange) -> tuple[float, int]:
    return exchange.deadline, exchange.number
