"""Services that wait for one another, or for their own workers, out of what instances answered to `running`. Pure.

A handler waits for a call. Where that call is in a handler as well, it is followed there; where it is in the queue of a
service whose workers all wait, it waits for every one of them. Who comes back so to where it began waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

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


def cycles(reports: Iterable[Report], workers: Mapping[str, int]) -> list[Cycle]:
    """The circles among what was answered, each once.

    `workers` are how many a service has in all its instances. Only where all of them are seen at work does a call in
    the queue, or one that is in no handler, wait for them.
    """
    told = list(reports)
    places = {one.id: (report, one) for report in told for one in report.doing if one.id is not None}
    found: dict[frozenset[str], Cycle] = {}
    for report in told:
        for one in report.doing:
            for way in _ways(report, one, told, places, workers):
                cycle = Cycle(tuple(way))
                found.setdefault(cycle.ids, cycle)
    # Of circles through the same services one says it all.
    by_services: dict[frozenset[str], Cycle] = {}
    for cycle in found.values():
        key = frozenset(cycle.services)
        if key not in by_services or len(cycle.steps) < len(by_services[key].steps):
            by_services[key] = cycle
    return list(by_services.values())


def _ways(
    report: Report,
    first: Doing,
    told: list[Report],
    places: Mapping[str, tuple[Report, Doing]],
    workers: Mapping[str, int],
) -> Iterator[list[Step]]:
    """The shortest way from there back to it, if there is one."""
    pending: list[tuple[Report, Doing, list[Step]]] = [(report, first, [])]
    seen: set[int] = set()
    while pending:
        here, doing, way = pending.pop(0)
        for wait in doing.waits:
            reached = places.get(wait.id or "")
            ends = [reached] if reached is not None else list(_holders(wait, told, workers))
            step = Step(here.service, here.instance, doing, wait, reached is None)
            for there, next_ in ends:
                if next_ is first:
                    yield [*way, step]
                    return
                if id(next_) not in seen:
                    seen.add(id(next_))
                    pending.append((there, next_, [*way, step]))


def _holders(wait: Wait, told: list[Report], workers: Mapping[str, int]) -> Iterator[tuple[Report, Doing]]:
    """Those who hold the workers that the call waits for, where all of them are held by some that wait as well."""
    theirs = [report for report in told if report.service == wait.service]
    held = [(report, one) for report in theirs for one in report.doing]
    count = workers.get(wait.service, 0)
    if not any(report.waiting for report in theirs) or not count or len(held) < count:
        return
    if all(one.waits for _report, one in held):
        yield from held
