"""Generators: each value that they yield is a partial answer, the last one is the final one unless they return one.

What `response` returns, such as that of `response.send`, is no answer: that has been sent. A generator is closed when
there is nobody any more to answer: the asker's `timeout` is over, or Redis found no subscriber for a part. One whose
message wants no answer runs to its end.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Generator
from typing import Any

from daebus.service.answering.receipt import Receipt
from daebus.service.answering.response import Response

TIME_OVER = "the time of whoever asked was over"


class AskerGone(Exception):
    """The generator has been closed, since nobody waits for what it yields. Its text says how that is known."""


class Asker:
    """Who asked, as a generator sees it. `until` (a time of `time.monotonic()`) is when its time is over.

    For as long as the answer is held up by a debugger, it waits longer.
    """

    def __init__(self, response: Response, until: float) -> None:
        self.response = response
        self._until = until if response.channel is not None else math.inf

    @property
    def until(self) -> float:
        """When its time is over."""
        return self._until + self.response.delayed

    def keep(self, part: Any) -> Receipt | None:
        """See `Response.keep`; what is the receipt of an answer that was sent is given back."""
        return part if isinstance(part, Receipt) else self.response.keep(part)

    def must_wait(self) -> None:
        """Raise AskerGone where its time is over."""
        if time.monotonic() > self.until:
            raise AskerGone(TIME_OVER)

    def must_receive(self, received: int | None) -> None:
        """Raise AskerGone where a part reached nobody."""
        if received == 0 and self.response.channel is not None:
            raise AskerGone("nobody received its answer any more")


def stream(generator: Generator[Any, Any, Any], asker: Asker) -> None:
    """Answer with what a generator yields, on this thread."""
    try:
        while True:
            try:
                part = next(generator)
            except StopIteration as end:
                last = end.value
                break
            asker.must_wait()
            asker.must_receive(asker.keep(part))
    finally:
        # Where that raises, it is told: it is code of the app like any other.
        generator.close()
    if isinstance(last, Receipt):
        last = None
    if last is not None and asker.response.finished:
        asker.response.leave()
        last = None
    asker.response.send_kept(last)


async def stream_async(generator: AsyncGenerator[Any, Any], asker: Asker) -> None:
    """The same on the event loop; an async generator that waits is cancelled when the asker's time is over."""
    try:
        while (part := await _next(generator, asker)) is not _END:
            asker.must_wait()
            receipt = asker.keep(part)
            asker.must_receive(None if receipt is None else await receipt)
    finally:
        await generator.aclose()
    asker.response.send_kept(None)


async def _next(generator: AsyncGenerator[Any, Any], asker: Asker) -> Any:
    left = asker.until - time.monotonic()
    due = None if left == math.inf else asyncio.get_running_loop().time() + left
    try:
        async with asyncio.timeout_at(due) as limit:
            return await anext(generator, _END)
    except TimeoutError:
        if limit.expired():
            raise AskerGone(TIME_OVER) from None
        raise


_END = object()
