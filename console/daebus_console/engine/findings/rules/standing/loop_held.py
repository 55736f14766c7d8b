"""loop-held: an async handler that does not await, while others wait for the event loop."""

from __future__ import annotations

from collections import deque

from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.rule import SLOW, Rule
from daebus_console.engine.findings.words import call, duration, shown, to
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.records.record import Any_, Handled

_NEAR = 0.02
_LEAST = 5
_ROOM = 10
_LATEST = 100
_MOST = 500


class _Runs:
    """The latest runs of async handlers in one instance that took long, with when they began and ended."""

    def __init__(self) -> None:
        self.latest: deque[tuple[float, float, str, int | None]] = deque(maxlen=_LATEST)
        self.held: dict[str, list[float]] = {}
        """By the action that held the loop: how long others waited for it, each time."""


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
more, and began only as the other ended, which had begun and run in just that time.

`await` what waits; what blocks give to `asyncio.to_thread`, or make the handler a plain function: it then runs on
a worker thread."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # as Rule has them
        self._runs: dict[tuple[str, str], _Runs] = {}

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """Did it wait for one that ran all the while?"""
        if not isinstance(record, Handled) or record.elapsed is None or record.queued is None:
            return
        service, name = record.source.service, record.source.instance
        instance = next((one for one in self.world.instances.of(service) if one.name == name), None)
        if instance is None or record.action not in instance.coroutines or not instance.has_loop_room(_ROOM):
            return
        runs = self._runs.get((service, name))
        if runs is None:
            if len(self._runs) >= _MOST:
                del self._runs[next(iter(self._runs))]
            runs = self._runs[service, name] = _Runs()
        begun = record.at - record.elapsed
        came = begun - record.queued
        if record.queued >= SLOW:
            for start, end, action, number in reversed(runs.latest):
                if start >= came - _NEAR and abs(end - begun) <= _NEAR:
                    # Where another one ran meanwhile the loop was free to go on.
                    if sum(other[0] < end - _NEAR and start + _NEAR < other[1] for other in runs.latest) == 1:
                        self._held(runs, record, action, end - start, number)
                    break
        if record.elapsed >= SLOW:
            runs.latest.append((begun, record.at, record.action, None if exchange is None else exchange.number))

    def lost(self) -> None:
        """What ran meanwhile may not have been told."""
        for runs in self._runs.values():
            runs.latest.clear()

    def _held(self, runs: _Runs, record: Handled, action: str, took: float, number: int | None) -> None:
        waited = runs.held.setdefault(action, [])
        waited.append(record.queued or 0.0)
        if len(waited) < _LEAST:
            return
        service = record.source.service
        new = _LEAST if len(waited) == _LEAST else 1
        if len(waited) > _LATEST:
            del waited[_LEAST]
        self.book.report(
            self.name,
            self.severity,
            record.at + record.source.off,
            [number] if number is not None else [],
            service=service,
            action=action,
            text=f"the async handler of {call(service, action)} holds the event loop of {shown(service)}: others waited"
            f" up to {duration(max(waited))} to begin",
            because=f"it ran for {duration(took)} the last time, and what had come meanwhile began only as it ended,"
            " though there was room for many more",
            advice="await what waits; give what blocks to asyncio.to_thread, or make the handler a plain function",
            where=to(service, action),
            count=new,
        )
