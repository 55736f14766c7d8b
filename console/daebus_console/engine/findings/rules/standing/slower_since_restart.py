"""slower-since-restart: an action takes several times as long since its service was started anew."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from daebus_console.engine.bounded import Lately
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import call, duration, to
from daebus_console.engine.message.exchange import Exchange, Flag, State

_OF_A_GROUP = 8
"""Answers that are looked at, of those that came together; twice as many at most."""
_ENOUGH = 30
_TIMES = 5
_FROM = 0.05
_MOST = 500


class _Times:
    """What the answers of one action took, before and since the last restart."""

    __slots__ = ("before", "first", "instances", "now", "told")

    def __init__(self) -> None:
        self.before: list[float] = []
        self.now: list[float] = []
        self.instances: frozenset[str] = frozenset()
        self.first: Exchange | None = None
        self.told = False


class Found(Rule):
    """Answers name the instance that made them: all of them others than before is a restart."""

    name = "slower-since-restart"
    severity = Severity.WARNING
    title = "slower since a restart"
    page = """\
Since a service was started anew, the answers of an action take five times as long as before, and more than
50 ms.

It is thought so because answers name their instance: none of those that answered before the restart has
answered since, and thirty answers or more from each side are compared by their median.

Compare an exchange from before with one from after (`diff #1 #2`), and what changed in the new version: a cache
that is cold gets better by itself, a query without its index does not."""

    def begin(self) -> None:
        self._times: Lately[tuple[str, str], _Times] = Lately(_MOST, _Times)

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """A few answers of each group are enough: there are many groups."""
        for one in exchanges[:: max(1, len(exchanges) // _OF_A_GROUP)]:
            self._answered(service, action, one)

    def _answered(self, service: str, action: str, one: Exchange) -> None:
        answer, instance = one.answer, one.instance
        if answer is None or instance is None or one.state is not State.OK or one.flags & Flag.TIMELESS:
            return
        times = self._times.use((service, action), self.world.now)
        if times is None:
            return
        took = one.elapsed if one.elapsed is not None and one.elapsed >= 0 else answer.at - one.opened.at
        if instance not in times.instances:
            self._another(times, instance, one)
        if instance in times.instances:
            times.now.append(took)
            del times.now[: -2 * _ENOUGH]
            if len(times.now) >= _ENOUGH <= len(times.before) and not times.told:
                self._compare(service, action, times)

    def lost(self) -> None:
        """The clock may have stepped; begin anew."""
        self._times.clear()

    def _another(self, times: _Times, instance: str, one: Exchange) -> None:
        """An instance answers that has not answered before: in place of the others, or beside them?"""
        if times.instances and len(times.instances) < 8 and self._still_here(one.target, times.instances):
            times.instances |= {instance}
            return
        times.before = times.now if len(times.now) >= _ENOUGH else []
        times.now, times.first, times.told = [], one, False
        times.instances = frozenset({instance})

    def _still_here(self, service: str | None, instances: frozenset[str]) -> bool:
        return any(one.name in instances for one in self.world.instances.here(service))

    def _compare(self, service: str, action: str, times: _Times) -> None:
        before, now = median(times.before), median(times.now)
        times.told = True
        if now < _FROM or now < _TIMES * before or times.first is None:
            return
        self.book.report(
            self.name,
            self.severity,
            self.world.now,
            [times.first.number],
            service=service,
            action=action,
            text=f"{call(service, action)} takes {duration(now)} since its service was restarted, and took"
            f" {duration(before)} before",
            because=f"the medians of {len(times.before)} answers before and {len(times.now)} after are compared",
            advice=f"compare #{times.first.number} with an exchange from before; look at what changed with the restart",
            where=to(service, action),
        )
