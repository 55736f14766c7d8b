"""What one message is, and which exchange it opens or joins: all the cases there are, one at a time. Pure.

The correlator works through batches and knows the plain cases by heart; whatever is not plain comes here. The rules
are those of the correlator.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from daebus_console.engine.dialects import daebus
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.envelope import Envelope, Unreadable
from daebus_console.engine.message.exchange import (
    DAEBUS,
    PLAIN,
    Exchange,
    Flag,
    Kind,
    Message,
    Notice,
    State,
    message_class,
)
from daebus_console.engine.pairing import namesakes
from daebus_console.engine.pairing.guests import GuestSorter
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.pairing.settling import DEFAULT_TIMEOUT
from daebus_console.engine.pairing.taken import Taken

# Members of an enum are slow to look up, and these are wanted for many a message.
_REQUEST, _RESPONSE, _BROADCAST, _ONE_WAY = Kind.REQUEST, Kind.RESPONSE, Kind.BROADCAST, Kind.ONE_WAY
_PENDING, _SENT = State.PENDING, State.SENT

REFUSED = Envelope()
"""Stands for the envelope of what `read_fast` refuses."""
_PLAIN = message_class(PLAIN)
_HEARD = message_class(DAEBUS, whole=True)
"""A broadcast that a service of ours listens to, or makes."""


class Sorter(GuestSorter):
    """Sorts messages into exchanges, and knows those that are in the journal by their request_id.

    `listened` holds channels known to carry broadcasts, so that an object with an `action` there is taken for one;
    `served` those of services on this framework.
    """

    def __init__(self, journal: Journal, timeout: float = DEFAULT_TIMEOUT) -> None:
        super().__init__(journal, timeout)
        self.listened: set[str] = set()
        self.served: Container[str] = ()
        self._by_id: dict[str, Exchange] = {}
        journal.on_evict = self._forget

    @property
    def remembered(self) -> int:
        """How many ids are known, of requests, answers to nothing and one-way messages."""
        return len(self._by_id)

    def _sort(
        self, seq: int, at: float, channel: str, data: bytes, envelope: Envelope, taken: Taken
    ) -> tuple[Message, Exchange]:
        """The message with those bytes, and its exchange; the envelope is REFUSED where it could not be read fast."""
        kind: Kind | None = _BROADCAST
        if envelope is REFUSED:
            # What does not begin like an object is none.
            found = _slowly(data) if data.startswith(b"{") or data[:1].isspace() else None
            if found is None:
                kind = None
            else:
                envelope = found
        if kind is not None:
            kind = daebus.kind_of(channel, data, envelope, self.listened, self.served, self._awaits)
        if kind is not _REQUEST and kind is not _RESPONSE:
            recogniser = self.recogniser
            if recogniser.owners[channel] or data.startswith(recogniser.openings):
                sighted = recogniser.sight(channel, data)
                if sighted is not None:
                    return self._guest(seq, at, channel, data, *sighted, taken.guests)
            if kind is _BROADCAST:
                return self._broadcast(seq, at, channel, data, envelope, taken)
            if kind is _ONE_WAY:
                return self._one_way(seq, at, channel, data, envelope, taken)
            return self._no_object(seq, at, channel, data, taken)
        if kind is _REQUEST:
            earlier = self._by_id.get(_key_of(envelope))
            if earlier is not None and namesakes.is_copy(channel, data, earlier, self.served):
                return self._broadcast(seq, at, channel, data, envelope, taken)
        return self._ours(seq, at, channel, data, kind, envelope, taken)

    def _broadcast(
        self, seq: int, at: float, channel: str, data: bytes, envelope: Envelope, taken: Taken
    ) -> tuple[Message, Exchange]:
        names, number = self._names, self.journal.next_number
        made, flags = (_HEARD if channel in self.listened else _PLAIN), 0
        if channel.startswith(wire.WATCH_PREFIX):
            # What a service tells of itself is no broadcast of its program.
            made, flags = _HEARD, Flag.CONTROL
        message = made(seq, at, channel, data, _BROADCAST, number)
        exchange = Exchange(
            number, _BROADCAST, _SENT, message, names[envelope.service], channel, names[envelope.action], flags=flags
        )
        taken.opened.append(exchange)
        return message, exchange

    def _one_way(
        self, seq: int, at: float, channel: str, data: bytes, envelope: Envelope, taken: Taken
    ) -> tuple[Message, Exchange]:
        names, number = self._names, self.journal.next_number
        message = Message(seq, at, channel, data, _ONE_WAY, number)
        exchange = Exchange(number, _ONE_WAY, _SENT, message, names[envelope.service], channel, names[envelope.action])
        if envelope.parent_id is not None:
            exchange.parent_id = envelope.parent_id
        own_id = wire.rest_of(data).message_id
        if own_id is not None:
            # Nothing answers it: its id joins it to what services tell of it.
            exchange.request_id = own_id
            self._by_id.setdefault(own_id, exchange)
        if envelope.debug is not None:
            exchange.flags |= Flag.DEBUGGED
        if channel.startswith(wire.CONTROL_PREFIX):
            exchange.flags |= Flag.CONTROL
            exchange.target = wire.service_of_control(channel)
        taken.opened.append(exchange)
        return message, exchange

    def _ours(
        self, seq: int, at: float, channel: str, data: bytes, kind: Kind, envelope: Envelope, taken: Taken
    ) -> tuple[Message, Exchange]:
        """A request, or an answer."""
        if kind is _RESPONSE:
            final, error = envelope.final is not False, envelope.status == "error"
            held = not final and wire.is_notice(data)
            message = (Notice if held else message_class(DAEBUS, final, error))(seq, at, channel, data, kind)
            exchange = self._response(message, envelope)
            if exchange.flags & Flag.CONTROL:
                taken.control.append(message)
        else:
            message = Message(seq, at, channel, data, kind)
            exchange = self._request(message, envelope)
        if envelope.debug is not None:
            exchange.flags |= Flag.DEBUGGED
        if exchange.opened is message:
            taken.opened.append(exchange)
            return message, exchange
        if exchange.answer is message:
            taken.answered.append(exchange)
        elif exchange.flags & Flag.DUPLICATE and message.final:
            taken.extra.append((exchange, message))
        if exchange.aside.passes_on:
            self._answer_originals(exchange, message, taken)
        return message, exchange

    def _answer_originals(self, exchange: Exchange, message: Message, taken: Taken) -> None:
        """What was passed on is answered with it."""
        for one in exchange.originals:
            if self.journal.exchange(one.number) is not one:
                continue
            self._answer(one, message, again=Flag.DUPLICATE if _has_reached(one, message) else 0)
            if one.answer is message:
                if message.error:
                    one.set_aside().code = exchange.aside.code
                taken.answered.append(one)
            self._beside.append((message, one, False))

    def _no_object(self, seq: int, at: float, channel: str, data: bytes, taken: Taken) -> tuple[Message, Exchange]:
        """What is no JSON object, and in no dialect: a message like any other, unless it was to be one of ours."""
        if daebus.is_broken(channel, data, self.served):
            message, state = Message(seq, at, channel, data, Kind.UNREADABLE), State.ERROR
        else:
            message, state = _PLAIN(seq, at, channel, data, Kind.BROADCAST), _SENT
        exchange = self._alone(message, state)
        taken.opened.append(exchange)
        return message, exchange

    def _request(self, message: Message, envelope: Envelope) -> Exchange:
        reply_to, key = self._names[envelope.reply_to], _key_of(envelope)
        earlier = self._by_id.get(key)
        exchange = self._alone(message, _PENDING)
        exchange.source = self._names[envelope.service]
        exchange.action = self._names[envelope.action]
        exchange.request_id = key
        exchange.reply_to = reply_to
        exchange.parent_id = envelope.parent_id
        flags = self._wait(exchange, envelope.timeout)
        if message.channel.startswith(wire.CONTROL_PREFIX):
            # It has an aside in any case, so that its answers, one of each instance, are not taken for plain ones.
            exchange.set_aside()
            flags |= Flag.CONTROL
            exchange.target = wire.service_of_control(message.channel)
        if envelope.malformed:
            flags |= Flag.MALFORMED
        if earlier is not None:
            exchange.set_aside().namesake = namesakes.others(earlier, reply_to)
            if earlier.kind is _REQUEST and earlier.reply_to == reply_to and envelope.request_id is not None:
                if namesakes.is_passed_on(message, exchange.action, earlier):
                    exchange.set_aside().passes_on = earlier
                else:
                    flags |= Flag.REUSED_ID
        exchange.flags = flags
        self._by_id[key] = exchange
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
            self._answer(exchange, message, again=Flag.DUPLICATE if _has_reached(exchange, message) else 0)
        if exchange.instance is None and envelope.instance is not None:
            exchange.instance = self._names[envelope.instance]
        if exchange.answer is message:
            exchange.elapsed = envelope.elapsed
            if message.error:
                exchange.set_aside().code = wire.error_code(message.data)
        if envelope.malformed:
            exchange.flags |= Flag.MALFORMED
        return exchange

    def _awaits(self, key: str, channel: str) -> bool:
        """Whether answers under that key are to come on that channel, or came there already."""
        known = self._by_id.get(key)
        if known is None or known.kind is Kind.ONE_WAY:
            return False
        if known.kind is _RESPONSE:
            return known.opened.channel == channel
        return namesakes.answered_on(known, channel).reply_to == channel

    def _orphan(self, message: Message, envelope: Envelope, key: str) -> Exchange:
        exchange = self._alone(message, State.ORPHAN)
        exchange.source = self._names[envelope.service]
        exchange.request_id = key
        exchange.answer = message
        self._by_id[key] = exchange
        return exchange

    def _forget(self, exchanges: Iterable[Exchange]) -> None:
        """The journal has dropped exchanges: nothing here may keep them alive."""
        by_id = self._by_id
        for exchange in exchanges:
            if exchange.state is _PENDING:
                self.pending -= 1
                self.dropped.append(exchange)
            if exchange.aside.passes_on is not None:
                exchange.set_aside().passes_on = None
            key = exchange.request_id
            if key is None:
                continue
            if exchange.opened.dialect != DAEBUS:
                self._forget_guest(exchange)
                continue
            newest = by_id.pop(key, None)
            if newest is not exchange and newest is not None:
                by_id[key] = newest
                namesakes.unlink(newest, exchange)


def _key_of(request: Envelope) -> str:
    """What a request is known by: without an id its reply channel, which is all that its answer has in common then."""
    return request.reply_to or "" if request.request_id is None else str(request.request_id)


def _has_reached(exchange: Exchange, message: Message) -> bool:
    """Whether it reaches who asked, and an answer has before: what is published elsewhere does not."""
    reply_to = exchange.reply_to
    if reply_to is None:
        return True
    if message.channel != reply_to or exchange.answer is None:
        return False
    if exchange.flags & Flag.DUPLICATE or exchange.answer.channel == reply_to:
        return True
    return any(one.final and one.channel == reply_to for one in exchange.aside.extra or ())


def _slowly(data: bytes) -> Envelope | None:
    try:
        return wire.read_slowly(data)
    except Unreadable:
        return None
