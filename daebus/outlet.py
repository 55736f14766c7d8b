"""The writing side of a connection that many threads write to: whoever has a moment sends what all of them have left.

Rule of this file: who holds `link.writing` writes whole commands. Where the socket is full and the time of that thread
is over, a thread is begun that is given the lock and writes on: the deadline of one ends the connection of no other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .connection import Link
from .errors import ConnectionLost, TooLate
from .threads import begin
from .tickets import Ticket, Tickets
from .waiting import bounded

TAKES_WITHIN = 5.0
"""Seconds for which a full socket may take nothing before the connection is held to be dead."""


class Outlet:
    """Writes the `tickets` to the link.

    `broke(error)` is called when that has failed, and `wrote()` after everything else, with nothing locked.
    `is_held()` says whether a Redis that takes nothing lives and only waits; it is asked on a thread of its own.
    """

    def __init__(
        self,
        link: Link,
        tickets: Tickets,
        broke: Callable[[ConnectionLost], None],
        wrote: Callable[[], None],
        is_held: Callable[[], bool],
    ) -> None:
        self._link = link
        self._tickets = tickets
        self._broke = broke
        self._wrote = wrote
        self._is_held = is_held

    def flush(self, due: float) -> None:
        """Send what has been left, unless another thread is at it, which then sends this as well. Ends when `due`."""
        while self._tickets.unsent and self._link.writing.acquire(blocking=False):
            mine = True
            try:
                mine = self._send_batches(due)
            finally:
                if mine:
                    self._link.writing.release()
        self._wrote()

    def send_alone(self, ticket: Ticket) -> bool:
        """Send a large command, which is copied into no batch; False where the connection has broken before.

        Where others keep the link for longer than its thread may wait, it is left for them to send. Raises TooLate
        where it is of no use by then.
        """
        if not self._link.writing.acquire(timeout=bounded(ticket.patience - time.monotonic())):
            return self._leave(ticket)
        mine = True
        try:
            mine = self._send_batches(ticket.patience)
            if not mine:
                return self._leave(ticket)
            sent = self._tickets.send_now(ticket, time.monotonic())
            if sent:
                mine = self._send(ticket.command, ticket.patience)
        finally:
            if mine:
                self._link.writing.release()
        self._wrote()
        return sent

    def too_late(self) -> TooLate:
        """The error for a command that could not be sent in time."""
        return TooLate(f"the time was over before it could be sent to Redis at {self._link.address}; nothing was sent")

    def _leave(self, ticket: Ticket) -> bool:
        if time.monotonic() >= ticket.due:
            raise self.too_late()
        return self._tickets.leave(ticket)

    def _send_batches(self, due: float) -> bool:
        """Called with `writing` held; False where another thread writes on, and has it."""
        while self._tickets.unsent:
            batch = self._tickets.take_batch(time.monotonic(), self.too_late)
            if batch and not self._send(batch, due):
                return False
        return True

    def _send(self, data: bytes, due: float) -> bool:
        """Called with `writing` held; False where another thread writes on, and has it."""
        whole = True
        try:
            rest = self._link.write(data, due)
            if rest is not None:
                whole = False
                name = "daebus-writing-on"
                begin(threading.Thread(target=self._write_on, args=(rest,), name=name, daemon=True))
                return False
        except (ConnectionLost, RuntimeError) as error:
            # The latter where there can be no more threads: half a command must not stay.
            whole = False
            self._broke(error if isinstance(error, ConnectionLost) else self._link.lost(error))
        except BaseException as error:
            # An interrupt: nobody knows how far it got.
            self._broke(self._link.lost(repr(error)))
            self._tickets.wrote(whole)
            raise
        self._tickets.wrote(whole)
        return True

    def _write_on(self, rest: memoryview | None) -> None:
        """Write the rest, and what has been left meanwhile. Called on a thread of its own, which has `writing`."""
        try:
            while rest is not None:
                before = len(rest)
                rest = self._link.write(rest, time.monotonic() + TAKES_WITHIN)
                if rest is not None and len(rest) == before and not self._is_held():
                    raise self._link.lost("Redis takes no more data")
        except ConnectionLost as error:
            self._broke(error)
        self._tickets.wrote(whole=rest is None)
        self._link.writing.release()
        self.flush(time.monotonic() + TAKES_WITHIN)
