"""What sending an answer returns: a number, which async handlers may await."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any

from daebus.errors import RedisUnavailable


class Receipt(int):
    """How many received what was sent.

    On the event loop nobody waits for Redis: there it is 1 at once for a partial answer, and the number for whoever
    awaits it (`received = await response.send(part, final=False)`), which raises what came of it otherwise. That is a
    receipt as well: a generator may yield either, which is no answer beside the one that was sent.
    """

    future: Future[int] | None = None
    lost: Callable[[RedisUnavailable], object] | None = None
    """Told why it came to nothing, before that is raised."""

    @classmethod
    def due(cls, future: Future[int]) -> Receipt:
        """One whose number is yet to come."""
        receipt = cls(1)
        receipt.future = future
        return receipt

    def __await__(self) -> Generator[Any, None, Receipt]:
        if self.future is None:
            return self
        try:
            return Receipt((yield from asyncio.wrap_future(self.future).__await__()))
        except RedisUnavailable as error:
            if self.lost is not None:
                self.lost(error)
            raise


NOBODY = Receipt(0)
SENT = Receipt(1)
