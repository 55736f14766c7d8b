"""The plan and the report of a replay, as lines for people and data for programs. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from daebus_console.commands.doing.shared.differing import change_line
from daebus_console.engine.figures.histogram import Histogram
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.replay.plan import Plan
from daebus_console.engine.replay.replay import Replay
from daebus_console.engine.replay.report import LATE, ActionReport, Report, Result
from daebus_console.naming import shown
from daebus_console.render import Line, Span, duration, fit, line, no_room_for, table_within
from daebus_console.text import cells, pad

_FRACTIONS = (0.5, 0.95)
_MOST_PLACES = 10
_HEADINGS = ("service", "action", "count", "same", "changed", "failed", "p50 then", "p50 now", "p95 then", "p95 now")
_LEAST_WANTED = (["p95 then", "p95 now"], ["p50 then", "p50 now"])
_NOTHING = Redactor(())


def plan_lines(plan: Plan, text: str) -> list[Line]:
    """What would be sent, and to whom."""
    lines = [line(text)]
    widest = max((cells(shown(name)) for name in [*plan.services, *plan.channels]), default=0)
    for names in (plan.services, plan.channels):
        lines += [
            line(f"  {pad(shown(name), widest)}  ", Span(str(count), "number")) for name, count in names.most_common()
        ]
    return lines


def report_lines(report: Report, replay: Replay, width: int) -> list[Line]:
    """By action: what is the same, has changed and failed, with the first differences; and all together."""
    rows = list(report.rows())
    lines: list[Line] = []
    if rows:
        lines, left_out = table_within(
            width, _HEADINGS, [_row(row) for row in rows], frozenset(range(2, 10)), _LEAST_WANTED
        )
        lines += [line(Span(no_room_for(left_out), "dim"))] if left_out else []
    for row in rows:
        lines += [fit(one, width) for one in _places(row)]
    for channel, reasons in report.broadcasts.items():
        told = [line(Span(f"broadcasts on {shown(channel)}", "bold")), *_failed(reasons)]
        lines += [fit(one, width) for one in told]
    counts = report.counts
    parts = [f"{counts[result]} {result.value}" for result in Result if counts[result] or result is Result.SAME]
    style = "error" if counts[Result.FAILED] else "warn" if counts[Result.CHANGED] else "ok"
    late = f"; {report.late} {LATE}" if report.late else ""
    unsent = report.statuses["unsent"]
    touched = f"; a debugger had a hand in {report.debugged} when it was recorded" if report.debugged else ""
    sent = f"{counts.total() - unsent} sent again" + (f", {unsent} could not be sent" if unsent else "")
    lines.append(line(f"{sent}: ", Span(", ".join(parts), style), late, touched, _timing(replay)))
    return lines


def summary(replay: Replay) -> dict[str, Any]:
    """How it went, for a program."""
    p50, p95 = replay.timing.errors.quantiles(_FRACTIONS)
    return {
        "sent": replay.progress.sent,
        "answered": replay.progress.answered,
        "held": replay.progress.held,
        "cancelled": replay.cancelled,
        "lost": None if replay.lost is None else str(replay.lost),
        "timing": {
            "p50_ms": None if p50 is None else round(p50 * 1000, 3),
            "p95_ms": None if p95 is None else round(p95 * 1000, 3),
        },
    }


def _row(row: ActionReport) -> list[str | Span]:
    counts = row.counts
    return [
        shown(row.service),
        shown(row.action, text=True),
        str(row.total),
        Span(str(counts[Result.SAME]), "ok"),
        Span(str(counts[Result.CHANGED]), "warn" if counts[Result.CHANGED] else "dim"),
        Span(str(counts[Result.FAILED]), "error" if counts[Result.FAILED] else "dim"),
        *(_quantile(histogram, fraction) for fraction in _FRACTIONS for histogram in (row.then, row.now)),
    ]


def _quantile(histogram: Histogram, fraction: float) -> str:
    return duration(histogram.quantile(fraction))


def _places(row: ActionReport) -> list[Line]:
    if not row.places and not row.reasons:
        return []
    lines = [line(Span(f"{shown(row.service)} {shown(row.action, text=True)}", "bold"))]
    lines += _failed(row.reasons)
    places = row.most_frequent()
    for place in places[:_MOST_PLACES]:
        note = f"#{place.number}" if place.count == 1 else f"{place.count}×, first in #{place.number}"
        # The report has masked it already.
        lines.append(change_line(place.first._replace(path=place.path), _NOTHING, note=note))
    if len(places) > _MOST_PLACES:
        lines.append(line(Span(f"  … and {len(places) - _MOST_PLACES} more places", "dim")))
    return lines


def _failed(reasons: Counter[str]) -> list[Line]:
    return [
        line("  ", Span(f"failed {count}×  ", "error"), reason) for reason, count in reasons.most_common(_MOST_PLACES)
    ]


def _timing(replay: Replay) -> str:
    p50, p95 = replay.timing.errors.quantiles(_FRACTIONS)
    text = f"; sent within {duration(p50)} of the time (p95 {duration(p95)})" if p50 is not None else ""
    held = replay.progress.held
    return text + (f"; {held} waited for others to be answered" if held else "")
