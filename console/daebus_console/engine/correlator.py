"""Which answer belongs to which request. Pure: no I/O, and the only clock is the time that comes with the frames.

Rules of this module:
 1. An answer belongs to the newest request with its request_id that is answered on its channel; failing that, to the
    newest with its request_id.
 2. A request is PENDING until a final answer comes, its time runs out, or a gap makes its fate UNKNOWN. An answer that
    comes later still settles it; it stays a TIMEOUT where the asker itself had named the time, for the asker has gone.
 3. The first final answer is the answer. Whatever follows is kept with the exchange and flagged, and changes nothing.
 4. An answer to nothing we saw opens an exchange of its own, an ORPHAN, which later answers of that id join.
 5. `take` deals with the plain request and the plain answer itself; it may not treat them otherwise than `_sort` would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from daebus_console.engine import envelope as wire
from daebus_console.engine import namesakes
from daebus_console.engine.claims import Claims
from daebus_console.engine.deadlines import Deadlines
from daebus_console.engine.envelope import REFUSALS, UNSET, Envelope, Unreadable, read_fast
from daebus_console.engine.exchange import Exchange, Flag, Kind, Message, State
from daebus_console.engine.frame import Gap
from daebus_console.engine.journal import Journal
from daebus_console.engine.names import Names

DEFAULT_TIMEOUT = 10.0
"""Seconds after which a request without a `timeout` of its own is taken for unanswered."""

# Members of an enum are slow to look up, and these are wanted for every message.
_REQUEST, _RESPONSE = Kind.REQUEST, Kind.RESPONSE
_PENDING, _OK = State.PENDING, State.OK
_DECLARED = Flag.DECLARED


class Taken(NamedTuple):
    """What a batch did, each list in order.

    `requests` are the plain requests that it opened and `answers` the exchanges that it brought plain answers to;
    `opened` and `answered` are the same for all others. Whoever counts may count the plain ones by the heap. `control`
    are answers on control channels, of which one request has several.
    """

    requests: list[Exchange]
    answers: list[Exchange]
    opened: list[Exchange]
    answered: list[Exchange]
    control: list[Message]


class Correlator:
    """Turns frames into messages and exchanges, and keeps them in the journal.

    `listened` holds channels known to carry broadcasts, so that an object with an `action` there is taken for one.
    """

    def __init__(self, journal: Journal, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.journal = journal
        self.timeout = timeout
        self.listened: set[str] = set()
        self.pending = 0
        """How many requests wait for their answer."""
        self.claims = Claims()
        self.dropped: list[Exchange] = []
        """Requests that were still pending when the journal had no more room for them; for the taking."""
        self._by_id: dict[str, Exchange] = {}
        self._names = Names()
        self._deadlines = Deadlines()
        self._open_gap: Exchange | None = None
        journal.on_evict = self._forget

    # What comes in ---------------------------------------------------------------------------------------------

    def feed(self, at: float, channel: str, data: bytes) -> tuple[Message, Exchange]:
        """Take one frame; returns it as a message, and the exchange it opened or joined."""
        pairs: list[tuple[Message, Exchange]] = []
        self.take(at, ((channel, data),), lambda message, exchange: pairs.append((message, exchange)))
        return pairs[0]

    def take(
        self,
        at: float,
        frames: Iterable[tuple[str, bytes]],
        tell: Callable[[Message, Exchange], None] | None = None,
    ) -> Taken:
        """Take frames (channel, data) that arrived together at `at`; `tell` is told each message with its exchange."""
        journal, by_id, names = self.journal, self._by_id, self._names
        claims = self.claims if self.claims else None
        keep_message, keep_exchange = journal.messages.append, journal.exchanges.append
        taken = Taken([], [], [], [], [])
        requests, answers = taken.requests, taken.answers
        first = seq = journal.next_seq
        size = 0
        for channel, data in frames:
            message = Message(seq, at, channel, data, _RESPONSE)
            exchange: Exchange | None = None
            try:
                envelope = read_fast(data)
            except REFUSALS:
                exchange = self._sort_slowly(message, taken)
            else:
                request_id = envelope.request_id
                if request_id.__class__ is str:
                    known = by_id.get(request_id)
                    if envelope.action:
                        if known is None and envelope.reply_to:
                            exchange = self._plain_request(message, envelope)
                            if exchange is not None:
                                requests.append(exchange)
                    elif (
                        known is not None
                        and known.state is _PENDING
                        and envelope.status == "success"
                        and envelope.final is not False
                        and known._aside is None
                        and at <= known.deadline
                    ):
                        exchange = known
                        message.exchange = known.number
                        known.answer = message
                        known.state = _OK
                        known.elapsed = envelope.elapsed
                        if known.instance is None:
                            known.instance = names[envelope.instance]
                        self.pending -= 1
                        answers.append(known)
                if exchange is None:
                    exchange = self._sort(message, envelope, taken)
            keep_message(message)
            seq += 1
            size += len(data)
            if exchange.opened is message:
                keep_exchange(exchange)
                journal.next_number += 1
                if claims is not None and claims.take(exchange.request_id, channel, data):
                    exchange.flags |= Flag.OURS
            if tell is not None:
                tell(message, exchange)
        journal.next_seq = seq
        journal.grown(seq - first, size)
        return taken

    def advance(self, now: float) -> list[Exchange]:
        """Let time pass up to `now`; returns the requests whose time ran out."""
        expired = []
        for exchange in self._deadlines.due(now):
            if self.journal.exchange(exchange.number) is exchange:
                self._settle(exchange, State.TIMEOUT)
                self.journal.touch(exchange)
                expired.append(exchange)
        return expired

    def lose(self, at: float, reason: str) -> Exchange:
        """The connection is gone since `at`: everything pending becomes unknown, and the flow gets a gap."""
        if self._open_gap is not None:
            return self._open_gap
        for pending in self._deadlines:
            if self.journal.exchange(pending.number) is pending:
                self._settle(pending, State.UNKNOWN)
                self.journal.touch(pending)
        self._deadlines.clear()
        message = Message(self.journal.next_seq, at, "", b"", Kind.GAP)
        exchange = self._alone(message, State.GAP)
        exchange.set_aside().gap = Gap(at, None, reason)
        self._open_gap = exchange
        self.journal.add(message, exchange)
        return exchange

    def resume(self, at: float) -> Exchange | None:
        """The connection is back since `at`: the open gap, if there is one, ends."""
        exchange, self._open_gap = self._open_gap, None
        if exchange is not None and exchange.aside.gap is not None:
            exchange.set_aside().gap = exchange.aside.gap._replace(end=at)
            self.journal.touch(exchange)
        return exchange

    def expect(self, request_id: str) -> None:
        """See Claims.expect."""
        self.claims.expect(request_id)

    def expect_data(self, channel: str, data: bytes) -> None:
        """See Claims.expect_data."""
        self.claims.expect_data(channel, data)

    def give_up(self, channel: str, data: bytes, request_id: str | None = None) -> None:
        """See Claims.give_up."""
        self.claims.give_up(request_id, channel, data)

    def find(self, request_id: str) -> Exchange | None:
        """The newest exchange with that request_id, while it is in the journal."""
        return self._by_id.get(request_id)

    # Sorting one message ---------------------------------------------------------------------------------------

    def _plain_request(self, message: Message, envelope: Envelope) -> Exchange | None:
        """The exchange of a request that has nothing odd about it; None where `_sort` must look closer."""
        channel, at = message.channel, message.at
        wait = envelope.timeout
        if channel in self.listened or channel.startswith(wire.CONTROL_PREFIX) or (wait is not None and not wait > 0):
            return None
        flags = _DECLARED
        if wait is None:
            wait, flags = self.timeout, 0
        number = message.exchange = self.journal.next_number
        message.kind = _REQUEST
        deadline = at + wait
        names = self._names
        request_id: str = envelope.request_id  # type: ignore[assignment]  # the caller has looked
        exchange = Exchange(
            number,
            _REQUEST,
            _PENDING,
            message,
            names[envelope.service],
            channel,
            names[envelope.action],
            request_id,
            names[envelope.reply_to],
            envelope.parent_id,
            deadline,
            None,
            None,
            None,
            None,
            flags,
        )
        self._by_id[request_id] = exchange
        self.pending += 1
        self._deadlines.add(exchange, wait)
        return exchange

    def _sort_slowly(self, message: Message, taken: Taken) -> Exchange:
        try:
            envelope = wire.read_slowly(message.data)
        except Unreadable:
            message.kind = Kind.UNREADABLE
            exchange = self._alone(message, State.ERROR)
            taken.opened.append(exchange)
            return exchange
        return self._sort(message, envelope, taken)

    def _sort(self, message: Message, envelope: Envelope, taken: Taken) -> Exchange:
        exchange = self._exchange_of(message, envelope)
        if exchange.opened is message:
            taken.opened.append(exchange)
        elif exchange.answer is message:
            taken.answered.append(exchange)
        if exchange.flags & Flag.CONTROL and message.kind is _RESPONSE:
            taken.control.append(message)
        return exchange

    def _exchange_of(self, message: Message, envelope: Envelope) -> Exchange:
        if envelope.action:
            if message.channel not in self.listened:
                if envelope.reply_to or envelope.request_id is not None:
                    return self._request(message, envelope)
                return self._one_way(message, envelope)
        elif self._is_response(message.channel, envelope):
            return self._response(message, envelope)
        message.kind = Kind.BROADCAST
        exchange = self._alone(message, State.SENT)
        exchange.source = self._names[envelope.service]
        exchange.action = self._names[envelope.action]
        return exchange

    def _is_response(self, channel: str, envelope: Envelope) -> bool:
        if envelope.status is None and envelope.final is None and envelope.payload is UNSET:
            return False
        return envelope.request_id is not None or wire.is_reply_channel(channel) or channel in self._by_id

    def _request(self, message: Message, envelope: Envelope) -> Exchange:
        message.kind = _REQUEST
        reply_to = self._names[envelope.reply_to]
        # A request without an id is told by its reply channel, which is then all that its answer has in common with it.
        key = reply_to or "" if envelope.request_id is None else str(envelope.request_id)
        wait, flags = self.timeout, 0
        if envelope.timeout is not None and envelope.timeout > 0:
            wait, flags = envelope.timeout, _DECLARED
        exchange = self._alone(message, _PENDING)
        exchange.source = self._names[envelope.service]
        exchange.action = self._names[envelope.action]
        exchange.request_id = key
        exchange.reply_to = reply_to
        exchange.parent_id = envelope.parent_id
        exchange.deadline = message.at + wait
        if message.channel.startswith(wire.CONTROL_PREFIX):
            # It has an aside in any case, so that its answers, one of each instance, are not taken for plain ones.
            exchange.set_aside()
            flags |= Flag.CONTROL
            exchange.target = wire.service_of_control(message.channel)
        if envelope.malformed:
            flags |= Flag.MALFORMED
        earlier = self._by_id.get(key)
        if earlier is not None:
            exchange.set_aside().namesake = namesakes.others(earlier, reply_to)
            if earlier.kind is _REQUEST and earlier.reply_to == reply_to and envelope.request_id is not None:
                flags |= Flag.REUSED_ID
        exchange.flags = flags
        self._by_id[key] = exchange
        self.pending += 1
        self._deadlines.add(exchange, wait)
        return exchange

    def _response(self, message: Message, envelope: Envelope) -> Exchange:
        message.kind = _RESPONSE
        if envelope.final is False:
            message.final = False
        if envelope.status == "error":
            message.error = True
        key = message.channel if envelope.request_id is None else str(envelope.request_id)
        exchange = self._by_id.get(key)
        if exchange is None:
            exchange = self._orphan(message, envelope, key)
        else:
            if exchange.aside.namesake is not None:
                exchange = namesakes.answered_on(exchange, message.channel)
            message.exchange = exchange.number
            self._answer(exchange, message)
        if exchange.instance is None and envelope.instance is not None:
            exchange.instance = self._names[envelope.instance]
        if exchange.answer is message:
            exchange.elapsed = envelope.elapsed
            if message.error:
                exchange.set_aside().code = wire.error_code(message.data)
        if envelope.malformed:
            exchange.flags |= Flag.MALFORMED
        return exchange

    def _answer(self, exchange: Exchange, message: Message) -> None:
        if exchange.answer is not None:
            if exchange.kind is _REQUEST and not exchange.flags & Flag.CONTROL:
                exchange.flags |= Flag.DUPLICATE
            exchange.add_extra(message)
            return
        if not message.final:
            exchange.flags |= Flag.STREAM
            if exchange.progress is None:
                exchange.progress = []
            exchange.progress.append(message)
            return
        exchange.answer = message
        if exchange.state is _PENDING and message.at > exchange.deadline:
            # Its time had run out before this frame came, only nobody had asked yet.
            self._settle(exchange, State.TIMEOUT)
        if exchange.state is State.TIMEOUT:
            exchange.flags |= Flag.LATE
            if exchange.flags & _DECLARED:
                return
        self._settle(exchange, State.ERROR if message.error else _OK)

    def _orphan(self, message: Message, envelope: Envelope, key: str) -> Exchange:
        exchange = self._alone(message, State.ORPHAN)
        exchange.source = self._names[envelope.service]
        exchange.request_id = key
        exchange.answer = message
        self._by_id[key] = exchange
        return exchange

    def _one_way(self, message: Message, envelope: Envelope) -> Exchange:
        message.kind = Kind.ONE_WAY
        exchange = self._alone(message, State.SENT)
        exchange.action = self._names[envelope.action]
        exchange.source = self._names[envelope.service]
        exchange.parent_id = envelope.parent_id
        service = wire.service_of_control(message.channel)
        if service is not None:
            exchange.flags |= Flag.CONTROL
            exchange.target = service
        return exchange

    def _alone(self, message: Message, state: State) -> Exchange:
        exchange = Exchange(self.journal.next_number, message.kind, state, message, target=message.channel)
        message.exchange = exchange.number
        return exchange

    def _settle(self, exchange: Exchange, state: State) -> None:
        if exchange.state is _PENDING:
            self.pending -= 1
        exchange.state = state

    def _forget(self, exchange: Exchange) -> None:
        """The journal has dropped an exchange: nothing here may keep it alive."""
        if exchange.state is _PENDING:
            self.pending -= 1
            self.dropped.append(exchange)
        key = exchange.request_id
        if key is None:
            return
        newest = self._by_id.get(key)
        if newest is exchange:
            del self._by_id[key]
        elif newest is not None:
            namesakes.unlink(newest, exchange)
