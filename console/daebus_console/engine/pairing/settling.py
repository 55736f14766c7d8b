"""What pairing is in every dialect: what waits for an answer, what settles it, and what is forgotten. Pure."""

from __future__ import annotations

from collections.abc import Callable

from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import DAEBUS, Exchange, Flag, Kind, Message, Notice, State
from daebus_console.engine.message.names import Names
from daebus_console.engine.pairing.deadlines import Deadlines
from daebus_console.engine.pairing.journal import Journal

DEFAULT_TIMEOUT = 10.0
"""Seconds after which a request without a `timeout` of its own is taken for unanswered."""

NOTICED_FOR = 2.0
"""Seconds by which a notice that does not say moves the time of whoever asked."""

# Members of an enum are slow to look up, and these are wanted for many a message.
_REQUEST = Kind.REQUEST
_PENDING, _OK = State.PENDING, State.OK
_DECLARED = Flag.DECLARED


class Settling:
    """Opens exchanges and settles them; the rules are those of the correlator."""

    def __init__(self, journal: Journal, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.journal = journal
        self.timeout = timeout
        self.pending = 0
        """How many requests wait for their answer."""
        self.dropped: list[Exchange] = []
        """Requests that were still pending when the journal had no more room for them; for the taking."""
        self.answerable: Callable[[Exchange], bool] = lambda _request: True
        """Whether an answer to that request would have been seen. Where not, it does not time out: it is unknown."""
        self._names = Names()
        self._deadlines = Deadlines()
        self._stepped = 0
        """The number of the message that tells of the last step of the clock."""

    def tells(self, dialect: str) -> bool:
        """Whether silence in a dialect is a failure."""
        return dialect == DAEBUS

    def _alone(self, message: Message, state: State) -> Exchange:
        exchange = Exchange(self.journal.next_number, message.kind, state, message, target=message.channel)
        message.exchange = exchange.number
        return exchange

    def _wait(self, exchange: Exchange, timeout: float | None) -> int:
        """The exchange waits for its answer from now on; returns the flag for an asker that says how long it waits."""
        wait, flag = self.timeout, 0
        if timeout is not None and timeout > 0:
            wait, flag = timeout, _DECLARED
        exchange.deadline = exchange.opened.at + wait
        self.pending += 1
        self._deadlines.add(exchange, wait)
        return flag

    def _answer(self, exchange: Exchange, message: Message, *, again: int = Flag.DUPLICATE) -> None:
        """The message answers it. `again` is the flag for one that is answered a second time to the end."""
        if exchange.answer is not None:
            if exchange.kind is _REQUEST and not exchange.flags & Flag.CONTROL:
                exchange.flags |= again
            exchange.add_extra(message)
            return
        if isinstance(message, Notice):
            self._held(exchange, message)
        elif not message.final:
            exchange.flags |= Flag.STREAM
        if not message.final:
            if exchange.progress is None:
                exchange.progress = []
            exchange.progress.append(message)
            return
        exchange.answer = message
        if exchange.opened.seq < self._stepped:
            exchange.flags |= Flag.TIMELESS
        if exchange.state is _PENDING and message.at > exchange.until:
            # Its time had run out before this frame came, only nobody had asked yet.
            self._run_out(exchange)
        if exchange.state is State.TIMEOUT:
            exchange.flags |= Flag.LATE
            if exchange.flags & _DECLARED:
                return
        self._settle(exchange, State.ERROR if message.error else _OK)

    def _run_out(self, exchange: Exchange) -> None:
        """Its time is over."""
        told = exchange.dialect == DAEBUS or self.tells(exchange.dialect)
        self._settle(exchange, State.TIMEOUT if told and self.answerable(exchange) else State.UNKNOWN)

    def _held(self, exchange: Exchange, notice: Message) -> None:
        """Its asker was told that it is held, and for how long until the next notice: it waits so much longer."""
        exchange.flags |= Flag.DEBUGGED
        aside = exchange.set_aside()
        aside.until = max(aside.until, exchange.deadline + wire.held_in(notice.data, NOTICED_FOR))

    def _settle(self, exchange: Exchange, state: State) -> None:
        if exchange.state is _PENDING:
            self.pending -= 1
        exchange.state = state
