"""The figures as rows of the statistics screen. Pure."""

from __future__ import annotations

from daebus_console.engine.figures.rows import Row, Slow
from daebus_console.engine.figures.series import Slot
from daebus_console.naming import shown
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.chart import bars
from daebus_console.tui.rows.lines import Line, fit, fit_right

_HANDLER, _QUEUE = "handler p95", "queue p95"
_FIGURES = ("count", "/s", "errors", "timeouts", "p50", "p95", "p99", "max", _HANDLER, _QUEUE)
_WIDE = 9
_MARGIN = 3
_LEAST = 16
"""Cells of the names of service and action, at least."""


def heading(width: int) -> Line:
    """The names of the columns."""
    room = _names(width)
    figures = "".join(fit_right(name, _wide(name)) for name in _figures(width))
    return [(_apart("  service", room // 2) + fit("action", room - room // 2) + figures, "dim")]


def _figures(width: int) -> tuple[str, ...]:
    """Those that have room beside the names: where that is little, the first of them are left out."""
    if width >= 111:
        return _FIGURES
    left_out = {_HANDLER, _QUEUE, "max"} if width >= 90 else {_HANDLER, _QUEUE, "max", "timeouts"}
    for name in ("/s", "p99", "p50", "errors", "count"):
        if _LEAST + _WIDE * (len(_FIGURES) - len(left_out)) > width:
            left_out.add(name)
    return tuple(name for name in _FIGURES if name not in left_out)


def _names(width: int) -> int:
    return max(_LEAST, width - sum(map(_wide, _figures(width))))


def _wide(name: str) -> int:
    return max(_WIDE, len(name) + 1)


def figures_line(row: Row, width: int) -> Line:
    """One action's figures."""
    room = _names(width)
    values = {
        "count": (f"{row.count:,}", "plain"),
        "/s": (fmt.rate(row.rate).removesuffix("/s") if row.rate else "·", "plain"),
        "errors": _bad(row.errors, row.count),
        "timeouts": _bad(row.timeouts, row.count),
        "p50": (_span(row.p50), "plain"),
        "p95": (_span(row.p95), "plain"),
        "p99": (_span(row.p99), "plain"),
        "max": (_span(row.largest), "dim"),
        _HANDLER: (_span(row.handler_p95), "dim"),
        _QUEUE: (_span(row.queue_p95), "wait" if (row.queue_p95 or 0.0) > (row.handler_p95 or 0.0) else "dim"),
    }
    service, action = names_of(row)
    line: Line = [(fit("  all together", room), "strong")]
    if service:
        line = [(_apart(f"  {service}", room // 2), "name"), (fit(action, room - room // 2), "action")]
    return line + [(fit_right(values[name][0], _wide(name)), values[name][1]) for name in _figures(width)]


def _apart(name: str, width: int) -> str:
    """A name that does not touch what stands behind it."""
    return fit(name, width - 1) + " "


def names_of(row: Row) -> tuple[str, str]:
    """The service and the action; of the row of all that has none of its own, what it is."""
    if row.beyond:
        return "(others)", f"(beyond {row.beyond:,})"
    return shown(row.service), shown(row.action, text=True)


def _bad(count: int, of: int) -> tuple[str, str]:
    if not count:
        return "·", "dim"
    share = f"{count * 100 / max(1, of):.0f}%"
    told = f"{count:,} {share}"
    return told if len(told) < _WIDE else share, "error"


def _span(seconds: float | None) -> str:
    return "" if seconds is None else fmt.duration(seconds)


def slow_line(slow: Slow, width: int) -> Line:
    """One of the slowest exchanges."""
    number, at = f"  #{slow.number:<8}", f"{fmt.clock(slow.at)}  "
    latency = fit_right(fmt.duration(slow.latency), 8)
    room = width - _MARGIN - len(number + at + latency)
    if room < _LEAST:
        room, at = room + len(at), ""
    service = max(1, min(20, room // 2))
    return [
        (number, "dim"),
        (at, "dim"),
        (_apart(shown(slow.service), service), "name"),
        (fit(shown(slow.action, text=True), max(1, room - service)), "action"),
        (latency, "wait"),
    ]


def charts(slots: list[Slot], width: int, height: int, slot: float) -> tuple[list[Line], list[Line]]:
    """Requests a second with the part that went wrong, and the 95th percentile of the latency."""
    rates = [one.count / slot for one in slots]
    top = max(rates, default=0.0)
    wrong = [(one.errors + one.timeouts) / slot for one in slots]
    left = bars(rates, width, height, fmt.rate(top), "name", wrong)
    spans = [one.p95 for one in slots]
    slowest = max((span for span in spans if span is not None), default=0.0)
    return left, bars(spans, width, height, fmt.duration(slowest), "wait")
