"""What a stand-in answers: something fixed, or what a capture says was answered. Pure but for reading the capture."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from daebus_console.engine import jsontext
from daebus_console.engine.diff.exchange import Answer, Unread, answer_of, read_payload
from daebus_console.engine.diff.values import distance
from daebus_console.engine.message.exchange import Exchange, Flag, Kind

_MOST_BYTES = 256 * 1024 * 1024
_MOST_COMPARED = 1_000
_MOST_IN_A_ROW = 20


@dataclass(frozen=True)
class Given:
    """One answer: the payloads on the way, the final one, and whether it is an error. `mark` tells how it was found."""

    payload: Any
    error: bool = False
    stream: tuple[Any, ...] = ()
    mark: str = ""


class Answers:
    """Decides what to answer. `actions` are the actions it knows; None where it answers every one."""

    actions: frozenset[str] | None = None

    def answer(self, action: str, payload: dict[str, Any]) -> Given | None:
        """The answer; None where it knows none."""
        raise NotImplementedError


class FixedAnswer(Answers):
    """The same answer each time, to one action or to all of them."""

    def __init__(self, action: str | None, given: Given) -> None:
        self.actions = None if action is None else frozenset({action})
        self._given = given

    def answer(self, action: str, payload: dict[str, Any]) -> Given | None:
        """The answer, where it is for that action."""
        del payload
        return self._given if self.actions is None or action in self.actions else None


@dataclass
class _Asked:
    """What was answered to one payload, in the order of the recording; `turn` is whose turn it is."""

    payload: dict[str, Any]
    answers: list[Given] = field(default_factory=list)
    turn: int = 0

    def next(self) -> Given:
        given = self.answers[self.turn]
        self.turn = min(self.turn + 1, len(self.answers) - 1)
        return given


class RecordedAnswers(Answers):
    """The answers of one service in a capture: to the same payload those it got, in turn, the last one again and again.

    For another payload it is the answer to the nearest one, by how many fields differ, marked `nearest`. `known` are
    the payloads that are known, `left_out` those for which there was no room.
    """

    def __init__(self, service: str, exchanges: Iterable[Exchange]) -> None:
        self.known = self.left_out = 0
        self._by_action: dict[str, dict[bytes, _Asked]] = {}
        self._bytes = 0
        for exchange in exchanges:
            if exchange.flags & Flag.CONTROL:
                # Of itself a stand-in tells nothing, least of all what another told.
                continue
            if exchange.kind is Kind.REQUEST and exchange.target == service and exchange.action is not None:
                self._learn(exchange, exchange.action)
        self.actions = frozenset(self._by_action)

    def answer(self, action: str, payload: dict[str, Any]) -> Given | None:
        """The answer that was recorded, or the nearest."""
        asked = self._by_action.get(action)
        if not asked:
            return None
        same = asked.get(_digest(payload))
        if same is not None:
            return same.next()
        # The latest are the most likely to be alike.
        candidates = list(asked.values())[-_MOST_COMPARED:]
        given = min(candidates, key=lambda one: distance(one.payload, payload)).next()
        return Given(given.payload, given.error, given.stream, "nearest")

    def _learn(self, exchange: Exchange, action: str) -> None:
        answer, payload = answer_of(exchange), read_payload(exchange.asking.data, whole=exchange.asking.whole)
        if not answer.answered or not isinstance(payload, dict) or _unread(answer):
            return
        if self._bytes > _MOST_BYTES:
            self.left_out += 1
            return
        asked = self._by_action.setdefault(action, {})
        digest = _digest(payload)
        known = asked.get(digest)
        if known is None:
            known = asked[digest] = _Asked(payload)
            self.known += 1
        if len(known.answers) < _MOST_IN_A_ROW:
            known.answers.append(Given(answer.payload, answer.status == "error", answer.stream))
            # Decoded values take some times what their text takes.
            self._bytes += 4 * exchange.size


def _unread(answer: Answer) -> bool:
    return any(isinstance(payload, Unread) for payload in (answer.payload, *answer.stream))


def _digest(payload: dict[str, Any]) -> bytes:
    """What is the same for equal payloads, and short."""
    try:
        return hashlib.blake2b(jsontext.canonical(payload).encode(), digest_size=16).digest()
    except RecursionError:
        return b"too deep"
