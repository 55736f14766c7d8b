"""What differs between two exchanges: requests, answers with their status, streams, and how long they took. Pure.

Compared is what a service was asked and what it said; ids, times, and who of several instances answered are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from daebus_console.engine import dialects, payloads
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.diff.values import Change, How, iter_diff
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.exchange import DAEBUS, PLAIN, Exchange, Kind, Message

TRACE = "traceback"


class Unread(msgspec.Struct, frozen=True):
    """Stands for a payload that cannot be read; equal to another of the same bytes."""

    reason: str
    data: bytes

    def __str__(self) -> str:
        return f"({self.reason}, {len(self.data)} bytes)"


class Answer(msgspec.Struct, frozen=True):
    """What came of a request: its status (ok, error, timeout, unknown ...), payloads, and seconds to the final one."""

    status: str
    payload: Any = None
    stream: tuple[Any, ...] = ()
    latency: float | None = None

    @property
    def answered(self) -> bool:
        """Whether there was a final answer."""
        return self.status in ("ok", "error")


@dataclass(frozen=True)
class Difference:
    """All that differs between two exchanges. `latencies` are seconds, before and after; None where there is none."""

    changes: tuple[Change, ...]
    latencies: tuple[float | None, float | None]

    def __bool__(self) -> bool:
        return bool(self.changes)


def not_seen(exchanges: Iterable[Exchange]) -> str | None:
    """That one of them was only told of by a service, so that nobody knows what it said; None where all were seen."""
    told = next((one.number for one in exchanges if one.kind is Kind.TOLD), None)
    return None if told is None else f"#{told} was not seen: a service told of it, and its messages are not known"


def read_payload(data: bytes, *, whole: bool = False) -> Any:
    """The payload of a message, or Unread; `whole` is that of the message."""
    try:
        return payloads.payload_of(data, whole=whole)
    except wire.Unreadable as error:
        return Unread(str(error), data)


def read_answer(data: bytes, dialect: str) -> Any:
    """What an answer carries: the payload of one of ours; of another what is in it beside ids and marks, or None."""
    spoken = None if dialect in (DAEBUS, PLAIN) else dialects.named(dialect)
    if spoken is None:
        return read_payload(data, whole=dialect == PLAIN)
    content = spoken.content(data)
    return None if content is None else read_payload(content, whole=True)


def _payload_of(message: Message) -> Any:
    if message.kind is Kind.RESPONSE and message.dialect not in (DAEBUS, PLAIN):
        return read_answer(message.data, message.dialect)
    return read_payload(message.data, whole=message.whole)


def answer_of(exchange: Exchange) -> Answer:
    """What a request was answered, as far as it was seen."""
    answer = exchange.answer
    stream = tuple(_payload_of(message) for message in exchange.parts)
    if answer is None:
        return Answer(exchange.state.value, None, stream, None)
    # An answer that came too late to be waited for is an answer all the same.
    status = "error" if answer.error else "ok"
    return Answer(status, _payload_of(answer), stream, exchange.latency)


def untraced(answer: Answer) -> Answer:
    """An answer as it is held against one at another time: without the traceback of an error.

    Only a service with `debug` gives one, and its lines move with every edit.
    """
    if answer.status != "error" or not isinstance(answer.payload, dict) or TRACE not in answer.payload:
        return answer
    return msgspec.structs.replace(
        answer, payload={name: answer.payload[name] for name in answer.payload if name != TRACE}
    )


def diff_answers(before: Answer, after: Answer, rules: Rules) -> list[Change]:
    """What differs between two answers of different times; paths begin with `response` or `stream[0]`."""
    if before.status == after.status:
        before, after = untraced(before), untraced(after)
    return list(_answers(before, after, rules))


def diff_exchanges(before: Exchange, after: Exchange, rules: Rules) -> Difference:
    """What differs between two exchanges of any kind; paths begin with `request`, `response` or `stream[0]`."""
    changes: list[Change] = []
    for name in ("kind", "target", "action"):
        one, other = (getattr(exchange, name) for exchange in (before, after))
        path = f"request.{name}"
        if one != other and not rules.ignores(path):
            changes.append(Change(path, How.CHANGED, _plain(one), _plain(other)))
    if before.request is not None and after.request is not None:
        first, second = _payload_of(before.request), _payload_of(after.request)
        changes += iter_diff(first, second, rules, "request.payload")
    if _has_answer(before) or _has_answer(after):
        changes += _answers(answer_of(before), answer_of(after), rules)
    return Difference(tuple(changes), (before.latency, after.latency))


def _has_answer(exchange: Exchange) -> bool:
    return exchange.kind in (Kind.REQUEST, Kind.RESPONSE)


def _answers(before: Answer, after: Answer, rules: Rules) -> Iterator[Change]:
    another = before.status != after.status and not rules.ignores("response.status")
    if another:
        yield Change("response.status", How.CHANGED, before.status, after.status)
    yield from _streams(before.stream, after.stream, rules)
    if another and before.answered and after.answered:
        # A result and an error have no field in common worth telling one by one.
        if not rules.ignores("response.payload"):
            yield Change("response.payload", How.CHANGED, before.payload, after.payload)
    elif before.answered and after.answered:
        yield from iter_diff(before.payload, after.payload, rules, "response.payload")
    elif before.answered and not rules.ignores("response.payload"):
        yield Change("response.payload", How.REMOVED, before.payload, None)
    elif after.answered and not rules.ignores("response.payload"):
        yield Change("response.payload", How.ADDED, None, after.payload)


def _streams(before: Sequence[Any], after: Sequence[Any], rules: Rules) -> Iterator[Change]:
    for index in range(max(len(before), len(after))):
        path = f"stream[{index}].payload"
        if index >= len(after):
            if not rules.ignores(path):
                yield Change(path, How.REMOVED, before[index], None)
        elif index >= len(before):
            if not rules.ignores(path):
                yield Change(path, How.ADDED, None, after[index])
        else:
            yield from iter_diff(before[index], after[index], rules, path)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Kind) else value
