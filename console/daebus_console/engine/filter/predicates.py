"""What each key of the filter language asks of an exchange, or of one message of it. Pure.

Every builder takes a term and raises FilterError where its values make no sense. The closures they return run over
the whole journal: they look names up in a memory, touch the bytes last, and make no objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from daebus_console import naming
from daebus_console.engine import dialects, payloads
from daebus_console.engine.filter import carries as filter_carries
from daebus_console.engine.filter import payload as filter_payload
from daebus_console.engine.filter.lexer import Term, Value
from daebus_console.engine.filter.pattern import DURATIONS, SIZES, Compare, Names, comparison, contains, one_of
from daebus_console.engine.message.exchange import PLAIN, Exchange, Flag, Kind, Message, State

OfExchange = Callable[[Exchange], bool]
OfMessage = Callable[[Message, Exchange], bool]

KINDS = tuple(kind.value for kind in Kind)
STATES = tuple(state.value for state in State)
FLAGS = {
    "ours": Flag.OURS,
    "late": Flag.LATE,
    "duplicate": Flag.DUPLICATE,
    "reused": Flag.REUSED_ID,
    "stream": Flag.STREAM,
    "debugged": Flag.DEBUGGED,
    "marked": Flag.MARKED,
    "pinned": Flag.PINNED,
    "malformed": Flag.MALFORMED,
    "control": Flag.CONTROL,
    "quiet": Flag.QUIET,
    "replay": 0,
}

# Looking a member up in its enum costs more than the rest of a test.
_REQUEST, _RESPONSE, _BROADCAST, _GAP = Kind.REQUEST, Kind.RESPONSE, Kind.BROADCAST, Kind.GAP


class Predicate(NamedTuple):
    """What one term asks. `cost` orders the terms of a filter: the cheap ones are asked first."""

    exchange: OfExchange
    message: OfMessage
    cost: int


def _of_its_exchange(judge: OfExchange, cost: int) -> Predicate:
    """A predicate that a message passes where its exchange does."""
    return Predicate(judge, lambda _message, exchange: judge(exchange), cost)


# Names --------------------------------------------------------------------------------------------------------------


def service(term: Term) -> Predicate:
    """Either end has the name."""
    names = Names(term.values)

    def judge(exchange: Exchange) -> bool:
        if names[exchange.source]:
            return True
        # The target of a broadcast is its channel, that of an orphan the channel of its asker: no service is there.
        return names[exchange.target] and exchange.kind is not _BROADCAST and exchange.kind is not _RESPONSE

    return _of_its_exchange(judge, 2)


def source(term: Term) -> Predicate:
    """Who asked or sent it has the name."""
    names = Names(term.values)
    return _of_its_exchange(lambda exchange: names[exchange.source], 1)


def target(term: Term) -> Predicate:
    """Where it went has the name."""
    names = Names(term.values)
    return _of_its_exchange(lambda exchange: names[exchange.target], 1)


def action(term: Term) -> Predicate:
    """The action has the name."""
    names = Names(term.values)
    return _of_its_exchange(lambda exchange: names[exchange.action], 1)


def code(term: Term) -> Predicate:
    """The error code of its answer has the name."""
    names = Names(term.values)
    return _of_its_exchange(lambda exchange: names[exchange.aside.code], 2)


def channel(term: Term) -> Predicate:
    """A message of it passed on a channel of the name; a message, itself."""
    names = Names(term.values)

    def judge(exchange: Exchange) -> bool:
        if names[exchange.opened.channel]:
            return True
        answer = exchange.answer
        if answer is not None and names[answer.channel]:
            return True
        if exchange.progress is None and exchange._aside is None:
            return False
        return any(names[message.channel] for message in exchange.messages)

    return Predicate(judge, lambda message, _exchange: names[message.channel], 3)


def identity(term: Term) -> Predicate:
    """Its request_id, or its number where the value begins with #."""
    numbers: set[int] = set()
    texts: list[Value] = []
    for value in term.values:
        digits = value.text[1:]
        if value.quoted or not value.text.startswith("#"):
            texts.append(value)
        elif digits.isascii() and digits.isdigit() and len(digits) < 19:
            numbers.add(int(digits))
        else:
            raise value.error("id: # is followed by the number of an exchange, as in id:#12")
    accepts = Names(texts).accepts

    def judge(exchange: Exchange) -> bool:
        return exchange.number in numbers or accepts(exchange.request_id)

    return _of_its_exchange(judge, 3)


