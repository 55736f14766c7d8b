"""Commands on their way: which have been left to be sent, which have been sent, and what became of each.

No I/O. Rules of this file: `_lock` guards both queues and is held for moments only; nothing is told while it is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import chain
from typing import Any

from .errors import ConnectionLost, RedisUnavailable
from .resp import ends_the_connection
from .turns import Visitor

log = logging.getLogger("daebus")

TOGETHER = 65536
"""Bytes of commands that are sent in one write; a command of more goes alone, from its own thread."""


class Ticket:
    """A command of `wanted` replies on its way, and what became of it: `replies`, or the `error` instead of them.

    `due` is when it is of no use any more (a time of `time.monotonic()`); until `patience` its thread may be kept.
    `visitor` is of the thread that waits for it, and woken at the end; `told(ticket)` is called then, by whichever
    thread has learnt of it.
    """

    __slots__ = ("command", "due", "error", "patience", "replies", "sent_at", "told", "visitor", "wanted")

    def __init__(
        self,
        command: bytes,
        wanted: int,
        due: float,
        told: Callable[[Ticket], None] | None = None,
        visitor: Visitor | None = None,
        patience: float | None = None,
    ) -> None:
        self.command = command
        self.wanted = wanted
        self.due = due
        self.patience = due if patience is None else patience
        self.told = told
        self.visitor = visitor
        self.replies: list[Any] = []
        self.error: RedisUnavailable | None = None
        self.sent_at: float | None = None
        """When it was about to be written."""

    @property
    def done(self) -> bool:
        """Whether it is known what became of it."""
        return self.error is not None or len(self.replies) >= self.wanted


class Tickets:
    """All the tickets of one connection, in the order in which they are sent and replied to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outbox: deque[Ticket] = deque()
        self._sent: deque[Ticket] = deque()
        self._done: deque[Ticket] = deque()
        self._awaited = 0
        self._left_at = 0.0
        self._writing: Ticket | None = None
        self._last_reply: Any = None
        self.error: ConnectionLost | None = None
        """Why the connection is of no use any more."""

    def __len__(self) -> int:
        return len(self._outbox) + len(self._sent)

    @property
    def unsent(self) -> bool:
        """Whether some have been left to be sent."""
        return bool(self._outbox)

    def waits_since(self, then: float) -> bool:
        """Whether one was left before then (a time of `time.monotonic()`) and has not been sent."""
        return self.unsent and self._left_at < then

    @property
    def oldest(self) -> float | None:
        """When the one was sent that has waited longest for its replies; None where none waits."""
        with self._lock:
            return self._sent[0].sent_at if self._sent else None

    def leave(self, ticket: Ticket) -> bool:
        """Let it be sent with the next batch; False where the connection is of no use any more."""
        with self._lock:
            if self.error is not None:
                return False
            if not self._outbox:
                self._left_at = time.monotonic()
            self._outbox.append(ticket)
            self._count(ticket)
            return True

    def send_now(self, ticket: Ticket, now: float) -> bool:
        """Note that it is being sent alone; False where the connection is of no use any more."""
        with self._lock:
            if self.error is not None:
                return False
            ticket.sent_at = now
            self._sent.append(ticket)
            self._writing = ticket
            self._count(ticket)
            return True

    def take_batch(self, now: float, too_late: Callable[[], RedisUnavailable]) -> bytes:
        """The commands of the next batch, which is being sent; those that are due by now end with an error."""
        commands: list[bytes] = []
        size = 0
        with self._lock:
            while self._outbox and size < TOGETHER:
                ticket = self._outbox.popleft()
                if now >= ticket.due:
                    self._end(ticket, too_late())
                    continue
                size += len(ticket.command)
                commands.append(ticket.command)
                ticket.command = b""
                ticket.sent_at = now
                self._sent.append(ticket)
                self._writing = ticket
        return b"".join(commands)

    def wrote(self, whole: bool) -> None:
        """What was taken last has been written, or only a part of it, with which Redis does nothing."""
        ticket, self._writing = self._writing, None
        if self.error is None or ticket is None:
            return
        with self._lock:
            if not ticket.done:
                cut = RedisUnavailable(
                    f"{self.error}, before it had all of the message, so that it did nothing with it"
                )
                self._end(ticket, self.error if whole else cut)

    def settle(self, replies: deque[Any]) -> bool:
        """Give replies to those that have waited longest; False where there are more than that."""
        with self._lock:
            self._last_reply = replies[-1]
            while replies and self._sent:
                ticket = self._sent[0]
                ticket.replies.append(replies.popleft())
                if ticket.done:
                    self._end(self._sent.popleft())
        return not replies

    def fail(self, error: ConnectionLost) -> None:
        """End all of them, the first time; there can be no others after that.

        What is just being written ends when it is known how far that got; see `wrote`.
        """
        with self._lock:
            if self.error is not None:
                return
            self.error = error
            refused = ends_the_connection(self._last_reply)
            after_it = RedisUnavailable(f"{error}, after it had refused another message; nothing was sent")
            while self._sent:
                ticket = self._sent.popleft()
                if refused or ticket is not self._writing:
                    self._end(ticket, after_it if refused else error)
            unsent = RedisUnavailable(f"{error}; nothing was sent")
            while self._outbox:
                self._end(self._outbox.popleft(), unsent)

    def close_if_none(self, error: ConnectionLost) -> bool:
        """Let there be no others, if there are none."""
        with self._lock:
            if len(self):
                return False
            self.error = self.error or error
            return True

    def give_up(self, ticket: Ticket) -> bool:
        """Tell nobody of it any more; True where that was before it was sent, which then it never is."""
        with self._lock:
            unsent = ticket in self._outbox
            if unsent:
                self._outbox.remove(ticket)
            self._leave_waiting(ticket)
            ticket.told = None
            return unsent

    def let_go(self, ticket: Ticket) -> None:
        """Its thread does not wait for it any more; who is to be told of it still is."""
        with self._lock:
            self._leave_waiting(ticket)

    def rouse(self) -> None:
        """Wake the first thread that waits."""
        if not self._awaited:
            return
        with self._lock:
            for ticket in chain(self._sent, self._outbox):
                if ticket.visitor is not None:
                    ticket.visitor.wake()
                    return

    def tell(self) -> None:
        """Call `told` of those that are done. Called with nothing locked."""
        while self._done:
            try:
                ticket = self._done.popleft()
            except IndexError:
                return
            told = ticket.told
            try:
                if told is not None:
                    told(ticket)
            except Exception:
                log.exception("an error of our own, in dealing with what became of a message")

    def _leave_waiting(self, ticket: Ticket) -> None:
        if ticket.visitor is not None and not ticket.done:
            self._awaited -= 1
        ticket.visitor = None

    def _count(self, ticket: Ticket) -> None:
        if ticket.visitor is not None:
            self._awaited += 1

    def _end(self, ticket: Ticket, error: RedisUnavailable | None = None) -> None:
        ticket.error = error
        if ticket.visitor is not None:
            self._awaited -= 1
            ticket.visitor.wake()
        if ticket.told is not None:
            self._done.append(ticket)
