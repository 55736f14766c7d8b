"""What a replay of many came to: same, changed or failed, by action; first differences; latencies then and now. Pure.

Its size does not grow with the number of outcomes: figures are histograms, of the differences only the first are kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from daebus_console.engine.diff.exchange import Answer, Unread, answer_of, diff_answers
from daebus_console.engine.diff.rules import Rules
from daebus_console.engine.diff.values import Change, How
from daebus_console.engine.figures.histogram import Histogram
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.message.touched import bent, hand_in
from daebus_console.engine.replay.redact import masked, of_answers
from daebus_console.engine.replay.replay import Outcome
from daebus_console.naming import fields

_MOST_PLACES = 200
_FRACTIONS = (0.5, 0.95)
LATE = "not answered in time, as then"


class Result(StrEnum):
    """How an outcome compares with its origin."""

    SAME = "same"
    CHANGED = "changed"
    FAILED = "failed"
    """No answer came, or it could not be sent."""
    UNCOMPARED = "uncompared"
    """An answer came, but none was recorded to compare it with, or one that is a debugger's doing; or none was due."""


@dataclass(frozen=True)
class Verdict:
    """The comparison of one outcome. `changes` are masked; `then` is what was answered when it was recorded.

    `late` tells that there was no answer in time, neither then nor now; answers that came later are compared.
    `debugged` is what a debugger did when it was recorded.
    """

    result: Result
    then: Answer
    changes: tuple[Change, ...] = ()
    reason: str = ""
    late: bool = False
    debugged: str = ""


def judge(outcome: Outcome, rules: Rules, redact: Redactor | None = None, calls: Sequence[Exchange] = ()) -> Verdict:
    """Compare what came of a message with what came of it when it was recorded.

    `calls` are those that were made for it and that a debugger had a hand in.
    """
    debugged = hand_in((outcome.origin, *calls))
    verdict = _judged(outcome, rules, redact)
    if not debugged:
        return verdict
    if any(map(bent, (outcome.origin, *calls))):
        if verdict.result is Result.CHANGED:
            return Verdict(Result.UNCOMPARED, verdict.then, reason=debugged, debugged=debugged)
        if verdict.late and outcome.answer.status == "timeout":
            # Then it was the debugger.
            return Verdict(Result.FAILED, verdict.then, reason=outcome.reason, debugged=debugged)
    return replace(verdict, debugged=debugged)


def _judged(outcome: Outcome, rules: Rules, redact: Redactor | None) -> Verdict:
    now, then = outcome.answer, answer_of(outcome.origin)
    given_up = outcome.origin.state is State.TIMEOUT
    if now.status == "sent":
        return Verdict(Result.UNCOMPARED, then)
    if not now.answered:
        if now.status == "timeout" and given_up:
            return Verdict(Result.SAME, then, reason=LATE, late=True)
        if now.status == "timeout" and not then.answered and outcome.item and outcome.item.dialect:
            return Verdict(Result.UNCOMPARED, then, reason=f"{outcome.reason}, and none then")
        return Verdict(Result.FAILED, then, reason=outcome.reason)
    if outcome.origin.state in (State.PENDING, State.UNKNOWN) and not then.answered:
        return Verdict(Result.UNCOMPARED, then, reason="no answer was recorded")
    changes = diff_answers(then, now, rules)
    if redact:
        masking = of_answers(redact, then, now)
        changes = [masked(change, masking) for change in changes]
    late = given_up and outcome.late
    if changes:
        return Verdict(Result.CHANGED, then, tuple(changes), late=late)
    return Verdict(Result.SAME, then, reason=LATE if late else "", late=late)


@dataclass
class Place:
    """A place in which answers differ: how often, and the first time it was seen."""

    path: str
    count: int
    number: int
    first: Change


