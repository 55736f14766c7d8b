"""Answers that come after their handler has ended, and the one clock that all of them of a service go by.

The clock is a thread that begins with the first answer that is put off, and ends when there has been none for a
while. It is told of everything through one queue, which a finalizer may fill whatever locks its thread holds. An
interrupt leaves an answer open or given, never half given, since that is `Response`'s affair. In a forked child the
handles have nobody to run them out; the service of the parent answers.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from daebus.errors import DaebusError
from daebus.transport.threads import begin
from daebus.waiting import bounded

from .receipt import Receipt

log = logging.getLogger("daebus")

LINGERS = 5.0
"""Seconds without anything to wait for after which the thread ends."""
_SWEPT_FROM = 1000
"""How many times are kept before those of answers that have been given are looked for."""


class Answering(Protocol):
    """What a handle answers through: a `Response`."""

    @property
    def action(self) -> str: ...

    finished: bool

    def send(self, payload: Any, final: bool = True) -> Receipt: ...

    def progress(self, payload: dict[str, Any], progress_percentage: float | None = None) -> Receipt: ...

    def error(self, error: str | BaseException, final: bool = True, code: str | None = None) -> Receipt: ...

    def abandon(self, text: str, code: str) -> bool: ...


class Deferred:
    """Answers a request after its handler has ended, from any thread or task; `response.defer` makes it.

    What `send`, `progress` and `error` take, return and raise is as for `response`. When its time is over, or the
    service has stopped, they raise AlreadyAnswered: an error was sent in its place. One that is dropped without a
    final answer, so that nobody can give one any more, is answered `no_response`.
    """

    def __init__(self, response: Answering, dropped: Callable[[], object]) -> None:
        self._response = response
        self._dropped = dropped

    @property
    def action(self) -> str:
        """The action that is to be answered."""
        return self._response.action

    @property
    def finished(self) -> bool:
        """Whether it has been answered, be it because its time was over."""
        return self._response.finished

    def send(self, payload: Any, final: bool = True) -> Receipt:
        """See `Response.send`."""
        return self._response.send(payload, final)

    def progress(self, payload: dict[str, Any], progress_percentage: float | None = None) -> Receipt:
        """See `Response.progress`."""
        return self._response.progress(payload, progress_percentage)

    def error(self, error: str | BaseException, final: bool = True, code: str | None = None) -> Receipt:
        """See `Response.error`."""
        return self._response.error(error, final, code)

    def __repr__(self) -> str:
        return f"<Deferred action {self.action!r}{', answered' if self.finished else ''}>"

    def __del__(self) -> None:
        if not self._response.finished:
            self._dropped()


class Deferrals:
    """The answers of one service that have been put off. `expired()` is called for each whose time has run out."""

    def __init__(self, name: str, expired: Callable[[], object]) -> None:
        self._name = name
        self._expired = expired
        self._lock = threading.Lock()
        self._none = threading.Condition(self._lock)
        self._open: dict[int, tuple[Answering, float]] = {}
        """By number: what is to be answered, and within how many seconds."""
        self._numbers = itertools.count()
        self._news: SimpleQueue[tuple[float, int] | None] = SimpleQueue()
        """When (a time of `time.monotonic()`) an answer runs out; that of one that nobody can give any more is 0."""
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def open(self) -> int:
        """How many wait for their answer."""
        return len(self._open)

    def put_off(self, response: Answering, within: float) -> tuple[int, Deferred]:
        """A handle for an answer, and the number under which to tell that it is given.

        Raises DaebusError where the service has stopped, or the clock has no thread.
        """
        number = next(self._numbers)
        with self._lock:
            if self._stopped:
                raise DaebusError(f"{self._name} has stopped; action {response.action!r} cannot be answered later")
            if self._thread is None:
                thread = threading.Thread(target=self._watch, name=f"daebus-{self._name}-deferred", daemon=True)
                try:
                    begin(thread)
                except RuntimeError as error:
                    raise DaebusError(f"action {response.action!r} cannot be answered later: {error}") from error
                self._thread = thread
            self._open[number] = response, within
        self._news.put((time.monotonic() + within, number))
        return number, Deferred(response, lambda: self._news.put((0.0, number)))

    def answered(self, number: int) -> None:
        """That one has its final answer."""
        with self._lock:
            self._open.pop(number, None)
            if not self._open:
                self._none.notify_all()

    def finish(self, until: float) -> list[str]:
        """Wait until `until` (a time of `time.monotonic()`) for answers, then answer `shutting_down`.

        Returns the actions that this was done for.
        """
        with self._none:
            self._none.wait_for(lambda: not self._open, bounded(until - time.monotonic()))
            self._stopped = True
            left = list(self._open.values())
        stopped = f"{self._name} had to stop before this was answered"
        actions = [response.action for response, _within in left if response.abandon(stopped, "shutting_down")]
        self._news.put(None)
        return actions

    def _watch(self) -> None:
        due: list[tuple[float, int]] = []
        while True:
            try:
                wait = due[0][0] - time.monotonic() if due else LINGERS
                entry = self._news.get(timeout=bounded(wait))
            except Empty:
                if not due and self._ends():
                    return
            else:
                if entry is None:
                    return
                heapq.heappush(due, entry)
            if len(due) > _SWEPT_FROM and len(due) > 2 * len(self._open):
                due = [each for each in due if each[1] in self._open]
                heapq.heapify(due)
            while due and due[0][0] <= time.monotonic():
                self._run_out(*heapq.heappop(due))

    def _ends(self) -> bool:
        """Whether there is nothing to wait for, so that the thread ends."""
        with self._lock:
            if self._open or not self._news.empty():
                return False
            self._thread = None
            return True

    def _run_out(self, at: float, number: int) -> None:
        """The time of an answer is over, or its handle has gone."""
        with self._lock:
            response, within = self._open.get(number, (None, 0.0))
        if response is None:
            return
        if at:
            text, code = f"action {response.action!r} was not answered within {within:g} s", "expired"
        else:
            text, code = f"action {response.action!r} dropped its handle without a final answer", "no_response"
        if response.abandon(text, code):
            if at:
                self._expired()
            log.log(logging.WARNING if at else logging.ERROR, "%s: %s", self._name, text)
