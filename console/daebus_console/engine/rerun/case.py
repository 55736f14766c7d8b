"""What belongs to one handling of a request: the calls it made, with their answers, and what else it sent. Pure.

Calls and one-way messages are told by their `parent_id`. A broadcast bears no sender: where a flight recorder's records
say which it was, or that the handler ended and sent none, those count. Else what was broadcast between the request and
its answer may be of it, but for what others tell to have sent. A filter may have kept broadcasts out of a capture: of
those that were told to be its own and are not there only the channel is known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from daebus_console.engine.diff.exchange import Answer, answer_of, read_payload
from daebus_console.engine.message import envelope as wire
from daebus_console.engine.message.control import is_release
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.message.touched import hand_in
from daebus_console.engine.records.joining import cast_of
from daebus_console.engine.records.store import Cast
from daebus_console.engine.rerun.edited import Edit, Edits

LINGER = 1.0
"""Seconds after the answer in which a broadcast may still be of the handler."""
UNTOLD = 5.0
"""Seconds that a handler is taken to run where there is no answer to tell."""
_ANSWERED = (State.OK, State.ERROR)


class Unfit(ValueError):
    """Nothing can be run again here; the text says why."""


@dataclass(frozen=True)
class Sent:
    """A message that a handler sent: a request, a one-way message or a broadcast, where `action` is None."""

    channel: str
    action: str | None
    payload: Any

    @property
    def key(self) -> tuple[str, str | None]:
        """What it has in common with others of its kind."""
        return self.channel, self.action

    @property
    def name(self) -> str:
        """For people."""
        return self.channel if self.action is None else f"{self.channel} {self.action}"


@dataclass(frozen=True)
class Recorded(Sent):
    """One that was recorded, as #`number`; `at` is when (epoch seconds)."""

    number: int = 0
    at: float = 0.0


@dataclass(frozen=True)
class RecordedCall(Recorded):
    """A request that was recorded. `answer` is as its asker got it: `unanswered` where none came in time."""

    answer: Answer = field(default_factory=lambda: Answer("unanswered"))
    answered_at: float | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Case:
    """An exchange, and what its handler did. `sure` tells that `broadcasts` are its own, and all of them.

    `unseen` are the channels of others of its own, which were told and not recorded. `casts` is whether it is known
    what it broadcast, or may have: not where no broadcast is there at all. `touched` is what a debugger did to it, or
    to what its handler sent. `edit` is what its handler got in the place of what was sent; `untold` tells that
    something of it was edited, and nothing says what.
    """

    exchange: Exchange
    calls: tuple[RecordedCall, ...]
    messages: tuple[Recorded, ...]
    broadcasts: tuple[Recorded, ...]
    sure: bool = False
    touched: str = ""
    unseen: tuple[str, ...] = ()
    casts: bool = True
    edit: Edit | None = None
    untold: bool = False

    @property
    def edited(self) -> bool | None:
        """Whether its handler got something else than was sent; None where nobody knows."""
        return None if self.untold else self.edit is not None


def fit(exchange: Exchange) -> None:
    """Raise Unfit where it is nothing that a handler was asked or told."""
    if exchange.kind is Kind.BROADCAST:
        raise Unfit("it is a broadcast, and only the handlers of requests and one-way messages are run again")
    if exchange.kind not in (Kind.REQUEST, Kind.ONE_WAY):
        what = {Kind.RESPONSE: "an answer to a request that was not seen", Kind.GAP: "a gap"}
        raise Unfit(f"it is {what.get(exchange.kind, 'unreadable')}; a request is wanted")
    if exchange.flags & Flag.CONTROL:
        raise Unfit("it is a question of a console, which no handler of an app answers")


def id_of(exchange: Exchange) -> str | None:
    """The id by which others name it as their parent."""
    if exchange.kind is not Kind.ONE_WAY:
        return exchange.request_id
    try:
        found = wire.decode(exchange.opened.data)
    except wire.Unreadable:
        return None
    number = found.get("message_id") if isinstance(found, dict) else None
    return number if isinstance(number, str) else None


