"""Services of which it may be that they wait for one another for good: they are asked what they do, and what they
answer is kept until the next answer. Pure but for the time that comes with each call.

Whoever has all workers at work while messages wait is asked, and whomever those wait for; and some times those to
which requests ran out of time. A circle that is met twice,
with every one in it still where it was, stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from daebus_console.engine.bounded import remember
from daebus_console.engine.directory import Directory
from daebus_console.engine.entries import ServiceEntry
from daebus_console.engine.figures.told import figures
from daebus_console.engine.live.asking import Question, having
from daebus_console.engine.records.cycles import Cycle
from daebus_console.engine.records.running import Report

ASK_EVERY = 3.0
MOST = 20
"""Services that are asked at once."""
_TIMES = 4
"""How often a service is asked after the last request to it that was in vain."""
LATELY = 10.0
"""Seconds for which it counts what a service answered."""

Reports = Mapping[tuple[str, str], Report]


class Standstill:
    """Whom to ask, and which circles stand."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._asked: dict[str, float] = {}
        self._in_vain: dict[str, int] = {}
        """Services to which requests ran out of time, and how often they are still to be asked for that."""
        self._met: dict[frozenset[str], tuple[float, Cycle]] = {}

    def due(self, now: float, reports: Reports) -> list[Question]:
        """Who is to be asked what it does, now (monotonic seconds)."""
        services = self._directory.services
        full = [one.name for one in services.values() if one.gone is None and _is_full(one)]
        if not full and not self._in_vain:
            self._asked.clear()
            return []
        # Those that may stand for good come first.
        found = dict.fromkeys([*_with_waited_for(full, reports), *_with_waited_for(self._in_vain, reports)])
        due: list[Question] = []
        for name in list(found)[:MOST]:
            entry = services.get(name)
            if entry is None or entry.gone is not None or not having(entry, "running"):
                continue
            if now - self._asked.get(name, -ASK_EVERY) >= ASK_EVERY:
                self._asked[name] = now
                left = self._in_vain.pop(name, 0) - 1
                if left > 0:
                    self._in_vain[name] = left
                due.append((name, "running", {}))
        return due

    def gave_up(self, service: str) -> None:
        """A request to that service ran out of time."""
        entry = self._directory.services.get(service)
        if entry is not None and entry.gone is None and having(entry, "running"):
            remember(self._in_vain, service, _TIMES, MOST)

    def stand(self, cycles: Collection[Cycle], reports: Collection[Report]) -> list[tuple[float, Cycle]]:
        """Those of the circles, worked out of these reports, that were there before; each with the seconds since."""
        standing: list[tuple[float, Cycle]] = []
        for cycle in cycles:
            theirs = [one for one in reports if one.service in cycle.services]
            first, last = min(one.at for one in theirs), max(one.at for one in theirs)
            among = frozenset(cycle.services)
            known = self._met.get(among)
            if known is None or not _is_still_there(known[1], theirs):
                self._met[among] = last, cycle
            elif first > known[0]:
                standing.append((last - known[0], known[1]))
        here = {frozenset(cycle.services) for cycle in cycles}
        self._met = {among: met for among, met in self._met.items() if among in here}
        return standing

    def forget(self) -> None:
        """What was answered before belongs to another time."""
        self._met.clear()


def _with_waited_for(names: Iterable[str], reports: Reports) -> list[str]:
    """These services, and those that they wait for."""
    found = list(dict.fromkeys(names))
    for name in found:
        for report in reports.values():
            if report.service == name:
                found += sorted({wait.service for one in report.doing for wait in one.waits} - set(found))
    return found


def _is_full(service: ServiceEntry) -> bool:
    """Whether an instance tells that all its workers are at work, and that messages wait for one."""
    for one in service.instances.values():
        told = figures(one.info, one.heard)
        if told.busy is not None and told.busy == told.workers and told.queued:
            return True
    return False


def _is_still_there(cycle: Cycle, reports: Collection[Report]) -> bool:
    """Whether each in it still waits for the same."""
    doing = {one.id: one for report in reports for one in report.doing}
    return all(
        (now := doing.get(step.doing.id)) is not None and any(wait.id == step.wait.id for wait in now.waits)
        for step in cycle.steps
    )
