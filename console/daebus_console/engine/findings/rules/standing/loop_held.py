"""loop-held: an async handler that does not await, while others wait for the event loop."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import SLOW, Rule
from daebus_console.engine.findings.words import call, duration, shown, to
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.records.record import Any_, Handled, Heard, Ran, Refused

_NEAR = 0.02
_LEAST = 5
_ROOM = 10
_LATEST = 100
_MOST = 500
_EXPIRED = "expired"
_APART = 0.1
"""Seconds by which the clock of a service may seem to be off."""
_WHOLE = 0.8
"""The part of a run for which those must have waited that came while it ran."""
_LEAST_RUNS = 3


class _Run:
    """A run of an async handler that took long: when it began and ended, and of which exchange it was."""

    __slots__ = ("action", "begun", "ended", "number")

    def __init__(self, begun: float, ended: float, action: str, number: int | None) -> None:
        self.begun, self.ended, self.action, self.number = begun, ended, action, number


class _Held:
    """How long others waited for the runs of one action: those that had come before, and those that came meanwhile."""

    def __init__(self) -> None:
        self.before: deque[float] = deque(maxlen=_LATEST)
        self.meanwhile: deque[float] = deque(maxlen=_LATEST)
        self.runs: deque[_Run] = deque(maxlen=_LEAST_RUNS)
        """Those for which others waited that came meanwhile."""
        self.told = False


class _Loop:
    """The event loop of one instance."""

    def __init__(self) -> None:
        self.latest: deque[_Run] = deque(maxlen=_LATEST)
        self.held: dict[str, _Held] = {}
        """By the action that held it."""
        self.answers: deque[tuple[float, float]] = deque(maxlen=_LATEST)
        """When handlers began and ended, as their answers tell."""
        self.others: deque[float] = deque(maxlen=_LATEST)
        """When background tasks and listeners ended that took long: they may run on it as well."""
        self.times: dict[str, deque[float]] = {}
        """How long the latest of each action took, as their answers tell."""
        self.free: set[str] = set()
        """Actions while which others went on."""

    def takes(self, action: str, seconds: float) -> bool:
        """Whether the action takes about so long most times: one that does not may have been held itself."""
        times = self.times.get(action, ())
        return len(times) >= _LEAST_RUNS and 2 * median(times) >= seconds


class Found(Rule):
    """Looks at what the flight recorder tells of async handlers that had to wait before they began."""

    name = "loop-held"
    severity = Severity.WARNING
    title = "an async handler that holds the event loop, while others wait"
    page = """\
An async handler runs for long without awaiting anything, so that no other async handler of its instance goes on
meanwhile: it sleeps with time.sleep, asks with a library that blocks, or works out something large.

It is thought so because the service tells which of its actions are async, and of each handler how long its message
had waited and how long it ran: five times or more one waited a tenth of a second, though there was room for many
more, and began, or was refused as too late, only as the other ended, which had begun and run in just that time. Or
it had come just after the other began, and so with three runs or more of an action that takes about as long most times,
while which no other was seen to go on. Where a background task or a listener ended just then, it may have been that.

`await` what waits; what blocks give to `asyncio.to_thread`, or make the handler a plain function: it then runs on
a worker thread."""

    def begin(self) -> None:
        self._loops: dict[tuple[str, str], _Loop] = {}

    def answered(self, service: str, action: str, exchanges: Sequence[Exchange]) -> None:
        """Remember when its handlers ran, and how many of them took long."""
        if action not in self.world.instances.coroutines(service):
            return
        for one in exchanges[-_LATEST:]:
            if one.answer is None or one.instance is None or one.elapsed is None or one.elapsed < 0:
                continue
            loop = self._loop(service, one.instance)
            times = loop.times.get(action)
            if times is None:
                times = deque(maxlen=_LATEST)
                remember(loop.times, action, times, _MOST)
            times.append(one.elapsed)
            loop.answers.append((one.answer.at - one.elapsed, one.answer.at))

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """Did it wait for one that ran all the while?"""
        if isinstance(record, Ran | Heard) and (record.elapsed or 0.0) >= SLOW:
            self._loop(record.source.service, record.source.instance).others.append(record.at)
        if not isinstance(record, Handled | Refused) or record.queued is None or record.action is None:
            return
        service, name, took = record.source.service, record.source.instance, getattr(record, "elapsed", None)
        if took is None and (not isinstance(record, Refused) or record.code != _EXPIRED):
            return
        instance = next((one for one in self.world.instances.of(service) if one.name == name), None)
        if instance is None or record.action not in instance.coroutines or not instance.has_loop_room(_ROOM):
            return
        loop, begun = self._loop(service, name), record.at - (took or 0.0)
        if record.queued >= SLOW:
            self._waited(loop, record, begun, record.queued)
        if took is not None and took >= SLOW:
            run = _Run(begun, record.at, record.action, None if exchange is None else exchange.number)
            loop.latest.append(run)
            first, last = begun + record.source.off + _APART, record.at + record.source.off - _APART
            if any(first < start and end < last for start, end in loop.answers):
                loop.free.add(record.action)

    def lost(self) -> None:
        """What ran meanwhile may not have been told."""
        for loop in self._loops.values():
            loop.latest.clear()

    def _loop(self, service: str, instance: str) -> _Loop:
        found = self._loops.get((service, instance))
        if found is None:
            found = _Loop()
            remember(self._loops, (service, instance), found, _MOST)
        return found

    def _waited(self, loop: _Loop, record: Handled | Refused, begun: float, queued: float) -> None:
        """It waited so long until then: for which run?"""
        came = begun - queued
        run = next((one for one in reversed(loop.latest) if abs(one.ended - begun) <= _NEAR), None)
        # Where another one ran meanwhile the loop was free to go on; and what is no handler may have held both.
        if (
            run is None
            or any(abs(ended - begun) <= _NEAR for ended in loop.others)
            or any(
                one is not run and one.begun < run.ended - _NEAR and run.begun + _NEAR < one.ended
                for one in loop.latest
            )
        ):
            return
        held = loop.held.setdefault(run.action, _Held())
        took = run.ended - run.begun
        if run.begun >= came - _NEAR:
            held.before.append(queued)
        elif queued >= _WHOLE * took and took > 3 * _APART:
            held.meanwhile.append(queued)
            if run not in held.runs:
                held.runs.append(run)
        else:
            return
        sure = len(held.runs) >= _LEAST_RUNS and run.action not in loop.free and loop.takes(run.action, took)
        waited = [*held.before, *(held.meanwhile if sure else ())]
        if len(waited) >= _LEAST:
            self._tell(record, run, max(waited), 1 if held.told else len(waited))
            held.told = True

    def _tell(self, record: Handled | Refused, run: _Run, longest: float, count: int) -> None:
        service, action = record.source.service, run.action
        self.book.report(
            self.name,
            self.severity,
            record.at + record.source.off,
            [run.number] if run.number is not None else [],
            service=service,
            action=action,
            text=f"the async handler of {call(service, action)} holds the event loop of {shown(service)}: others waited"
            f" up to {duration(longest)} to begin",
            because=f"it ran for {duration(run.ended - run.begun)} the last time, and what had come meanwhile began"
            " only as it ended, though there was room for many more",
            advice="await what waits; give what blocks to asyncio.to_thread, or make the handler a plain function",
            where=to(service, action),
            count=count,
        )