# Words of our own ---------------------------------------------------------------------------------------------------


def kind(term: Term) -> Predicate:
    """It is of the kind; a message, itself."""
    kinds = one_of("kind", term.values, KINDS)
    return Predicate(lambda exchange: exchange.kind in kinds, lambda message, _exchange: message.kind in kinds, 0)


def dialect(term: Term) -> Predicate:
    """It was opened in the dialect."""
    names = frozenset(one_of("dialect", term.values, (*dialects.installed()[0], PLAIN)))
    return _of_its_exchange(lambda exchange: exchange.opened.dialect in names, 0)


def status(term: Term) -> Predicate:
    """It stands so."""
    states = one_of("status", term.values, STATES)
    return _of_its_exchange(lambda exchange: exchange.state in states, 0)


def flags(term: Term) -> Predicate:
    """It has one of the flags."""
    flags = 0
    replay = False
    for word in one_of("is", term.values, tuple(FLAGS)):
        flags |= FLAGS[word]
        replay = replay or word == "replay"
    if replay:
        return _of_its_exchange(lambda exchange: exchange.flags & flags != 0 or exchange.aside.origin != 0, 1)
    return _of_its_exchange(lambda exchange: exchange.flags & flags != 0, 0)


# Numbers ------------------------------------------------------------------------------------------------------------


def _compares(term: Term, units: dict[str, float], default: str, examples: str) -> Callable[[float], bool]:
    tests: list[Compare] = []
    for value in term.values:
        test = comparison(value, units, default)
        if test is None:
            raise value.error(f"{term.key}: is compared, as in {examples}")
        tests.append(test)
    if len(tests) == 1:
        return tests[0]
    return lambda number: any(test(number) for test in tests)


def latency(term: Term) -> Predicate:
    """It was answered, and the time to the answer compares so."""
    compare = _compares(term, dict(DURATIONS), "ms", "latency:>100ms or latency:10..50ms")

    def judge(exchange: Exchange) -> bool:
        seconds = exchange.latency
        return seconds is not None and compare(seconds)

    return _of_its_exchange(judge, 1)


def size(term: Term) -> Predicate:
    """The bytes of all its messages compare so; of a message, its own."""
    compare = _compares(term, dict(SIZES), "b", "size:>1kb or size:1..4kb")

    def judge(exchange: Exchange) -> bool:
        if exchange.progress is None and exchange._aside is None and exchange.kind is _REQUEST:
            answer = exchange.answer
            size = len(exchange.opened.data)
            return compare(size if answer is None else size + len(answer.data))
        return exchange.kind is not _GAP and compare(exchange.size)

    def judge_message(message: Message, _exchange: Exchange) -> bool:
        return message.kind is not _GAP and compare(len(message.data))

    return Predicate(judge, judge_message, 2)


_BINARY, _LOW, _BODY, _BEHIND_BODY = b"\x80", b"y", b'{"body"', b'{"body#'
"""Between which bytes all lies that may be packed: see `payloads.is_packed`, which tells it exactly."""

# Content ------------------------------------------------------------------------------------------------------------


def payload(term: Term) -> Predicate:
    """A payload among its messages has such a value at the path; a message, its own."""
    accepts = filter_payload.judge(term.values)
    path = filter_payload.parse_path(term)
    has, has_whole = filter_payload.finder(path, accepts), filter_payload.finder(path, accepts, whole=True)
    return _of_payloads(has, has_whole, filter_payload.packed_finder(path, accepts), 6)


