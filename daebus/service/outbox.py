"""What is sent from the event loop: at once where that waits for nothing, else by one thread, in order.

To publish may mean to connect, and to learn how many received something means to wait for Redis; while the loop did
that, all its tasks would stand still.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from functools import partial

from daebus.errors import RedisUnavailable
from daebus.transport.publisher import PUBLISH_TIMEOUT, Publisher
from daebus.wire.envelope import Request

from .answers import Answers
from .receipt import SENT, Receipt
from .work.aside import Aside
from .work.event_loop import EventLoop

LOOK_AFTER = 0.01
"""Seconds after which it is looked what Redis replied to what was sent."""


class Outbox:
    """Sends what the tasks of one service answer. Its methods are called on the thread of the loop, and never wait."""

    def __init__(self, name: str, loop: EventLoop, publisher: Publisher, answers: Answers) -> None:
        self._loop = loop
        self._publisher = publisher
        self._answers = answers
        self._line = Aside(f"daebus-{name}-outbox", 1)
        self._flushes = self._looks = False

    @property
    def is_ours(self) -> bool:
        """Whether this thread is that of the loop."""
        return self._loop.is_current

    def post(self, request: Request, channel: str, data: bytes) -> Receipt:
        """Send a final answer. Its receipt can be awaited; what is lost is seen to by `Answers`."""
        if not self._line.pending and self._answers.at_once:
            self._answers.post(request, channel, data, _later)
            if not self._flushes:
                self._flushes = True
                self._loop.call_soon(self._flush)
            return SENT
        return self._in_line(partial(self._post, request, channel, data, time.monotonic() + PUBLISH_TIMEOUT))

    def publish(self, channel: str, data: bytes) -> Receipt:
        """Send a partial answer; who awaits the receipt gets how many received it."""
        return self._in_line(partial(self._publisher.publish, channel, data, time.monotonic() + PUBLISH_TIMEOUT))

    def end(self, within: float) -> None:
        """Take nothing more; what there is goes out, which is waited for so many seconds."""
        self._line.end(within)

    def _in_line(self, send: partial[int]) -> Receipt:
        try:
            return Receipt.due(self._line.submit(send))
        except RuntimeError as error:
            failed: Future[int] = Future()
            failed.set_exception(RedisUnavailable(f"{error}; nothing was sent"))
            return Receipt.due(failed)

    def _post(self, request: Request, channel: str, data: bytes, patience: float) -> int:
        try:
            self._answers.post(request, channel, data, patience=patience)
        except RedisUnavailable as error:
            self._answers.failed(request, channel, data, error)
        return 1

    def _flush(self) -> None:
        self._flushes = False
        self._publisher.flush()
        if not self._looks:
            self._looks = True
            self._loop.call_later(LOOK_AFTER, self._look)

    def _look(self) -> None:
        self._publisher.look()
        self._looks = bool(self._publisher.in_flight)
        if self._looks:
            self._loop.call_later(LOOK_AFTER, self._look)


def _later() -> bool:
    return True