@dataclass
class ActionReport:
    """What came of the requests for one action. Latencies are of the answered ones, then and now."""

    service: str
    action: str
    counts: Counter[Result] = field(default_factory=Counter)
    then: Histogram = field(default_factory=Histogram)
    now: Histogram = field(default_factory=Histogram)
    places: dict[str, Place] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many there were."""
        return self.counts.total()

    def add(self, number: int, verdict: Verdict, now: Answer) -> None:
        """Count one."""
        self.counts[verdict.result] += 1
        if verdict.then.latency is not None:
            self.then.add(verdict.then.latency)
        if now.latency is not None:
            self.now.add(now.latency)
        if verdict.result is Result.FAILED and (verdict.reason in self.reasons or len(self.reasons) < _MOST_PLACES):
            self.reasons[verdict.reason] += 1
        places: dict[str, Change] = {}
        for change in verdict.changes:
            places.setdefault(general(change.path), change)
        for path, change in places.items():
            place = self.places.get(path)
            if place is not None:
                place.count += 1
            elif len(self.places) < _MOST_PLACES:
                self.places[path] = Place(path, 1, number, change)

    def as_data(self) -> dict[str, Any]:
        """The same for a program."""
        latencies = {}
        for name, histogram in (("then", self.then), ("now", self.now)):
            p50, p95 = histogram.quantiles(_FRACTIONS)
            latencies[name] = {"p50_ms": _ms(p50), "p95_ms": _ms(p95)}
        return {
            **fields("service", self.service),
            "action": self.action,
            **{result.value: self.counts[result] for result in Result},
            **latencies,
            "differences": [
                {"count": place.count, "exchange": place.number, **change_data(place.first), "path": place.path}
                for place in self.most_frequent()
            ],
            "failures": failures(self.reasons),
        }

    def most_frequent(self) -> list[Place]:
        """The places in which answers differ, the most frequent first."""
        return sorted(self.places.values(), key=lambda place: -place.count)


class Report:
    """Add each outcome; `rules` say what is a difference, `redact` what is masked in those kept."""

    def __init__(self, rules: Rules, redact: Redactor | None = None) -> None:
        self.rules = rules
        self.redact = redact
        self.counts: Counter[Result] = Counter()
        self.statuses: Counter[str] = Counter()
        """How often which status came now: ok, error, timeout, nobody, lost, unsent, sent, cancelled."""
        self.late = 0
        """How many were not answered in time, neither then nor now."""
        self.debugged = 0
        """How many a debugger had a hand in when they were recorded."""
        self.calls: Mapping[str, Sequence[Exchange]] = {}
        """By the id of what they were made for, the calls that a debugger had a hand in."""
        self.actions: dict[tuple[str, str], ActionReport] = {}
        self.broadcasts: dict[str, Counter[str]] = {}
        """By channel, why broadcasts could not be sent, or may not have been, and how often."""

    @property
    def differs(self) -> bool:
        """Whether anything has changed or failed."""
        return bool(self.counts[Result.CHANGED] or self.counts[Result.FAILED])

    def add(self, outcome: Outcome) -> Verdict:
        """Compare and count one."""
        verdict = judge(outcome, self.rules, self.redact, self.calls.get(outcome.origin.request_id or "", ()))
        self.counts[verdict.result] += 1
        self.statuses[outcome.answer.status] += 1
        self.late += verdict.late
        self.debugged += bool(verdict.debugged)
        origin = outcome.origin
        if origin.kind is Kind.BROADCAST:
            if verdict.result is Result.FAILED:
                self._count_failed(origin.target or "", verdict.reason)
            return verdict
        key = names_of(origin)
        action = self.actions.get(key)
        if action is None:
            action = self.actions[key] = ActionReport(*key)
        action.add(origin.number, verdict, outcome.answer)
        return verdict

    def _count_failed(self, channel: str, reason: str) -> None:
        if channel not in self.broadcasts and len(self.broadcasts) >= _MOST_PLACES:
            return
        reasons = self.broadcasts.setdefault(channel, Counter())
        if reason in reasons or len(reasons) < _MOST_PLACES:
            reasons[reason] += 1

    def rows(self) -> Iterable[ActionReport]:
        """By action, those with most to tell first."""
        return sorted(
            self.actions.values(),
            key=lambda one: (-one.counts[Result.FAILED], -one.counts[Result.CHANGED], one.service, one.action),
        )

    def as_data(self) -> dict[str, Any]:
        """The report for a program."""
        return {
            **{result.value: self.counts[result] for result in Result},
            "late": self.late,
            "debugged": self.debugged,
            "rules": self.rules.as_data(),
            "actions": [row.as_data() for row in self.rows()],
            "broadcasts": [
                {**fields("channel", channel), "failures": failures(reasons)}
                for channel, reasons in self.broadcasts.items()
            ],
        }


def failures(reasons: Counter[str]) -> list[dict[str, Any]]:
    """Why what failed did, and how often, for a program."""
    return [{"reason": reason, "count": count} for reason, count in reasons.most_common()]


def names_of(exchange: Exchange) -> tuple[str, str]:
    """Service and action, for people and for sorting."""
    return exchange.target or "", exchange.action or ""


def change_data(change: Change) -> dict[str, Any]:
    """A difference for a program."""
    data: dict[str, Any] = {"path": change.path, "how": change.how.value}
    if change.how is not How.ADDED:
        data["before"] = _plain(change.before)
    if change.how is not How.REMOVED:
        data["after"] = _plain(change.after)
    return data


def general(path: str) -> str:
    """The path with any place in a list instead of this one."""
    parts = path.split("[")
    return parts[0] + "".join("[*" + part[part.find("]") :] if part[:1].isdigit() else f"[{part}" for part in parts[1:])


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Unread) else value


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
