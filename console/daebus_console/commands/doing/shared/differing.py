"""Differences as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from daebus_console.engine.diff.preview import previews
from daebus_console.engine.diff.values import Change, How
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.replay.redact import masked
from daebus_console.render import Line, Span, duration, line

_WIDEST = 60
_MOST = 200


def change_line(change: Change, redact: Redactor, *, indent: str = "  ", note: str = "") -> Line:
    """One difference: where, what it was and what it is."""
    shown = masked(change, redact) if redact else change
    spans: list[str | Span] = [indent, Span(shown.path or "(all of it)", "key"), "  "]
    before, after = previews(shown, _WIDEST, _WIDEST)
    if shown.how is not How.ADDED:
        spans.append(Span(before, "error"))
    spans.append(Span({How.CHANGED: " → ", How.ADDED: "added ", How.REMOVED: " removed"}[shown.how], "dim"))
    if shown.how is not How.REMOVED:
        spans.append(Span(after, "ok"))
    if note:
        spans.append(Span(f"  {note}", "dim"))
    return line(*spans)


def change_lines(changes: Iterable[Change], redact: Redactor) -> list[Line]:
    """The first of them, and how many more there are."""
    found = list(changes)
    lines = [change_line(change, redact) for change in found[:_MOST]]
    if len(found) > _MOST:
        lines.append(line(Span(f"  … and {len(found) - _MOST} more", "dim")))
    return lines


def latency_line(before: float | None, after: float | None) -> Line | None:
    """How long both took, where anything was answered."""
    if before is None and after is None:
        return None
    return line(Span("  latency  ", "dim"), duration(before), Span(" → ", "dim"), duration(after))
