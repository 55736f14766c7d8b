"""Background tasks and user threads of a running service."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from functools import partial
from typing import Any

from daebus import telemetry
from daebus.context import Context, Runtime, entered
from daebus.errors import DaebusError
from daebus.logs import note
from daebus.transport.threads import begin
from daebus.waiting import bounded

from .kind import Function, awaited, must_not_wait
from .recording.notes import note_ran
from .registry import BackgroundTask, Registry, ThreadTask
from .work.event_loop import EventLoop

log = logging.getLogger("daebus")


class TaskRunner:
    """Runs the background tasks (a thread each, so that none delays another) and the threads of a service.

    A background task that is async has a task on the `loop` instead.
    """

    def __init__(self, runtime: Runtime, registry: Registry, loop: EventLoop | None = None) -> None:
        self._runtime = runtime
        self._registry = registry
        self._loop = loop
        self._stops = asyncio.Event()
        self._repeated: dict[str, Future[None]] = {}
        self._stopping = threading.Event()
        self._background: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()
        self._threads: dict[str, tuple[threading.Thread, threading.Event]] = {}

    def start(self) -> None:
        """Start every background task, and every thread that starts by itself."""
        for task in self._registry.background_tasks.values():
            if self._loop is not None and task.function.kind.on_loop:
                self._repeated[task.name] = self._loop.spawn(partial(self._repeat_on_loop, task))
                continue
            thread = threading.Thread(
                target=self._repeat, args=(task,), name=f"daebus-{self._runtime.name}-{task.name}", daemon=True
            )
            self._begin(thread)
            self._background[task.name] = thread
        for thread_task in self._registry.thread_tasks.values():
            if thread_task.auto_start:
                self.start_thread(thread_task.name)

    def start_thread(self, name: str) -> bool:
        """Start a thread; False where there is none of that name or it runs already."""
        task = self._registry.thread_tasks.get(name)
        with self._lock:
            running = self._threads.get(name)
            if task is None or self._stopping.is_set() or (running is not None and running[0].is_alive()):
                return False
            stop = threading.Event()
            thread = threading.Thread(
                target=self._run_thread, args=(task, stop), name=f"daebus-{self._runtime.name}-{name}", daemon=True
            )
            self._begin(thread)
            self._threads[name] = (thread, stop)
            return True

    def _begin(self, thread: threading.Thread) -> None:
        try:
            begin(thread)
        except RuntimeError as error:
            raise DaebusError(f"{self._runtime.name}: cannot start {thread.name!r}: {error}") from error

    def stop_thread(self, name: str, timeout: float = 5.0) -> bool:
        """Make a thread's `running()` false and wait for its end; False where it runs on or there is none."""
        with self._lock:
            entry = self._threads.get(name)
        if entry is None:
            return False
        thread, stop = entry
        stop.set()
        if thread is not threading.current_thread():
            thread.join(bounded(timeout))
        return not thread.is_alive()

    def stop(self, until: float) -> list[str]:
        """End all of them; the places of those that have not ended by `until` (a time of `time.monotonic()`)."""
        self.signal_stop()
        with self._lock:
            threads = {name: thread for name, (thread, _stop) in self._threads.items()}
        for thread in [*self._background.values(), *threads.values()]:
            if thread is not threading.current_thread():
                thread.join(bounded(until - time.monotonic()))
        wait(self._repeated.values(), bounded(until - time.monotonic()))
        late = [_place("task", name) for name, repeated in self._repeated.items() if not repeated.done()]
        for repeated in self._repeated.values():
            repeated.cancel()
        if self._repeated and self._loop is not None:
            self._loop.responds()
        for what, named in (("task", self._background), ("thread", threads)):
            late += [_place(what, name) for name, thread in named.items() if _is_late(thread)]
        return late

    def signal_stop(self) -> None:
        """Ask all of them to end."""
        self._stopping.set()
        if self._repeated and self._loop is not None:
            self._loop.soon(self._stops.set)
        with self._lock:
            for _thread, stop in self._threads.values():
                stop.set()

    def _repeat(self, task: BackgroundTask) -> None:
        due = time.monotonic() + task.interval
        while not self._stopping.wait(bounded(due - time.monotonic())):
            with telemetry.working(self._runtime.name, task.name) as span:
                # What a run leaves in context variables is not seen by the next one.
                copy_context().run(self._call, span, "task", task.name, task.function.call)
            # What was missed while the task ran is not made up for.
            due = max(due + task.interval, time.monotonic())

    async def _repeat_on_loop(self, task: BackgroundTask) -> None:
        assert self._loop is not None
        due = time.monotonic() + task.interval
        while not await self._stops_within(due - time.monotonic()):
            work = self._loop.task(self._work_on_loop(task))
            try:
                await work
            except asyncio.CancelledError:
                ours = asyncio.current_task()
                if self._stopping.is_set() or (ours is not None and ours.cancelling()):
                    raise
                # It has cancelled itself, and is run again when it is due, as after whatever else it raises.
                note(log, logging.ERROR, "%s: %s was cancelled", self._runtime.name, _place("task", task.name))
            due = max(due + task.interval, time.monotonic())

    async def _stops_within(self, seconds: float) -> bool:
        if not self._stops.is_set():
            try:
                await asyncio.wait_for(self._stops.wait(), seconds)
            except TimeoutError:
                pass
        return self._stops.is_set()

    async def _work_on_loop(self, task: BackgroundTask) -> None:
        with telemetry.working(self._runtime.name, task.name) as span:
            await self._call_on_loop(span, task.name, task.function)

    async def _call_on_loop(self, span: telemetry.Span, name: str, function: Function) -> None:
        context = self._context("task", name)
        raised: BaseException | None = None
        try:
            with entered(context):
                await awaited(function.call())
        except BaseException as error:  # noqa: BLE001 - as above
            raised = error
            if not (self._stopping.is_set() and isinstance(error, asyncio.CancelledError)):
                span.failed(error)
                note(log, logging.ERROR, "%s: %s raised", self._runtime.name, context.place, error=error)
        note_ran(context, "task", name, raised)

    def _run_thread(self, task: ThreadTask, stop: threading.Event) -> None:
        # It lasts as long as the service does: what it does may be spans, it is none.
        self._call(telemetry.NOTHING, "thread", task.name, task.function, lambda: not stop.is_set())

    def _call(self, span: telemetry.Span, what: str, name: str, function: Callable[..., Any], *arguments: Any) -> None:
        """Run the `task` or the `thread` (`what`) of that name, in a context of its own."""
        context = self._context(what, name)
        raised: BaseException | None = None
        try:
            with entered(context):
                must_not_wait(function(*arguments))
        except BaseException as error:  # noqa: BLE001 - it is run again when it is due
            raised = error
            span.failed(error)
            note(log, logging.ERROR, "%s: %s raised", self._runtime.name, context.place, error=error)
        note_ran(context, what, name, raised)

    def _context(self, what: str, name: str) -> Context:
        return Context(self._runtime, _place(what, name), cause=f"{what} {name}")


def _is_late(thread: threading.Thread) -> bool:
    return thread.is_alive() and thread is not threading.current_thread()


_PLACES = {"task": "background task", "thread": "thread"}


def _place(what: str, name: str) -> str:
    return f"{_PLACES[what]} {name!r}"
