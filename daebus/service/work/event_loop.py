"""The event loop of a service: on a thread of its own, for all its async functions.

It is started only where there are any. What may wait for something else than the loop does so on threads beside it
(`aside`), so that nobody holds up the others. Whatever a task does, a SystemExit or a `loop.stop()` included, the
loop goes on until `stop`. A forked child has neither the thread nor the loop, and must not close the latter, which
would take the parent's wake-ups along: it leaves it alone.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitTimeout
from typing import Any, TypeVar

from daebus.errors import DaebusError
from daebus.logs import note
from daebus.transport.threads import begin
from daebus.waiting import bounded

from .aside import Aside, DefaultExecutor

log = logging.getLogger("daebus")

T = TypeVar("T")
ENDS_WITHIN = 1.0
"""Seconds that what is cancelled has to end in, and that a loop has to respond in."""
_LOOK_EVERY = 1.0
"""Seconds between two looks whether a loop that is waited for is still there."""


class EventLoop:
    """A running event loop. `threads` is how many functions may run beside it at once."""

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop
        self._pool: DefaultExecutor
        self._aside = Aside(f"daebus-{name}-aside", threads)
        self._thread = threading.Thread(target=self._run, name=f"daebus-{name}-loop", daemon=True)
        self._ending = False
        self.ended = False
        """Whether nothing runs on it any more."""

    @property
    def is_current(self) -> bool:
        """Whether this is its thread."""
        return threading.get_ident() == self._thread.ident

    def start(self) -> None:
        """Start it. Raises DaebusError where no thread is to be had."""
        self._loop = asyncio.new_event_loop()
        # For the program's own `asyncio.to_thread`; no thread begins before that is used.
        self._pool = DefaultExecutor(f"daebus-{self._name}-to-thread")
        self._loop.set_default_executor(self._pool)
        try:
            begin(self._thread)
        except RuntimeError as error:
            self._loop.close()
            raise DaebusError(f"{self._name}: cannot start the event loop: {error}") from error

    def soon(self, function: Callable[..., object], *arguments: Any) -> bool:
        """Have a function called on the loop. From any thread; False where it has ended."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            return False
        return True

    def call_soon(self, function: Callable[[], object]) -> None:
        """The same from the loop's own thread: called once what is to run now has run."""
        self._loop.call_soon(function)

    def call_later(self, seconds: float, function: Callable[[], object]) -> None:
        """The same, so many seconds later."""
        self._loop.call_later(seconds, function)

    def task(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine as a task with a context of its own. From the loop's thread."""
        return self._loop.create_task(coroutine, context=contextvars.Context())

    def spawn(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        """Run an async function in a copy of this thread's context. From another thread."""
        if self.is_current:
            raise DaebusError(f"the event loop of {self._name} cannot wait for itself")

        async def main() -> T:
            return await function()

        made = main()
        try:
            return asyncio.run_coroutine_threadsafe(made, self._loop)
        except RuntimeError:
            made.close()
            raise DaebusError(f"the event loop of {self._name} has ended") from None

    def wait(self, function: Callable[[], Awaitable[T]]) -> T:
        """The same, and wait for what it returns or raises. An exception in this thread cancels it.

        What it sets in context variables is set on this thread then.
        """
        left: list[contextvars.Context] = []

        async def followed() -> T:
            try:
                return await function()
            finally:
                left.append(contextvars.copy_context())

        future = self.spawn(followed)
        try:
            while True:
                try:
                    return future.result(_LOOK_EVERY)
                except WaitTimeout:
                    if future.done():
                        return future.result()
                    if self.ended:
                        raise DaebusError(f"the event loop of {self._name} has ended") from None
        finally:
            future.cancel()
            for context in left:
                _adopt(context)

    async def aside(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function that may wait, on a thread beside the loop, in a copy of this task's context.

        What it sets in context variables is set in the task then. Where the task is cancelled meanwhile, the function
        goes on.
        """
        context = contextvars.copy_context()
        try:
            return await asyncio.wrap_future(self._aside.submit(context.run, function, *arguments))
        finally:
            _adopt(context)

    def responds(self) -> bool:
        """Whether it gets to anything: no task blocks it."""
        heard = threading.Event()
        return self.soon(heard.set) and heard.wait(ENDS_WITHIN)

    def stop(self) -> bool:
        """Cancel what is left and end the loop; False where that takes too long, and it is left behind."""
        if self._thread.ident is None or self.ended:
            return True
        self._ending = True
        self.soon(self._loop.stop)
        if not self.is_current:
            # Once to cancel, once for each of what async generators and connections have to do.
            self._thread.join(bounded(3 * ENDS_WITHIN))
        self._aside.end()
        self._pool.shutdown(wait=False, cancel_futures=True)
        if self._thread.is_alive():
            log.error("%s: the event loop is blocked by a task, and is left behind", self._name)
        return not self._thread.is_alive()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            while not (self._ending or self._loop.is_closed()):
                try:
                    self._loop.run_forever()
                except BaseException as error:  # noqa: BLE001 - asyncio lets a SystemExit of a task end its loop
                    note(log, logging.ERROR, "%s: a task would have ended the event loop", self._name, error=error)
                else:
                    if not self._ending:
                        log.warning("%s: a task has stopped the event loop, which goes on", self._name)
            self._finish()
        except BaseException as error:  # noqa: BLE001 - told to whoever looks at the log
            note(log, logging.ERROR, "%s: the event loop has failed", self._name, error=error)
        finally:
            self.ended = True

    def _finish(self) -> None:
        """Cancel every task, also those that cancelled ones make, and close the loop."""
        until = time.monotonic() + ENDS_WITHIN
        while (tasks := asyncio.all_tasks(self._loop)) and time.monotonic() < until:
            for task in tasks:
                task.cancel()
            self._run_for(asyncio.wait(tasks, timeout=until - time.monotonic()))
        if left := asyncio.all_tasks(self._loop):
            log.error("%s: %d tasks did not end when they were cancelled", self._name, len(left))
        self._run_for(asyncio.wait_for(self._loop.shutdown_asyncgens(), ENDS_WITHIN))
        self._loop.close()

    def _run_for(self, awaitable: Awaitable[Any]) -> None:
        try:
            self._loop.run_until_complete(awaitable)
        except BaseException as error:  # noqa: BLE001 - the loop is to be closed all the same
            note(log, logging.ERROR, "%s: while the event loop ended", self._name, error=error)


_UNSET = object()


def _adopt(context: contextvars.Context) -> None:
    """Set what has been set in a copy of the context here."""
    for variable, value in context.items():
        if variable.get(_UNSET) is not value:
            variable.set(value)
