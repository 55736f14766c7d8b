"""Messages in dialects that are not ours: which exchange each opens or joins. Pure.

The rules are those of the correlator, but that a question is known by its dialect, its id and where it is answered;
so no answer of one framework is ever taken for that of another, nor for one of ours.
"""

from __future__ import annotations

from collections.abc import Callable

from daebus_console.engine.message.dialect import Dialect, Sighting
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, Message, State, message_class
from daebus_console.engine.message.recogniser import BACKSLASH, LOW_LINE, Ear, Recogniser, may_be_ours
from daebus_console.engine.pairing.claims import Claims
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.pairing.settling import DEFAULT_TIMEOUT, Settling
from daebus_console.engine.pairing.taken import Guests

_REQUEST, _RESPONSE, _BROADCAST = Kind.REQUEST, Kind.RESPONSE, Kind.BROADCAST
_QUIET, _DECLARED = Flag.QUIET, Flag.DECLARED
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
        self.claims = Claims()
        self.recogniser = Recogniser(())
        self.subscribers: Callable[[str], int | None] = lambda _channel: None
        self._there = _There(self)
        self._claimed: Claims | None = None
        """The claims, where there are any in this batch."""
        self._asked: dict[Key, Exchange] = {}
        self._beside: list[tuple[Message, Exchange, bool]] = []
        """Of a frame that tells several things at once, all but the first: whether the exchange is new, too."""

    def _host(
        self, seq: int, at: float, channel: str, data: bytes, ear: Ear, number: int, taken: Guests, tell: Teller | None
    ) -> int:
        """Keep the message with those bytes, if that ear reads it, and its exchange, of that number if it is new.

        Returns the number of the next exchange, 0 where the frame has to go the long way. The plain question, its plain
        answers and what stands alone are dealt with here, not otherwise than `_guest` would: calls cost more than the
        rest.
        """
        dialect, spoken, read, openings, elsewhere, made, partly, several = ear
        if (openings is not None and not data.startswith(openings)) or data.startswith(elsewhere):
            return 0
        if (LOW_LINE in data or BACKSLASH in data) and may_be_ours(data):
            return 0
        try:
            said = read(data)
        except Exception as error:  # noqa: BLE001 - see Recogniser.sight
            self.recogniser.failed(dialect, error)
            return 0
        if said is None:
            return 0 if spoken else self._unmet(seq, at, channel, data, number, taken, tell)
        kind, journal, names = said.kind, self.journal, self._names
        if kind is _RESPONSE:
            exchange = self._asked.get((spoken, said.reply_to, said.id))
            if (
                exchange is None
                or exchange.state is not _PENDING
                or exchange._aside is not None
                or said.error
                or at > exchange.deadline
            ):
                return self._host_odd(seq, at, channel, data, dialect, said, number, taken, tell)
            if said.final:
                exchange.state = _OK
                message = exchange.answer = made(seq, at, channel, data, kind, exchange.number)
                self.pending -= 1
                if said.elapsed is not None:
                    exchange.elapsed = said.elapsed
                taken.answers[exchange.target, exchange.action].append(exchange)
            else:
                message = partly(seq, at, channel, data, kind, exchange.number)
                self._answer(exchange, message)
            if said.instance is not None and exchange.instance is None:
                exchange.instance = names[said.instance]
            journal.messages.append(message)
            if tell is not None:
                tell(message, exchange)
            return number
        if (
            not said.final
            or said.within is not None
            or (several and kind is _REQUEST and (dialect.others_answer or self._there[channel] != 1))
        ):
            return self._host_odd(seq, at, channel, data, dialect, said, number, taken, tell)
        target, action, source, reply_to = said.target, names[said.action], said.source, said.reply_to
        state, until, flags = _SENT, 0.0, _QUIET if said.quiet else 0
        if kind is _REQUEST:
            wait, state = said.timeout, _PENDING
            if wait is not None and wait > 0:
                flags |= _DECLARED
            else:
                wait = self.timeout
            until = at + wait
        message = made(seq, at, channel, data, kind, number)
        exchange = Exchange(
            number, kind, state, message, None if source is None else names[source],
            channel if target is None else names[target], action, said.id,
            None if reply_to is None else names[reply_to], until, flags, said.parent_id,
        )  # fmt: skip
        if said.instance is not None:
            exchange.instance = names[said.instance]
        if kind is _REQUEST:
            self.pending += 1
            self._asked[spoken, reply_to, said.id] = exchange
            taken.requests[exchange.target, action].append(exchange)
        else:
            taken.opened.append(exchange)
            if kind is _BROADCAST and spoken in self.recogniser.announcing:
                taken.announcing.append(message)
        journal.messages.append(message)
        journal.exchanges.append(exchange)
        if self._claimed is not None and self._claimed.take(exchange.request_id, channel, data):
            exchange.flags |= Flag.OURS
        if tell is not None:
            tell(message, exchange)
        return number + 1

    def _host_odd(
        self, seq: int, at: float, channel: str, data: bytes, dialect: Dialect, said: Sighting, number: int,
        taken: Guests, tell: Teller | None,
    ) -> int:  # fmt: skip
        """The same for what is not plain."""
        self.journal.next_number = number
        message, exchange = self._guest(seq, at, channel, data, dialect, said, taken)
        return self._keep_several(message, exchange, tell)

    def _unmet(
        self, seq: int, at: float, channel: str, data: bytes, number: int, taken: Guests, tell: Teller | None
    ) -> int:
        """The same for the first frame on a channel."""
        seen = self.recogniser.first(channel, data)
        return 0 if seen is None else self._host_odd(seq, at, channel, data, *seen, number, taken, tell)

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
        message.exchange = number = self.journal.next_number
        exchange = self._opened_by(message, said, number)
        if kind is _REQUEST:
            self._ask(exchange, dialect, said)
            taken.requests[exchange.target, exchange.action].append(exchange)
            return message, exchange
        taken.opened.append(exchange)
        if kind is Kind.ONE_WAY and said.kind is _REQUEST:
            self._asked[key] = exchange
        elif kind is _BROADCAST and dialect.name in self.recogniser.announcing:
            taken.announcing.append(message)
        return message, exchange

    def _opened_by(self, message: Message, said: Sighting, number: int) -> Exchange:
        """The exchange of that number, which the message opens."""
        names = self._names
        exchange = Exchange(
            number, message.kind, _SENT, message, names[said.source],
            message.channel if said.target is None else names[said.target], names[said.action], said.id,
            names[said.reply_to], 0.0, _QUIET if said.quiet else 0,
        )  # fmt: skip
        if said.parent_id is not None:
            exchange.parent_id = said.parent_id
        if said.instance is not None:
            exchange.instance = names[said.instance]
        return exchange

    def _ask(self, exchange: Exchange, dialect: Dialect, said: Sighting) -> None:
        """It waits for its answer; when its time runs out is looked after once the batch is through."""
        wait = self.timeout
        if said.timeout is not None and said.timeout > 0:
            wait = said.timeout
            exchange.flags |= _DECLARED
        exchange.state, exchange.deadline = _PENDING, exchange.opened.at + wait
        self.pending += 1
        if dialect.each_answers or dialect.others_answer:
            there = self._there[exchange.opened.channel]
            expected = there - 1 if dialect.others_answer else there
            if expected > 1:
                exchange.set_aside().expected = expected
            if dialect.others_answer:
                exchange.set_aside().due = max(1, expected)
        self._asked[dialect.name, said.reply_to, said.id] = exchange

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
        if known is not None and known.kind is Kind.ONE_WAY:
            # Somebody else was there after all, who had come since the subscribers were counted.
            known.kind = _REQUEST
            self._ask(known, dialect, said)
            self._deadlines.add(known, known.deadline - known.opened.at)
            taken.opened.append(known)
        if known is not None and dialect.others_answer and known.answer is None:
            aside = known.set_aside()
            aside.due += said.due - 1
            final = aside.due <= 0
        message = message_class(dialect.name, final, said.error)(seq, at, channel, data, _RESPONSE)
        if known is None:
            return message, self._stray(message, dialect, said, taken)
        message.exchange = known.number
        waiting = known.state is _PENDING
        # Where others answer, one too many only tells that there were more of them than when they were counted.
        again = 0 if said.shared or dialect.unasked or dialect.others_answer else Flag.DUPLICATE
        self._answer(known, message, again=again)
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
        message.exchange = number = self.journal.next_number
        exchange = self._opened_by(message, said, number)
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
            message.exchange = number = self.journal.next_number
            exchange = self._opened_by(message, said, number)
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
        """Keep a frame that told something, or several things; returns the number of the next exchange."""
        keep, journal = self.journal.exchanges.append, self.journal
        journal.messages.append(message)
        if exchange.opened is message:
            keep(exchange)
            if self.claims and self.claims.take(exchange.request_id, message.channel, message.data):
                exchange.flags |= Flag.OURS
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


class _There(dict[str, int]):
    """How many subscribe to a channel, asked once a batch; 1 where that is not known."""

    __slots__ = ("_sorter",)

    def __init__(self, sorter: GuestSorter) -> None:
        self._sorter = sorter

    def __missing__(self, channel: str) -> int:
        found = self[channel] = self._sorter.subscribers(channel) or 1
        return found
