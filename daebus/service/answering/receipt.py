"""What sending an answer returns: a number, which async handlers may await."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any


class Receipt(int):
    """How many received what was sent.

    On the event loop nobody waits for Redis: there it is 1 at once for a partial answer, and the number for whoever
    awaits it (`received = await response.send(part, final=False)`), which raises what came of it otherwise.
    """

    future: Future[int] | None = None

    @classmethod
    def due(cls, future: Future[int]) -> Receipt:
        """One whose number is yet to come."""
        receipt = cls(1)
        receipt.future = future
        return receipt

    def __await__(self) -> Generator[Any, None, int]:
        if self.future is None:
            return int(self)
        return (yield from asyncio.wrap_future(self.future).__await__())


NOBODY = Receipt(0)
SENT = Receipt(1)
