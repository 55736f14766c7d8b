"""Services that wait for one another, or for their own workers, out of what instances answered to `running`. Pure.

A handler waits for a call. Where that call is in a handler as well, it is followed there; where it is in the queue of a
service whose workers all wait, it waits for every one of them. Who comes back so to where it began waits in a circle,
if nothing else lets it go on: one worker that waits for what is being done elsewhere will be free again, and take what
is queued. A call that is in neither waits for no worker: its answer was put off, say, and comes from somewhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from daebus_console.engine.records.running import Doing, Report, Wait


@dataclass(frozen=True)
class Step:
    """One that waits, and the call that it waits for. `queued` tells that the call got no worker yet."""

    service: str
    instance: str
    doing: Doing
    wait: Wait
    queued: bool


@dataclass(frozen=True)
class Cycle:
    """Steps, each waiting for the next, the last for the first."""

    steps: tuple[Step, ...]

    @property
    def services(self) -> tuple[str, ...]:
        """The services in it, each once, in order."""
        return tuple(dict.fromkeys(step.service for step in self.steps))

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all that wait in it, and of what they wait for."""
        own = {step.doing.id for step in self.steps} | {step.wait.id for step in self.steps}
        return frozenset(one for one in own if one is not None)


class _Waiting(NamedTuple):
    """One that waits for any of those ends to go on."""

    doing: Doing
    step: Step
    ends: Sequence[Doing]


def cycles(reports: Iterable[Report], workers: Mapping[str, int]) -> list[Cycle]:
    """The circles among what was answered; of those through the same services the shortest that is met.

    `workers` are how many a service has in all its instances. Only where all of them are seen at work does a call in
    the queue, or one that is in no handler, wait for them.
    """
    told = list(reports)
    places = {one.id: one for report in told for one in report.doing if one.id is not None}
    held: dict[str, list[Doing]] = {}
    waits: list[_Waiting] = []
    for report in told:
        for one in report.doing:
            for wait in one.waits:
                reached = places.get(wait.id or "")
                if reached is None and not _may_be_queued(wait, told):
                    continue
                if reached is None and wait.service not in held:
                    held[wait.service] = _holders(wait.service, told, workers)
                ends = [reached] if reached is not None else held[wait.service]
                waits.append(_Waiting(one, Step(report.service, report.instance, one, wait, reached is None), ends))
    edges: dict[int, list[tuple[Doing, Step]]] = {}
    for stuck in _in_vain(waits):
        edges.setdefault(id(stuck.doing), []).extend((end, stuck.step) for end in stuck.ends)
    found: dict[frozenset[str], Cycle] = {}
    for first in [one for report in told for one in report.doing if id(one) in edges]:
        if id(first) not in edges:
            continue
        way = _way_back(first, edges)
        if way is None:
            # It leads into no circle, or into one that it is not part of.
            del edges[id(first)]
            continue
        for step in way:
            edges.pop(id(step.doing), None)
        cycle = Cycle(way)
        known = found.get(frozenset(cycle.services))
        if known is None or len(way) < len(known.steps):
            found[frozenset(cycle.services)] = cycle
    return list(found.values())


def _in_vain(waits: Sequence[_Waiting]) -> Sequence[_Waiting]:
    """Those that nothing ends: whatever they wait for waits so, too."""
    while True:
        stuck = {id(one.doing) for one in waits}
        # A queue is stuck with the last of its workers: to see that of each once is enough.
        queues = {id(one.ends): all(id(end) in stuck for end in one.ends) for one in waits}
        left = [one for one in waits if one.ends and queues[id(one.ends)]]
        if len(left) == len(waits):
            return left
        waits = left


def _may_be_queued(wait: Wait, told: Sequence[Report]) -> bool:
    """Whether a call is in the queue of an instance, or may be, where that does not tell of all that is in it."""
    return any(
        report.waiting > len(report.oldest)
        or any(one.id == wait.id or (one.id is None and not one.channel) for one in report.oldest)
        for report in told
        if report.service == wait.service and report.waiting
    )


def _way_back(first: Doing, edges: Mapping[int, list[tuple[Doing, Step]]]) -> tuple[Step, ...] | None:
    """The shortest way from there back to it; None where there is none."""
    came: dict[int, tuple[int, Step]] = {}
    pending = [id(first)]
    for here in pending:
        for next_, step in edges.get(here, ()):
            if next_ is first:
                way = [step]
                while here != id(first):
                    here, step = came[here]
                    way.append(step)
                return tuple(reversed(way))
            if id(next_) not in came:
                came[id(next_)] = here, step
                pending.append(id(next_))
    return None


def _holds_a_worker(doing: Doing) -> bool:
    """Tasks, threads and hooks run on threads of their own."""
    return bool(doing.action) or doing.cause.startswith("listener ")


def _holders(service: str, told: list[Report], workers: Mapping[str, int]) -> list[Doing]:
    """Those who hold the workers of a service, where something waits for one and all are held by some that wait."""
    theirs = [report for report in told if report.service == service]
    held = [one for report in theirs for one in report.doing if _holds_a_worker(one)]
    count = workers.get(service, 0)
    full = any(report.waiting for report in theirs) and 0 < count <= len(held)
    return held if full and all(one.waits for one in held) else []
