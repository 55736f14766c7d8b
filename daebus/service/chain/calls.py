"""The two ways to go through the chain: here, on a worker thread; and on the event loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from daebus.service.answering.response import Response
from daebus.service.kind import USUAL, Function, awaited, must_not_wait
from daebus.service.work.event_loop import EventLoop

from .streams import Asker, stream, stream_async

T = TypeVar("T")


class Calls(Protocol):
    """How the functions of an app are called, and what may wait for Redis is done."""

    async def call(self, function: Function, *arguments: Any) -> Any:
        """Call a hook, a listener or an error handler, and return what it returns."""

    async def through(self, returned: Any, response: Response, until: float) -> Any:
        """Go through what the handler of an action has returned, if it is none of the USUAL: await it, say.

        A generator answers meanwhile; `until` (a time of `time.monotonic()`) is when the time of whoever asked is over.
        """

    async def waiting(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function of ours that may wait."""


class Here:
    """On this thread: nothing suspends. What is async is run on the `loop`, and waited for."""

    def __init__(self, loop: EventLoop | None) -> None:
        self._loop = loop

    async def call(self, function: Function, *arguments: Any) -> Any:
        """See `Calls`."""
        if self._loop is not None and function.kind.on_loop:
            return self._loop.wait(lambda: awaited(function.call(*arguments)))
        returned = function.call(*arguments)
        if type(returned) not in USUAL:
            must_not_wait(returned)
        return returned

    async def through(self, returned: Any, response: Response, until: float) -> Any:
        """See `Calls`."""
        if inspect.isgenerator(returned):
            return stream(returned, Asker(response, until))
        must_not_wait(returned)
        return returned

    async def waiting(self, function: Callable[..., T], *arguments: Any) -> T:
        """See `Calls`."""
        return function(*arguments)


class OnLoop:
    """In a task of the `loop`. Plain functions run on threads beside it, so that what blocks in them slows nobody down.

    What such a function sets in context variables is seen by the handler, as on one thread.
    """

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop

    async def call(self, function: Function, *arguments: Any) -> Any:
        """See `Calls`."""
        if function.kind.on_loop:
            return await awaited(function.call(*arguments))
        returned = await self._loop.aside(function.call, *arguments)
        must_not_wait(returned)
        return returned

    async def through(self, returned: Any, response: Response, until: float) -> Any:
        """See `Calls`."""
        if inspect.isawaitable(returned):
            returned = await returned
        if inspect.isasyncgen(returned):
            return await stream_async(returned, Asker(response, until))
        if inspect.isgenerator(returned):
            return stream(returned, Asker(response, until))
        return returned

    async def waiting(self, function: Callable[..., T], *arguments: Any) -> T:
        """See `Calls`."""
        return await self._loop.aside(function, *arguments)


def run_here(coroutine: Coroutine[Any, Any, T]) -> T:
    """Go through a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a chain that is gone on a thread has suspended")