def case_of(exchange: Exchange, exchanges: Iterable[Exchange]) -> Case:
    """What `exchange` is among those that are known, oldest first. Raises Unfit."""
    fit(exchange)
    parent = id_of(exchange)
    end = exchange.answer.at + LINGER if exchange.answer is not None else exchange.opened.at + UNTOLD
    calls: list[RecordedCall] = []
    messages: list[Recorded] = []
    near: list[Exchange] = []
    its = [exchange]
    told, edits = _Told(parent), Edits(parent)
    casts = False
    for one in exchanges:
        if one.opened.channel.startswith(wire.WATCH_PREFIX):
            told.take(one.opened.data)
            continue
        if is_release(one):
            edits.take(one)
            continue
        if one.number == exchange.number or one.flags & Flag.CONTROL:
            continue
        casts = casts or one.kind is Kind.BROADCAST
        if one.kind in (Kind.REQUEST, Kind.ONE_WAY) and one.parent_id is not None:
            if one.parent_id != parent:
                continue
            its.append(one)
            if one.kind is Kind.REQUEST:
                calls.append(_call(one))
            else:
                messages.append(_recorded(one, one.action))
        elif one.kind in (Kind.BROADCAST, Kind.ONE_WAY) and exchange.opened.at <= one.opened.at <= end:
            near.append(one)
    own, unseen = told.own_of(near)
    return Case(
        exchange,
        tuple(calls),
        tuple(messages),
        tuple(_recorded(one, None) for one in own),
        told.sure,
        hand_in(its),
        tuple(unseen),
        casts or told.sure or bool(near),
        edits.request,
        edits.untold(exchange),
    )


def _recorded(one: Exchange, action: str | None) -> Recorded:
    # All of a broadcast is its payload, whatever its fields are called.
    payload = read_payload(one.opened.data, whole=action is None)
    return Recorded(one.opened.channel, action, payload, one.number, one.opened.at)


def _call(one: Exchange) -> RecordedCall:
    answer = answer_of(one)
    if one.state not in _ANSWERED or one.answer is None:
        # What came after its time its asker has not seen.
        answer = Answer("unanswered", stream=answer.stream)
    channel, payload, opened = one.opened.channel, read_payload(one.opened.data), one.opened.at
    answered_at = one.answer.at if one.answer is not None and answer.answered else None
    return RecordedCall(channel, one.action, payload, one.number, opened, answer, answered_at, one.request_id)


class _Told:
    """What records tell of the broadcasts that were sent while `parent` was handled."""

    def __init__(self, parent: str | None) -> None:
        self._parent = parent
        self._own: list[Cast] = []
        self._others: Counter[Cast] = Counter()
        self._ended: set[Any] = set()
        self._incomplete: set[Any] = set()
        self._since: dict[Any, float] = {}
        self._taken: set[tuple[object, int]] = set()

    @property
    def sure(self) -> bool:
        """Whether it is known which are its own: some were told, or its end was, by an instance that told before it
        began as well, and left nothing out."""
        return bool(self._own) or (bool(self._ended) and not self._ended & self._incomplete)

    def take(self, data: bytes) -> None:
        """A batch of records."""
        try:
            batch = wire.decode(data)
        except wire.Unreadable:
            return
        records = batch.get("records") if isinstance(batch, Mapping) else None
        if not isinstance(batch, Mapping) or not isinstance(records, list):
            return
        instance = batch.get("instance") if isinstance(batch.get("instance"), str) else None
        if batch.get("lost") or batch.get("left_out"):
            self._incomplete.add(instance)
        for record in records:
            if not isinstance(record, Mapping):
                continue
            own = self._parent is not None and self._parent == record.get(
                "parent" if record.get("kind") == "published" else "id"
            )
            if record.get("kind") == "published":
                self._published(record, instance, own=own)
            elif record.get("kind") == "handled" and own and self._since.get(instance, inf) <= _begun(record):
                self._ended.add(instance)
            if at := _number(record, "at"):
                self._since.setdefault(instance, at)

    def own_of(self, near: list[Exchange]) -> tuple[list[Exchange], list[str]]:
        """Those of the broadcasts that are its own, each once; where that is not sure, those that may be.

        And the channels of those that were told to be its own, and are not there.
        """
        if self.sure:
            return _those(self._own, near)
        others = {one.number for one in _those(self._others.elements(), near)[0]}
        return [one for one in near if one.number not in others], []

    def _published(self, record: Mapping[str, Any], instance: object, *, own: bool) -> None:
        channel, digest, length = (record.get(name) for name in ("channel", "digest", "length"))
        seq = record.get("seq")
        if isinstance(seq, int):
            if (instance, seq) in self._taken:
                return
            self._taken.add((instance, seq))
        if isinstance(channel, str) and isinstance(digest, str) and isinstance(length, int):
            if own:
                self._own.append((channel, digest, length))
            else:
                self._others[channel, digest, length] += 1


def _begun(record: Mapping[str, Any]) -> float:
    """When the message came that it tells of."""
    return _number(record, "at") - _number(record, "elapsed") - _number(record, "queued")


def _number(record: Mapping[str, Any], name: str) -> float:
    found = record.get(name)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < 1e12 else 0.0


def _those(published: Iterable[Cast], near: Iterable[Exchange]) -> tuple[list[Exchange], list[str]]:
    """The broadcasts that were told of, each once; and the channels of those that are not there."""
    wanted = Counter(published)
    found: list[Exchange] = []
    for one in near:
        key = cast_of(one)
        if wanted[key]:
            wanted[key] -= 1
            found.append(one)
    return found, [channel for channel, _digest, _length in wanted.elements()]
