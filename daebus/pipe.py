"""One connection on which commands of any number of threads are in flight at once, each written once.

A thread leaves its command, and whichever thread comes to write sends everybody's (see `Outlet`). Replies come in
order; whichever thread holds `link.reading` leads, and reads them for all. A link that broke is freed by whoever has
neither lock of it; what became of a command is told with neither held.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from .connection import Link
from .errors import ConnectionLost, TooLate, again
from .outlet import Outlet
from .resp import INCOMPLETE, ErrorReply, ends_the_connection
from .threads import begin
from .tickets import TOGETHER, Ticket, Tickets
from .waiting import bounded

REPLY_WITHIN = 5.0
"""Seconds after which a reply that has not come means that the connection is dead."""
FRESH = 0.001
"""Seconds for which a check of the connection is good enough to write to it without another, where many write: one
thread has what another has found, and one that sends a lot at once does not check in between."""
FEW = 8
"""Commands in flight, below which a thread relies on no check of its own, but checks before each."""
HELD = 0.0002
"""Seconds for which a command may be left to the next look."""
_LED_ELSEWHERE = 0.01
_HEARD_OUT_WITHIN = 0.5


class Pipe:
    """A link, and the tickets of what is in flight on it.

    `holds_back(within)` says whether a Redis that owes a reply for long only holds back what it is sent, or None where
    it does not answer elsewhere either. It is asked on a thread of its own, and there is a `doubt` meanwhile.
    """

    def __init__(self, link: Link, holds_back: Callable[[float], bool | None] = lambda _within: None) -> None:
        self.link = link
        self._tickets = Tickets()
        self._holds_back = holds_back
        self._outlet = Outlet(link, self._tickets, self._not_written, self._tell, self._is_held)
        self.doubt: threading.Event | None = None
        """There while it is being found out if the other side lives; `wait_for_verdict` before sending more."""
        self._believed_at = 0.0
        self._heard = 0
        self._checked_by = threading.get_ident()
        self._looked_at = self._checked_at = time.monotonic()

    @property
    def error(self) -> ConnectionLost | None:
        """Why it is of no use any more."""
        return self._tickets.error

    @property
    def in_flight(self) -> int:
        """How many commands have been left or sent and are not done."""
        return len(self._tickets)

    def is_alive(self) -> bool:
        """Whether it can be used: not closed, and no reply long overdue, as far as can be seen without waiting."""
        now, me = time.monotonic(), threading.get_ident()
        few = self._checked_by == me and self.in_flight < FEW
        if (few or now - self._checked_at >= FRESH) and self.error is None:
            self._checked_at, self._checked_by = now, me
            closed = self.link.is_closed()
            if closed:
                self._not_written(self.link.lost("Redis closed the connection"))
            elif (closed is None or now >= self._overdue_at()) and self._lead():
                self._take_in(to_the_end=True)
                self._leave()
        return self.error is None

    def wait_for_verdict(self, due: float) -> bool:
        """Whether the other side lives, when that is known; raises TooLate where it is not when `due`."""
        doubt = self.doubt
        if doubt is not None and not doubt.wait(bounded(due - time.monotonic())):
            raise TooLate(f"Redis at {self.link.address} does not answer; nothing was sent")
        return self.error is None

    def submit(self, ticket: Ticket, looks_soon: Callable[[], bool] | None = None) -> bool:
        """Send a command, or have it sent by the thread that writes just now; False where the pipe has broken before.

        With `looks_soon`, a small one may be left for a moment to the thread that is going to `look`; it is asked
        when the command has been left. Raises TooLate for a large one where others have kept the link until its `due`.
        """
        if len(ticket.command) > TOGETHER:
            return self._outlet.send_alone(ticket)
        sent = self._tickets.leave(ticket)
        if sent and looks_soon is not None and looks_soon() and not self._tickets.waits_since(time.monotonic() - HELD):
            return True
        self._outlet.flush(ticket.patience)
        return sent

    def withdraw(self, ticket: Ticket) -> bool:
        """Let nobody be told of a command any more; True where it had not been sent, which then it never is."""
        return self._tickets.give_up(ticket)

    def wait_for(self, ticket: Ticket) -> None:
        """Return when the ticket is done. Raises its `error`, or RedisUnavailable when it is `due` first.

        Where the patience of its thread ends before that, it returns, and the ticket goes on.
        """
        while not ticket.done:
            now = time.monotonic()
            if now >= ticket.due:
                self._give_up(ticket)
            elif now >= ticket.patience:
                self._tickets.let_go(ticket)
                self._tickets.rouse()
                return
            elif self._lead():
                try:
                    self._read_until(ticket)
                finally:
                    self._leave()
            elif ticket.visitor is not None:
                ticket.visitor.sleep(min(ticket.patience - now, REPLY_WITHIN))
        if ticket.error is not None:
            self._tell()
            raise again(ticket.error)

    def look(self, after: float = 0.0) -> bool:
        """Send what has been left, and take in what has come unless that was done in the last `after` seconds.

        True where something has come. Waits for nothing.
        """
        if self._tickets.unsent:
            self._outlet.flush(time.monotonic())
        if time.monotonic() - self._looked_at < after or not self._lead():
            return False
        try:
            return self._take_in()
        finally:
            self._leave()

    def wait_with(self, link: Link, until: float) -> bool:
        """Wait until `link` has something to read or something came here, which is taken in; False at `until`."""
        now = time.monotonic()
        if not self._lead():
            return link.wait(min(until - now, _LED_ELSEWHERE)) or now + _LED_ELSEWHERE < until
        try:
            if self._take_in():
                return True
            ready = link.wait(min(until, self._overdue_at()) - now, self.link)
            return self._take_in() or ready
        finally:
            self._leave()

    def fail(self, error: ConnectionLost) -> None:
        """Fail everything that is in flight and let nobody use the pipe again; `dispose` frees it."""
        self._tickets.fail(error)
        self.link.shut()

    def _not_written(self, error: ConnectionLost) -> None:
        """Fail, but take in first what Redis had said: replies, and often the reason for which it closed.

        A thread that leads comes upon all that by itself.
        """
        until = time.monotonic() + _HEARD_OUT_WITHIN
        while self.error is None and time.monotonic() < until:
            if self.link.reading.acquire(timeout=_LED_ELSEWHERE):
                try:
                    self._take_in(to_the_end=True)
                finally:
                    self.link.reading.release()
                break
        self.fail(error)

    def end_if_idle(self, error: ConnectionLost) -> None:
        """Free it, if nothing is in flight."""
        if self._tickets.close_if_none(error):
            self.dispose()

    def dispose(self) -> None:
        """Free the link of a pipe that has failed, and tell whoever has not been told."""
        self.link.dispose()
        self._tickets.tell()

    def _tell(self) -> None:
        """Tell what became of commands, and free a link that broke. Called with nothing locked."""
        self._tickets.tell()
        if self.error is not None:
            self.dispose()

    def _lead(self) -> bool:
        if not self.link.reading.acquire(blocking=False):
            return False
        if self.error is None:
            return True
        self.link.reading.release()
        return False

    def _leave(self) -> None:
        """Stop leading: let another thread that waits read on, and tell what was found."""
        self.link.reading.release()
        self._tickets.rouse()
        if self._tickets.unsent:
            self._outlet.flush(time.monotonic())
        self._tell()

    def _take_in(self, to_the_end: bool = False) -> bool:
        """Read what has come, for everybody, without waiting; True where that was something. Called by who leads.

        Whether the connection has ended is seen for certain only with `to_the_end`.
        """
        now = self._looked_at = time.monotonic()
        found = False
        try:
            while self.link.receive():
                found = True
                self._settle()
                if not to_the_end:
                    break
            self._check_overdue(now)
        except ConnectionLost as error:
            self.fail(error)
            return True
        return found

    def _read_until(self, ticket: Ticket) -> None:
        """Read for everybody until the ticket is done or due. Called by who leads."""
        try:
            while True:
                self._settle()
                if ticket.done:
                    return
                now = time.monotonic()
                overdue_at = self._overdue_at()
                if self.link.wait(min(ticket.patience, overdue_at, now + REPLY_WITHIN) - now):
                    self.link.receive()
                elif time.monotonic() < overdue_at:
                    return
                else:
                    self._check_overdue(time.monotonic())
        except ConnectionLost as error:
            self.fail(error)

    def _settle(self) -> None:
        """Give the replies that have arrived to their tickets."""
        replies: deque[Any] = deque()
        while (reply := self.link.reply()) is not INCOMPLETE:
            replies.append(reply)
        if replies:
            self._heard += 1
            last = replies[-1]
            if not self._tickets.settle(replies):
                raise self.link.lost("a reply that nobody asked for")
            if type(last) is ErrorReply and ends_the_connection(last):
                raise self.link.lost(last)

    def _overdue_at(self) -> float:
        sent_at = self._tickets.oldest
        # What takes long to be sent is not replied to before.
        return float("inf") if sent_at is None else max(sent_at, self.link.moved_at, self._believed_at) + REPLY_WITHIN

    def _check_overdue(self, now: float) -> None:
        """Begin to doubt where a reply is overdue. Called by who leads."""
        if now < self._overdue_at():
            return
        self._believed_at = now
        if self.doubt is not None:
            return
        self.doubt = threading.Event()
        try:
            name, heard = "daebus-finding-out", self._heard
            begin(threading.Thread(target=self._find_out, args=(heard,), name=name, daemon=True))
        except RuntimeError:
            self.doubt = None
            raise self._no_reply() from None

    def _find_out(self, heard: int) -> None:
        """Whether Redis lives, on a thread of its own. The answer that was overdue may come in the meantime."""
        held = self._holds_back(REPLY_WITHIN / 2)
        if held or (held is not None and self._moves_on(heard)):
            self._believed_at = time.monotonic()
        else:
            self.fail(self._no_reply())
        doubt, self.doubt = self.doubt, None
        if doubt is not None:
            doubt.set()
        self._tell()

    def _is_held(self) -> bool:
        return self._holds_back(REPLY_WITHIN / 2) is True

    def _moves_on(self, heard: int) -> bool:
        """Whether an answer has come since, or comes soon: a Redis that lives may have a lot to catch up on."""
        begun = time.monotonic()
        while self.error is None:
            self.look()
            if self._heard != heard or self.link.moved_at > begun:
                return True
            if time.monotonic() >= begun + REPLY_WITHIN / 2:
                break
            time.sleep(_LED_ELSEWHERE)
        return False

    def _no_reply(self) -> ConnectionLost:
        return self.link.lost(f"no reply for {REPLY_WITHIN:g} s")

    def _give_up(self, ticket: Ticket) -> None:
        self.look()
        unsent = self._tickets.give_up(ticket)
        if ticket.done:
            return
        self._tickets.rouse()
        if unsent:
            raise self._outlet.too_late()
        where = f"Redis at {self.link.address}"
        raise ConnectionLost(f"{where} did not confirm in time; the message may or may not arrive")
