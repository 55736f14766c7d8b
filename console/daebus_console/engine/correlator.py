"""Which answer belongs to which request. Pure: no I/O, and the only clock is the time that comes with the frames.

Rules of this module:
 1. An answer belongs to the newest request with its request_id that is answered on its channel; failing that, to the
    newest with its request_id.
 2. A request is PENDING until a final answer comes, its time runs out, or a gap makes its fate UNKNOWN. An answer that
    comes later still settles it; it stays a TIMEOUT where the asker itself had named the time, for the asker has gone.
 3. The first final answer is the answer. Whatever follows is kept with the exchange and flagged, and changes nothing.
 4. An answer to nothing we saw opens an exchange of its own, an ORPHAN, which later answers of that id join.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from daebus_console.engine import envelope as wire
from daebus_console.engine.envelope import REFUSALS, UNSET, Envelope, Unreadable, read_fast
from daebus_console.engine.exchange import Exchange, Flag, Kind, Message, State
from daebus_console.engine.frame import Gap
from daebus_console.engine.journal import Journal

DEFAULT_TIMEOUT = 10.0
"""Seconds after which a request without a `timeout` of its own is taken for unanswered."""

_MOST_EXPECTED = 10_000
_MOST_NAMES = 50_000


class Correlator:
    """Turns frames into messages and exchanges, and keeps them in the journal.

    `listened` holds channels known to carry broadcasts, so that an object with an `action` there is taken for one.
    """

    def __init__(self, journal: Journal, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.journal = journal
        self.timeout = timeout
        self.listened: set[str] = set()
        self.pending = 0
        self._by_id: dict[str, Exchange] = {}
        self._due: list[tuple[float, int]] = []
        self._ours: dict[str, None] = {}
        self._our_data: dict[tuple[str, bytes], int] = {}
        self._open_gap: Exchange | None = None
        self._names: dict[str, str] = {}
        journal.on_evict = self._forget

    # What comes in ---------------------------------------------------------------------------------------------

    def feed(self, at: float, channel: str, data: bytes) -> tuple[Message, Exchange]:
        """Take one frame; returns it as a message, and the exchange it opened or joined."""
        journal = self.journal
        message = Message(journal.next_seq, at, channel, data, Kind.UNREADABLE)
        # The reading is spelled out here, not called, for it is done for every message.
        try:
            envelope = read_fast(data)
        except REFUSALS:
            exchange = self._sort_slowly(message)
        else:
            exchange = self._sort(message, envelope)
        if self._our_data and exchange.opened is message:
            self._claim(exchange, channel, data)
        journal.add(message, exchange)
        return message, exchange

    def advance(self, now: float) -> list[Exchange]:
        """Let time pass up to `now`; returns the requests whose time ran out."""
        expired = []
        due = self._due
        while due and due[0][0] <= now:
            _deadline, number = heappop(due)
            exchange = self.journal.exchange(number)
            if exchange is not None and exchange.state is State.PENDING:
                self._settle(exchange, State.TIMEOUT)
                self.journal.touch(exchange)
                expired.append(exchange)
        return expired

    def lose(self, at: float, reason: str) -> Exchange:
        """The connection is gone since `at`: everything pending becomes unknown, and the flow gets a gap."""
        if self._open_gap is not None:
            return self._open_gap
        for _deadline, number in self._due:
            exchange = self.journal.exchange(number)
            if exchange is not None and exchange.state is State.PENDING:
                self._settle(exchange, State.UNKNOWN)
                self.journal.touch(exchange)
        self._due.clear()
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

    # What is our own -------------------------------------------------------------------------------------------

    def expect(self, request_id: str) -> None:
        """The request of that id, soon to be seen, is sent by this console."""
        self._ours[request_id] = None
        if len(self._ours) > _MOST_EXPECTED:
            del self._ours[next(iter(self._ours))]

    def expect_data(self, channel: str, data: bytes) -> None:
        """Exactly these bytes, soon to be seen on that channel, are sent by this console."""
        key = (channel, data)
        self._our_data[key] = self._our_data.get(key, 0) + 1
        if len(self._our_data) > _MOST_EXPECTED:
            del self._our_data[next(iter(self._our_data))]

    def give_up(self, channel: str, data: bytes) -> None:
        """What `expect_data` announced will not be seen after all."""
        key = (channel, data)
        left = self._our_data.pop(key, 0) - 1
        if left > 0:
            self._our_data[key] = left

    def find(self, request_id: str) -> Exchange | None:
        """The newest exchange with that request_id, while it is in the journal."""
        return self._by_id.get(request_id)

    # Sorting one message ---------------------------------------------------------------------------------------

    def _sort_slowly(self, message: Message) -> Exchange:
        try:
            return self._sort(message, wire.read_slowly(message.data))
        except Unreadable:
            return self._alone(message, State.ERROR)

    def _sort(self, message: Message, envelope: Envelope) -> Exchange:
        if envelope.action:
            if message.channel not in self.listened:
                if envelope.reply_to or envelope.request_id is not None:
                    return self._request(message, envelope)
                return self._one_way(message, envelope)
        elif self._is_response(message.channel, envelope):
            return self._response(message, envelope)
        message.kind = Kind.BROADCAST
        exchange = self._alone(message, State.SENT)
        exchange.source = self._name(envelope.service)
        exchange.action = self._name(envelope.action)
        return exchange

    def _is_response(self, channel: str, envelope: Envelope) -> bool:
        if envelope.status is None and envelope.final is None and envelope.payload is UNSET:
            return False
        # Asked in the order of cost: nearly every answer carries an id.
        return envelope.request_id is not None or wire.is_reply_channel(channel) or channel in self._by_id

    def _request(self, message: Message, envelope: Envelope) -> Exchange:
        message.kind = Kind.REQUEST
        names = self._names
        reply_to = envelope.reply_to
        if reply_to is not None:
            reply_to = names.get(reply_to) or self._name(reply_to)
        # A request without an id is told by its reply channel, which is then all that its answer has in common with it.
        key = reply_to or "" if envelope.request_id is None else str(envelope.request_id)
        wait, flags = self.timeout, 0
        if envelope.timeout is not None and envelope.timeout > 0:
            wait, flags = envelope.timeout, Flag.DECLARED
        number = message.exchange = self.journal.next_number
        deadline = message.at + wait
        exchange = Exchange(
            number,
            Kind.REQUEST,
            State.PENDING,
            message,
            self._name(envelope.service),
            message.channel,
            self._name(envelope.action),
            key,
            reply_to,
            envelope.parent_id,
            deadline,
        )
        if message.channel.startswith(wire.CONTROL_PREFIX):
            flags |= Flag.CONTROL
            exchange.target = wire.service_of_control(message.channel)
        if envelope.malformed:
            flags |= Flag.MALFORMED
        if key in self._ours:
            flags |= Flag.OURS
            del self._ours[key]
        earlier = self._by_id.get(key)
        if earlier is not None:
            exchange.set_aside().namesake = earlier
            if earlier.kind is Kind.REQUEST and earlier.reply_to == reply_to and envelope.request_id is not None:
                flags |= Flag.REUSED_ID
        exchange.flags = flags
        self._by_id[key] = exchange
        self.pending += 1
        due = self._due
        heappush(due, (deadline, number))
        if len(due) > _MOST_EXPECTED and len(due) > 4 * self.pending:
            # Most of these were answered long before their time.
            self._due = [entry for entry in due if entry[1] == number or self._is_pending(entry[1])]
            heapify(self._due)
        return exchange

    def _response(self, message: Message, envelope: Envelope) -> Exchange:
        message.kind = Kind.RESPONSE
        if envelope.final is False:
            message.final = False
        if envelope.status == "error":
            message.error = True
        key = message.channel if envelope.request_id is None else str(envelope.request_id)
        exchange = self._by_id.get(key)
        if exchange is None:
            exchange = self._orphan(message, envelope, key)
        else:
            if exchange._aside is not None:
                exchange = self._asked_on(exchange, message.channel)
            message.exchange = exchange.number
            self._answer(exchange, message)
        if exchange.instance is None and envelope.instance is not None:
            exchange.instance = self._name(envelope.instance)
        if exchange.answer is message:
            exchange.elapsed = envelope.elapsed
            if message.error:
                exchange.set_aside().code = error_code(message.data)
        if envelope.malformed:
            exchange.flags |= Flag.MALFORMED
        return exchange

    def _answer(self, exchange: Exchange, message: Message) -> None:
        if exchange.answer is not None:
            if exchange.kind is Kind.REQUEST:
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
        if exchange.state is State.PENDING and message.at <= exchange.deadline:
            self.pending -= 1
            exchange.state = State.ERROR if message.error else State.OK
            return
        if exchange.state is State.PENDING:
            # Its time had run out before this frame came, only nobody had asked yet.
            self._settle(exchange, State.TIMEOUT)
        if exchange.state is State.TIMEOUT:
            exchange.flags |= Flag.LATE
            if exchange.flags & Flag.DECLARED:
                return
        self._settle(exchange, State.ERROR if message.error else State.OK)

    def _asked_on(self, exchange: Exchange, channel: str) -> Exchange:
        """Among the requests that share an id, the newest one that is answered on that channel."""
        candidate: Exchange | None = exchange
        while candidate is not None:
            if candidate.reply_to == channel:
                return candidate
            candidate = candidate.aside.namesake
        return exchange

    def _orphan(self, message: Message, envelope: Envelope, key: str) -> Exchange:
        exchange = self._alone(message, State.ORPHAN)
        exchange.source = self._name(envelope.service)
        exchange.request_id = key
        exchange.answer = message
        self._by_id[key] = exchange
        return exchange

    def _one_way(self, message: Message, envelope: Envelope) -> Exchange:
        message.kind = Kind.ONE_WAY
        exchange = self._alone(message, State.SENT)
        exchange.action = self._name(envelope.action)
        exchange.source = self._name(envelope.service)
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

    def _claim(self, exchange: Exchange, channel: str, data: bytes) -> None:
        if (channel, data) in self._our_data:
            self.give_up(channel, data)
            exchange.flags |= Flag.OURS

    def _is_pending(self, number: int) -> bool:
        exchange = self.journal.exchange(number)
        return exchange is not None and exchange.state is State.PENDING

    def _name(self, text: str | None) -> str | None:
        """One string for all equal names: they repeat in every message, and copies would cost more than the rest."""
        if text is None:
            return None
        known = self._names.get(text)
        if known is not None:
            return known
        if len(self._names) >= _MOST_NAMES:
            self._names.clear()
        self._names[text] = text
        return text

    def _settle(self, exchange: Exchange, state: State) -> None:
        if exchange.state is State.PENDING:
            self.pending -= 1
        exchange.state = state

    def _forget(self, exchange: Exchange) -> None:
        """The journal has dropped an exchange: nothing here may keep it alive."""
        if exchange.state is State.PENDING:
            self.pending -= 1
        key = exchange.request_id
        if key is None:
            return
        newest = self._by_id.get(key)
        if newest is exchange:
            del self._by_id[key]
        elif newest is not None:
            # The oldest goes first, so it is the last link of the chain of namesakes.
            while newest is not None and newest.aside.namesake is not exchange:
                newest = newest.aside.namesake
            if newest is not None:
                newest.set_aside().namesake = None


def error_code(data: bytes) -> str | None:
    """The `code` in the payload of an error answer, if it names one."""
    try:
        payload = wire.payload_of(data)
    except Unreadable:
        return None
    code = payload.get("code") if isinstance(payload, dict) else None
    return code if isinstance(code, str) else None
