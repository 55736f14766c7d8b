"""What is sent from the event loop: at once where that waits for nothing, else by one thread, in order.

To publish may mean to connect, and to learn how many received something means to wait for Redis; while the loop did
that, all its tasks would stand still. What tasks answer in one turn of the loop goes out in one write.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from functools import partial
from typing import Any

from daebus.errors import RedisUnavailable, again
from daebus.service.work.aside import Aside
from daebus.service.work.event_loop import EventLoop
from daebus.transport.commands import Pending
from daebus.transport.publisher import PUBLISH_TIMEOUT, Publisher
from daebus.transport.sockets.waiter import Waiter
from daebus.wire.envelope import Request

from .answers import Answers
from .receipt import SENT, Receipt

LOOK_AFTER = 0.01
"""Seconds after which it is looked what Redis replied to what was sent."""
_AT_ONCE = 0.0
"""A time that is over: nothing is waited for."""
MOST_IN_FLIGHT = 10_000
"""Answers that Redis has not confirmed, beyond which those that send more have to wait."""


class Outbox:
    """Sends what the tasks of one service answer. Its methods are called on the thread of the loop, and never wait."""

    def __init__(self, name: str, loop: EventLoop, publisher: Publisher, answers: Answers) -> None:
        self._loop = loop
        self._publisher = publisher
        self._answers = answers
        self._line = Aside(f"daebus-{name}-outbox", 1)
        self._unconfirmed: Pending | None = None
        self._flushes = self._looks = False

    @property
    def is_ours(self) -> bool:
        """Whether this thread is that of the loop."""
        return self._loop.is_current

    def post(self, request: Request, channel: str, data: bytes) -> Receipt:
        """Send a final answer. Its receipt can be awaited; what is lost is seen to by `Answers`."""
        if not self._line.pending and self._answers.at_once(channel) and self._publisher.in_flight < MOST_IN_FLIGHT:
            try:
                self._answers.post(request, channel, data, _later, _AT_ONCE)
            except RedisUnavailable:
                # It has ended, and nobody had noticed: nothing was sent, and it takes waiting to connect.
                pass
            else:
                if not self._flushes:
                    self._flushes = True
                    self._loop.call_soon(self._flush)
                return SENT
        given: Future[int] = Future()
        return self._in_line(given, self._post, request, channel, data, time.monotonic() + PUBLISH_TIMEOUT)

    def publish(self, channel: str, data: bytes) -> Receipt:
        """Send a partial answer; who awaits the receipt gets how many received it."""
        given: Future[int] = Future()
        return self._in_line(given, self._publish, channel, data, time.monotonic() + PUBLISH_TIMEOUT)

    def end(self, within: float) -> None:
        """Take nothing more; what there is goes out, which is waited for so many seconds."""
        self._line.end(within)

    def _in_line(self, given: Future[int], send: Any, *arguments: Any) -> Receipt:
        try:
            self._line.submit(send, given, *arguments)
        except RuntimeError as error:
            given.set_exception(RedisUnavailable(f"{error}; nothing was sent"))
        return Receipt.due(given)

    # On the thread of the line

    def _post(self, given: Future[int], request: Request, channel: str, data: bytes, patience: float) -> None:
        try:
            self._answers.post(request, channel, data, self._has_more, patience)
        except RedisUnavailable as error:
            self._answers.failed(request, channel, data, error)
        _settle(given, 1)
        self._confirm()

    def _publish(self, given: Future[int], channel: str, data: bytes, due: float) -> None:
        try:
            told = partial(_settle, given)
            self._unconfirmed = self._publisher.publish_soon(channel, data, told, due, later=self._has_more())
        except RedisUnavailable as error:
            _settle(given, error)
        self._confirm()

    def _has_more(self) -> bool:
        """Whether there is more to send, with which this may go out."""
        return self._line.pending > 1

    def _confirm(self) -> None:
        """When there is nothing more to send, wait for what Redis says of the last that somebody may wait for."""
        command = self._unconfirmed
        if command is not None and not self._has_more():
            self._publisher.flush()
            self._publisher.await_told(command, Waiter(), lambda: command.done, command.due)
            self._unconfirmed = None

    # On the loop

    def _flush(self) -> None:
        self._flushes = False
        self._publisher.flush()
        self._publisher.look(LOOK_AFTER)
        if not self._looks:
            self._looks = True
            self._loop.call_later(LOOK_AFTER, self._look)

    def _look(self) -> None:
        self._publisher.look()
        self._looks = bool(self._publisher.in_flight)
        if self._looks:
            self._loop.call_later(LOOK_AFTER, self._look)


def _settle(given: Future[int], outcome: int | RedisUnavailable) -> None:
    """Give somebody who may wait what he waits for, unless he has ceased to."""
    if not given.set_running_or_notify_cancel():
        return
    if isinstance(outcome, RedisUnavailable):
        given.set_exception(again(outcome))
    else:
        given.set_result(outcome)


def _later() -> bool:
    return True
