"""What the handlers of a service took their time for lately: which action, and which call of it. Pure and bounded."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.families import Family
from daebus_console.engine.findings.words import call, shown
from daebus_console.engine.message.exchange import Exchange, Kind

_MOST = 500
_FROM = 0.05
"""Seconds from which on a handler is remembered by itself; those that are quicker count together."""
_LONGEST = 24 * 3600.0
_LATEST = 100
_OF_A_GROUP = 8
"""Answers that are looked at, of those that came together; twice as many at most."""
_LATELY = 10.0
_BUSY = 0.5
"""How many handlers are to have run all the while, at the least: what took no time held nobody."""
_LEAST = 3


class Held(NamedTuple):
    """The action that took most of the time of the handlers of its service: `share` is its part of that.

    `at_once` is how many ran beside each other then, `below` what it called, and waited for most of its own time, and
    `waited` the part of that.
    """

    action: str
    share: float
    at_once: float
    below: str = ""
    waited: float = 0.0

    @property
    def text(self) -> str:
        """Which action it is, and what that waited for."""
        waits = f", which waited for {self.below}" if self.below else ""
        return f"its handlers were busy with {shown(self.action, text=True)}{waits}"

    @property
    def advice(self) -> str:
        """What to do about what it waited for; empty where it did not."""
        return f"make {self.below} quicker, or wait less long for it" if self.below else ""

    @property
    def because(self) -> str:
        """How much of the time that was."""
        most = f"{self.share:.0%} of the time that its handlers took lately went to {shown(self.action, text=True)}"
        return most + (f", and {self.waited:.0%} of that to {self.below}" if self.below else "")


class _Run(NamedTuple):
    """A handler that has ended: when it was answered, how long it took, and how long each of its calls.

    It stands for `of` such handlers, since not each is looked at; `took` may be what several quick ones took together.
    """

    at: float
    took: float
    action: str
    calls: dict[str, float]
    of: float


class Holders:
    """The latest handlers that took long, by service. Calls are told of before or after the answer."""

    def __init__(self) -> None:
        self._runs: dict[str, deque[_Run]] = {}
        self._of: dict[int, _Run] = {}
        self._families: dict[int, Family] = {}

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """These were handled."""
        some = exchanges[:: max(1, len(exchanges) // _OF_A_GROUP)]
        of, at, quick = len(exchanges) / len(some), 0.0, 0.0
        for one in some:
            took = one.elapsed
            if one.answer is None or took is None or not 0 < took < _LONGEST:
                continue
            at = one.answer.at
            if took < _FROM:
                quick += took
                continue
            run = self._add(service, _Run(at, took, action, {}, of))
            family = self._families.pop(one.number, None)
            if family is None:
                remember(self._of, one.number, run, _MOST)
            else:
                _count(run, family)
        if quick:
            self._add(service, _Run(at, quick, action, {}, of))

    def _add(self, service: str, run: _Run) -> _Run:
        runs = self._runs.get(service)
        if runs is None:
            runs = deque(maxlen=_LATEST)
            remember(self._runs, service, runs, _MOST)
        runs.append(run)
        return run

    def closed(self, parent: Exchange, family: Family) -> None:
        """These calls were made for it, as far as they are known yet."""
        run = self._of.pop(parent.number, None)
        if run is not None:
            _count(run, family)
        elif parent.answer is None:
            remember(self._families, parent.number, family, _MOST)

    def lost(self) -> None:
        """Answers may have gone unseen."""
        self._runs.clear()
        self._of.clear()
        self._families.clear()

    def of(self, service: str, at: float, among: Callable[[str], bool]) -> Held | None:
        """What took most of the time of its handlers just before, among these actions; None where nothing did."""
        latest = [run for run in self._runs.get(service, ()) if run.at >= at - _LATELY and among(run.action)]
        by_action: dict[str, list[_Run]] = defaultdict(list)
        for run in latest:
            by_action[run.action].append(run)
        action = max(by_action, key=lambda one: _took(by_action[one]), default="")
        runs = by_action.get(action, [])
        if len(runs) < _LEAST or _took(runs) <= _took(latest) / 2:
            return None
        waits: dict[str, float] = defaultdict(float)
        for run in runs:
            for below, spent in run.calls.items():
                waits[below] += spent * run.of
        took = _took(runs)
        at_once = took / max(0.001, at - min(run.at - run.took for run in runs))
        if at_once < _BUSY:
            return None
        share, most = took / _took(latest), max(waits, key=lambda one: waits[one], default="")
        if not most or waits[most] <= took / 2:
            return Held(action, share, at_once)
        return Held(action, share, at_once, most, min(1.0, waits[most] / took))


def _took(runs: Sequence[_Run]) -> float:
    return sum(run.took * run.of for run in runs)


def _count(run: _Run, family: Family) -> None:
    """What its calls took; those that were made at the same time count once."""
    until: dict[str, float] = {}
    for one in family.calls:
        if one.kind is Kind.REQUEST:
            name, end = call(one.target, one.action), min(one.ended, run.at)
            spent = end - max(one.opened.at, until.get(name, 0.0))
            until[name] = max(end, until.get(name, 0.0))
            run.calls[name] = run.calls.get(name, 0.0) + max(0.0, spent)
