"""What one message is, and which exchange it opens or joins: all the cases there are, one at a time. Pure.

The correlator works through batches and knows the plain cases by heart; whatever is not plain comes here. The rules
are those of the correlator.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.envelope import UNSET, Envelope, Unreadable
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, Notice, State, answer_class
from daebus_console.engine.message.names import Names
from daebus_console.engine.pairing import namesakes
from daebus_console.engine.pairing.deadlines import Deadlines
from daebus_console.engine.pairing.journal import Journal

DEFAULT_TIMEOUT = 10.0
"""Seconds after which a request without a `timeout` of its own is taken for unanswered."""
NOTICED_FOR = 2.0
"""Seconds by which a notice that does not say moves the time of whoever asked."""

# Members of an enum are slow to look up, and these are wanted for many a message.
_REQUEST, _RESPONSE = Kind.REQUEST, Kind.RESPONSE
_PENDING, _OK = State.PENDING, State.OK
_DECLARED = Flag.DECLARED

REFUSED = Envelope()
"""Stands for the envelope of what `read_fast` refuses."""
ByAction = defaultdict[tuple[str | None, str | None], list[Exchange]]
"""Exchanges by whom was asked (the target) and for what (the action)."""


class Taken(NamedTuple):
    """What a batch did, each list in order.

    `requests` are the plain requests that it opened and `answers` the exchanges that it brought plain answers to;
    `opened` and `answered` are the same for all others. Whoever counts may count the plain ones by the heap. `control`
    are answers on control channels, of which one request has several; `extra` final answers after the first, each with
    its exchange.
    """

    requests: ByAction
    answers: ByAction
    opened: list[Exchange]
    answered: list[Exchange]
    control: list[Message]
    extra: list[tuple[Exchange, Message]]


class Sorter:
    """Sorts messages into exchanges, and knows those that are in the journal by their request_id.

    `listened` holds channels known to carry broadcasts, so that an object with an `action` there is taken for one.
    """

    def __init__(self, journal: Journal, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.journal = journal
        self.timeout = timeout
        self.listened: set[str] = set()
        self.pending = 0
        """How many requests wait for their answer."""
        self.dropped: list[Exchange] = []
        """Requests that were still pending when the journal had no more room for them; for the taking."""
        self._by_id: dict[str, Exchange] = {}
        self._names = Names()
        self._deadlines = Deadlines()
        journal.on_evict = self._forget

    def _sort(
        self, seq: int, at: float, channel: str, data: bytes, envelope: Envelope, taken: Taken
    ) -> tuple[Message, Exchange]:
        """The message with those bytes, and its exchange; the envelope is REFUSED where it could not be read fast."""
        if envelope is REFUSED:
            try:
                envelope = wire.read_slowly(data)
            except Unreadable:
                message = Message(seq, at, channel, data, Kind.UNREADABLE)
                exchange = self._alone(message, State.ERROR)
                taken.opened.append(exchange)
                return message, exchange
        kind = self._kind(channel, envelope)
        if kind is _RESPONSE:
            final, error = envelope.final is not False, envelope.status == "error"
            held = envelope.held is not UNSET and not final
            message = (Notice if held else answer_class(final, error))(seq, at, channel, data, kind)
            exchange = self._response(message, envelope)
            if exchange.flags & Flag.CONTROL:
                taken.control.append(message)
        else:
            message = Message(seq, at, channel, data, kind)
            exchange = self._opened(message, envelope)
        if envelope.debug is not UNSET and kind is not Kind.BROADCAST:
            exchange.flags |= Flag.DEBUGGED
        if exchange.opened is message:
            taken.opened.append(exchange)
        elif exchange.answer is message:
            taken.answered.append(exchange)
        elif exchange.flags & Flag.DUPLICATE and message.final:
            taken.extra.append((exchange, message))
        return message, exchange

    def _kind(self, channel: str, envelope: Envelope) -> Kind:
        if envelope.action:
            if channel not in self.listened:
                return _REQUEST if envelope.reply_to or envelope.request_id is not None else Kind.ONE_WAY
        elif self._is_response(channel, envelope):
            return _RESPONSE
        return Kind.BROADCAST

    def _is_response(self, channel: str, envelope: Envelope) -> bool:
        if envelope.status is None and envelope.final is None and envelope.payload is UNSET:
            return False
        return envelope.request_id is not None or wire.is_reply_channel(channel) or channel in self._by_id

    def _opened(self, message: Message, envelope: Envelope) -> Exchange:
        if message.kind is _REQUEST:
            return self._request(message, envelope)
        if message.kind is Kind.ONE_WAY:
            return self._one_way(message, envelope)
        exchange = self._alone(message, State.SENT)
        exchange.source = self._names[envelope.service]
        exchange.action = self._names[envelope.action]
        if message.channel.startswith(wire.WATCH_PREFIX):
            # What a service tells of itself is no broadcast of its program.
            exchange.flags |= Flag.CONTROL
        return exchange

    def _request(self, message: Message, envelope: Envelope) -> Exchange:
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
        key = message.channel if envelope.request_id is None else str(envelope.request_id)
        exchange = self._by_id.get(key)
        if exchange is None or exchange.kind is Kind.ONE_WAY:
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
        if exchange.state is _PENDING and message.at > max(exchange.deadline, exchange.aside.until):
            # Its time had run out before this frame came, only nobody had asked yet.
            self._settle(exchange, State.TIMEOUT)
        if exchange.state is State.TIMEOUT:
            exchange.flags |= Flag.LATE
            if exchange.flags & _DECLARED:
                return
        self._settle(exchange, State.ERROR if message.error else _OK)

    def _held(self, exchange: Exchange, notice: Message) -> None:
        """Its asker was told that it is held, and for how long until the next notice: it waits so much longer."""
        aside = exchange.set_aside()
        aside.until = max(aside.until, exchange.deadline + wire.held_in(notice.data, NOTICED_FOR))

    def _orphan(self, message: Message, envelope: Envelope, key: str) -> Exchange:
        exchange = self._alone(message, State.ORPHAN)
        exchange.source = self._names[envelope.service]
        exchange.request_id = key
        exchange.answer = message
        self._by_id[key] = exchange
        return exchange

    def _one_way(self, message: Message, envelope: Envelope) -> Exchange:
        exchange = self._alone(message, State.SENT)
        exchange.action = self._names[envelope.action]
        exchange.source = self._names[envelope.service]
        exchange.parent_id = envelope.parent_id
        if envelope.message_id is not None:
            # Nothing answers it: its id joins it to what services tell of it.
            exchange.request_id = envelope.message_id
            self._by_id.setdefault(envelope.message_id, exchange)
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
        newest = self._by_id.pop(key, None)
        if newest is not None and newest is not exchange:
            self._by_id[key] = newest
            namesakes.unlink(newest, exchange)
