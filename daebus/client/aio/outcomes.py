"""Many requests of an asyncio program, some under way at once: what became of each, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from daebus.client.actions import END, Outcome
from daebus.errors import DaebusError

Ask = Callable[[Any], Awaitable[Any]]


async def outcomes(ask: Ask, payloads: Iterator[Any], in_flight: int) -> AsyncIterator[Outcome]:
    """As `actions.outcomes`; what is under way when it is left is cancelled."""
    under_way: deque[asyncio.Task[Outcome]] = deque()
    try:
        while True:
            while len(under_way) < in_flight and (payload := next(payloads, END)) is not END:
                under_way.append(asyncio.create_task(_outcome(ask, payload)))
            if not under_way:
                return
            # It stays among them until it has ended: who waits for it may be cancelled.
            outcome = await under_way[0]
            under_way.popleft()
            yield outcome
    finally:
        for task in under_way:
            task.cancel()


async def _outcome(ask: Ask, payload: Any) -> Outcome:
    try:
        return Outcome(payload, await ask(payload))
    except DaebusError as error:
        return Outcome(payload, error=error)