def carries(term: Term) -> Predicate:
    """A payload among its messages has such a value, or key, anywhere in it; a message, its own."""
    has, has_whole = filter_carries.finder(term.values), filter_carries.finder(term.values, whole=True)
    return _of_payloads(has, has_whole, filter_carries.packed_finder(term.values), 7)


def _of_payloads(
    has: Callable[[bytes], bool], has_whole: Callable[[bytes], bool], in_packed: Callable[[bytes], bool], cost: int
) -> Predicate:
    """A predicate on payloads: `has` for messages that have one, `has_whole` for those that are all payload."""

    def one(message: Message) -> bool:
        data = message.data
        if (has_whole if message.whole else has)(data):
            return True
        # Most of what is not packed is told here, for less than a call costs.
        return (data >= _BINARY or data < _LOW or _BODY <= data < _BEHIND_BODY) and in_packed(data)

    def judge(exchange: Exchange) -> bool:
        opened, answer = exchange.opened, exchange.answer
        if one(opened):
            return True
        if exchange.progress is None and exchange._aside is None:
            return answer is not None and answer is not opened and one(answer)
        return any(map(one, exchange.messages))

    return Predicate(judge, lambda message, _exchange: one(message), cost)


def _of_messages(has: Callable[[bytes], bool], in_packed: Callable[[bytes], bool], cost: int) -> Predicate:
    """A predicate on the bytes of a message, or what is packed in them; an exchange passes where one of its messages
    does."""

    def either(data: bytes) -> bool:
        return has(data) or in_packed(data)

    def judge(exchange: Exchange) -> bool:
        data = exchange.opened.data
        # Most of what is not packed is told here, for less than a call costs.
        if has(data) or ((data >= _BINARY or data < _LOW or _BODY <= data < _BEHIND_BODY) and in_packed(data)):
            return True
        answer = exchange.answer
        if exchange.progress is None and exchange._aside is None:
            if answer is None or answer is exchange.opened:
                return False
            data = answer.data
            return has(data) or ((data >= _BINARY or data < _LOW or _BODY <= data < _BEHIND_BODY) and in_packed(data))
        return any(either(message.data) for message in exchange.messages)

    return Predicate(judge, lambda message, _exchange: either(message.data), cost)


def text(term: Term) -> Predicate:
    """A word without a key: in the bytes, where names and ids stand too, or what is packed in them, and in the names of
    channels and the reasons of gaps."""
    tests = [contains(value) for value in term.values]
    numbers = {f"#{value.text[1:]}" for value in term.values if value.text.startswith("#") and not value.quoted}

    def in_bytes(data: bytes) -> bool:
        return any(test(data) for test in tests)

    stands = tests[0] if len(tests) == 1 else in_bytes

    def in_packed(data: bytes) -> bool:
        packed = payloads.text_in(data)
        return packed is not None and stands(packed)

    channels: dict[str, bool] = _Channels(in_bytes)
    in_messages = _of_messages(stands, in_packed, 0).exchange

    def judge(exchange: Exchange) -> bool:
        if channels[exchange.opened.channel] or in_messages(exchange):
            return True
        answer = exchange.answer
        if answer is not None and channels[answer.channel]:
            return True
        if numbers and f"#{exchange.number}" in numbers:
            return True
        aside = exchange._aside
        return aside is not None and aside.gap is not None and in_bytes(aside.gap.reason.encode())

    def judge_message(message: Message, exchange: Exchange) -> bool:
        if channels[message.channel] or stands(message.data) or in_packed(message.data):
            return True
        if numbers and f"#{exchange.number}" in numbers:
            return True
        gap = exchange.aside.gap if message.kind is _GAP else None
        return gap is not None and in_bytes(gap.reason.encode())

    return Predicate(judge, judge_message, 5)


class _Channels(dict[str, bool]):
    """Whether the text is in the name of a channel, remembered for each that was asked about."""

    def __init__(self, has: Callable[[bytes], bool]) -> None:
        super().__init__()
        self._has = has

    def __missing__(self, channel: str) -> bool:
        if len(self) >= 50_000:
            self.clear()
        result = self[channel] = self._has(naming.likened(channel))
        return result
