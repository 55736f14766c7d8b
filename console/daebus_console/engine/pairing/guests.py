"""Messages in dialects that are not ours: which exchange each opens or joins. Pure.

The rules are those of the correlator, but that a question is known by its dialect, its id and where it is answered;
so no answer of one framework is ever taken for that of another, nor for one of ours.
"""

from __future__ import annotations

from collections.abc import Callable

from daebus_console.engine.message.dialect import Dialect, Sighting
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, State, message_class
from daebus_console.engine.message.recogniser import Recogniser
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.pairing.settling import DEFAULT_TIMEOUT, Settling
from daebus_console.engine.pairing.taken import Guests

_REQUEST, _RESPONSE, _BROADCAST = Kind.REQUEST, Kind.RESPONSE, Kind.BROADCAST
_PENDING, _OK, _ERROR, _SENT, _ORPHAN = State.PENDING, State.OK, State.ERROR, State.SENT, State.ORPHAN

Teller = Callable[[Message, Exchange], None]
"""Told a message and its exchange."""
Key = tuple[str, str | None, str | None]
"""A question: its dialect, where it is answered, and its id there."""


class GuestSorter(Settling):
    """Sorts what `recogniser` knows, and remembers the questions among it that are in the journal.

    `subscribers` tells how many subscribe to a channel, by its name, where that is known.
    """

    def __init__(self, journal: Journal, timeout: float = DEFAULT_TIMEOUT) -> None:
        super().__init__(journal, timeout)
        self.recogniser = Recogniser(())
        self.subscribers: Callable[[str], int | None] = lambda _channel: None
        self._asked: dict[Key, Exchange] = {}
        self._beside: list[tuple[Message, Exchange, bool]] = []
        """Of a frame that tells several things at once, all but the first: whether the exchange is new, too."""

    def _guest(
        self, seq: int, at: float, channel: str, data: bytes, dialect: Dialect, said: Sighting, taken: Guests
    ) -> tuple[Message, Exchange]:
        """The message with those bytes, which says that, and its exchange."""
        if said.within:
            return self._several(seq, at, channel, data, dialect, said, taken)
        kind, key = said.kind, (dialect.name, said.reply_to, said.id)
        if kind is _RESPONSE:
            known = self._asked.get(key)
            if known is None and not said.sure:
                kind = _BROADCAST
            else:
                return self._answered(seq, at, channel, data, dialect, said, known, taken)
        elif kind is _REQUEST and not said.final:
            known = self._asked.get(key)
            if known is not None and known.kind is _REQUEST:
                return self._continued(seq, at, channel, data, dialect, known)
        if kind is _REQUEST and dialect.others_answer and self.subscribers(channel) == 1:
            # Nobody else is there to answer.
            kind = Kind.ONE_WAY
        message = self.recogniser.classes[dialect.name](seq, at, channel, data, kind)
        exchange = self._opened_by(message, said)
        if kind is _REQUEST:
            self._ask(exchange, dialect, said, key)
            taken.requests[exchange.target, exchange.action].append(exchange)
        else:
            taken.opened.append(exchange)
            if dialect.name in self.recogniser.announcing:
                taken.announcing.append(message)
        return message, exchange

    def _opened_by(self, message: Message, said: Sighting) -> Exchange:
        names = self._names
        exchange = Exchange(
            self.journal.next_number, message.kind, _SENT, message, names[said.source],
            message.channel if said.target is None else names[said.target], names[said.action], said.id,
            names[said.reply_to], 0.0, Flag.QUIET if said.quiet else 0,
        )  # fmt: skip
        message.exchange = exchange.number
        if said.parent_id is not None:
            exchange.parent_id = said.parent_id
        if said.instance is not None:
            exchange.instance = names[said.instance]
        return exchange

    def _ask(self, exchange: Exchange, dialect: Dialect, said: Sighting, key: Key) -> None:
        exchange.state = _PENDING
        exchange.flags |= self._wait(exchange, said.timeout)
        if dialect.each_answers or dialect.others_answer:
            there = self.subscribers(exchange.opened.channel) or 0
            expected = there - 1 if dialect.others_answer else there
            if expected > 1:
                exchange.set_aside().expected = expected
            if dialect.others_answer:
                exchange.set_aside().due = max(1, expected)
        self._asked[key] = exchange

    def _continued(
        self, seq: int, at: float, channel: str, data: bytes, dialect: Dialect, known: Exchange
    ) -> tuple[Message, Exchange]:
        """A further part of a question: a stream that is sent up."""
        message = message_class(dialect.name, False)(seq, at, channel, data, _REQUEST, known.number)
        known.flags |= Flag.STREAM
        if known.answer is not None:
            known.add_extra(message)
        else:
            if known.progress is None:
                known.progress = []
            known.progress.append(message)
        return message, known

    def _answered(
        self, seq: int, at: float, channel: str, data: bytes, dialect: Dialect, said: Sighting,
        known: Exchange | None, taken: Guests,
    ) -> tuple[Message, Exchange]:  # fmt: skip
        final = said.final
        if known is not None and dialect.others_answer and known.answer is None:
            aside = known.set_aside()
            aside.due += said.due - 1
            final = aside.due <= 0
        message = message_class(dialect.name, final, said.error)(seq, at, channel, data, _RESPONSE)
        if known is None:
            return message, self._stray(message, dialect, said, taken)
        message.exchange = known.number
        waiting = known.state is _PENDING
        self._answer(known, message, again=0 if said.shared or dialect.unasked else Flag.DUPLICATE)
        if said.instance is not None and known.instance is None:
            known.instance = self._names[said.instance]
        if known.answer is message:
            known.elapsed = said.elapsed
            if said.error and said.code is not None:
                known.set_aside().code = self._names[said.code]
            if waiting and known.state is _OK and not known.flags & Flag.LATE and known.kind is _REQUEST:
                taken.answers[known.target, known.action].append(known)
            else:
                taken.answered.append(known)
        return message, known

    def _stray(self, message: Message, dialect: Dialect, said: Sighting, taken: Guests) -> Exchange:
        """An answer to nothing we saw: further answers join it."""
        exchange = self._opened_by(message, said)
        exchange.state = (_ERROR if said.error else _OK) if dialect.unasked else _ORPHAN
        exchange.answer = message
        if said.error and said.code is not None:
            exchange.set_aside().code = self._names[said.code]
        self._asked[dialect.name, said.reply_to, said.id] = exchange
        taken.opened.append(exchange)
        return exchange

    def _several(
        self, seq: int, at: float, channel: str, data: bytes, dialect: Dialect, said: Sighting, taken: Guests
    ) -> tuple[Message, Exchange]:
        """A frame that is a list of things: each question in it opens an exchange, with a message of its own."""
        first: tuple[Message, Exchange] | None = None
        for one in said.within or ():
            known = self._asked.get((dialect.name, one.reply_to, one.id))
            if one.kind is not _REQUEST:
                if known is not None:
                    self._told_later(seq, at, channel, data, dialect, one, known, taken)
            elif known is not None:
                self._asked_later(seq, at, channel, data, dialect, one, known, taken)
            else:
                pair = self._guest(seq, at, channel, data, dialect, one, taken)
                self.journal.next_number += 1
                if first is None:
                    first = pair
                else:
                    self._beside.append((*pair, True))
        if first is None:
            message = message_class(dialect.name)(seq, at, channel, data, _BROADCAST)
            exchange = self._opened_by(message, said)
            taken.opened.append(exchange)
            return message, exchange
        return first

    def _told_later(
        self, seq: int, at: float, channel: str, data: bytes, dialect: Dialect, said: Sighting, known: Exchange,
        taken: Guests,
    ) -> None:  # fmt: skip
        """An event says how a question ended: that is its answer, unless the answer itself was seen."""
        if known.answer is None and known.kind is _REQUEST:
            pair = self._answered(seq, at, channel, data, dialect, said, known, taken)
            self._beside.append((*pair, False))
        elif known.elapsed is None and said.elapsed is not None:
            known.elapsed = said.elapsed
            self.journal.touch(known)

    def _asked_later(
        self, seq: int, at: float, channel: str, data: bytes, dialect: Dialect, said: Sighting, known: Exchange,
        taken: Guests,
    ) -> None:  # fmt: skip
        """A question whose answer was seen before it, since events are held back for a while."""
        if known.kind is not _RESPONSE:
            return
        message = message_class(dialect.name)(seq, at, channel, data, _REQUEST, known.number)
        names = self._names
        known.kind, known.action, known.target = _REQUEST, names[said.action], names[said.target]
        known.parent_id, known.flags = said.parent_id, known.flags | Flag.TIMELESS
        known.instance = known.instance or names[said.instance]
        known.set_aside().question = message
        # It is counted as opened and as answered once more: as an answer alone it was no request.
        taken.opened.append(known)
        taken.answered.append(known)
        self._beside.append((message, known, False))

    def _keep_several(self, message: Message, exchange: Exchange, tell: Teller | None) -> int:
        """Keep a frame that told several things at once; returns the number of the next exchange."""
        keep, journal = self.journal.exchanges.append, self.journal
        journal.messages.append(message)
        if exchange.opened is message:
            keep(exchange)
        if tell is not None:
            tell(message, exchange)
        for one, known, new in self._beside:
            if new:
                keep(known)
            else:
                journal.touch(known)
            if tell is not None:
                tell(one, known)
        self._beside.clear()
        return journal.exchanges.last + 1

    def tells(self, dialect: str) -> bool:
        """Whether silence of that dialect is a failure: that nothing was answered, or only that nothing is known."""
        known = self.recogniser.by_name.get(dialect)
        return known is None or known.silence is None

    def _forget_guest(self, exchange: Exchange) -> None:
        """The journal has dropped an exchange that is not in our dialect."""
        key = (exchange.dialect, exchange.reply_to, exchange.request_id)
        if self._asked.get(key) is exchange:
            del self._asked[key]
