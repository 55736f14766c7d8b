"""task-raised: a background task, a thread or a hook failed, or a task takes longer than its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daebus_console.engine.bounded import remember
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.places import in_place, place_in
from daebus_console.engine.findings.rule import Rule
from daebus_console.engine.findings.words import duration, shown, term
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.records.record import Any_, Ran
from daebus_console.text import beginning

_LONGEST = 200
_TWICE = 2
_MOST = 1_000


class Found(Rule):
    """What services tell of the runs of their tasks, threads and hooks."""

    name = "task-raised"
    severity = Severity.ERROR
    title = "a task that raises, or takes longer than its interval"
    page = """\
A background task, a thread or a start hook of a service raised an exception; or a task took longer than the
interval that it is to run in, twice in a row, so that it runs less often than it should.

It is thought so because the service itself tells it: its flight recorder notes how each run ended and how long
it took, and `info` names the interval.

`logs SERVICE level:error` shows the traceback. Make the task quicker, or its interval longer."""

    def begin(self) -> None:
        self._over: dict[tuple[str, str, str], int] = {}

    def recorded(self, record: Any_, exchange: Exchange | None) -> None:
        """Did it fail, or take too long?"""
        del exchange
        if not isinstance(record, Ran):
            return
        if record.failed:
            error = ": ".join(part for part in (record.type, record.error) if part) or record.outcome
            text = f"raised: {beginning(error, _LONGEST)}" + in_place(place_in(record.traceback))
            self._tell(record, Severity.ERROR, text, record.type or "")
            return
        interval = self._interval(record)
        key = record.source.service, record.source.instance, record.name
        if interval is None or record.elapsed is None or record.elapsed <= interval:
            self._over.pop(key, None)
            return
        remember(self._over, key, self._over.get(key, 0) + 1, _MOST)
        if self._over[key] >= _TWICE:
            took = f"takes {duration(record.elapsed)}, and is to run every {duration(interval)}"
            self._tell(record, Severity.WARNING, took, "interval")

    def _interval(self, record: Ran) -> float | None:
        """How often the task is to run, where its service tells."""
        entry = self.world.directory.services.get(record.source.service)
        instance = entry.instances.get(record.source.instance) if entry is not None and record.what == "task" else None
        listed = instance.info.get("background") if instance is not None else None
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, Mapping) and one.get("name") == record.name:
                return _seconds(one.get("interval"))
        return None

    def _tell(self, record: Ran, severity: Severity, text: str, about: str) -> None:
        service = record.source.service
        what = f"{shown(record.what, text=True)} {shown(record.name, text=True)}"
        self.book.report(
            self.name,
            severity,
            record.at + record.source.off,
            service=service,
            about=f"{record.what} {record.name} {about}",
            text=f"the {what} of {shown(service)} {text}",
            because="the service tells so: its flight recorder notes how each run ended",
            advice=f"logs {shown(service)} level:error shows where" if severity is Severity.ERROR
            else "make it quicker, or its interval longer",
            where=f"from:{term(service)}",
        )  # fmt: skip


def _seconds(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9
    return float(value) if known else None
