"""The title of the flow: what is shown of how much, and why not all. Reads the widget, draws nothing; hold the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.text import clean
from daebus_console.tui.rows.lines import Line

if TYPE_CHECKING:
    from daebus_console.tui.widgets.flow import FlowList


def flow_title(flow: FlowList, filter_text: str, *, passing: bool = True) -> tuple[Line, Line]:
    """Left: which view and how many of how many. Right: following, paused, or how many are new.

    Where nothing is `passing` any more, as in a capture that is read, nothing can be followed.
    """
    model = flow.model
    shown, total = len(model.rows), model.total
    left: Line = [(" Messages" if model.by_message else " Flow", "strong")]
    left.append((f"  {shown:,}" if shown == total else f"  {shown:,} of {total:,}", "dim"))
    if model.journal.evicted:
        left.append((f"  {model.journal.evicted:,} older dropped", "dim"))
    visibility = model.visibility
    if filter_text:
        left.append((" \\ ", "dim") if visibility.suspended else (" / ", "match"))
        left.append((clean(filter_text), "dim" if visibility.suspended else "accent"))
    if visibility.mutes:
        left.append((f"  {model.hidden.muted:,} muted (X)", "warn"))
    if visibility.quiet:
        left.append(("  with quiet ones (K)", "dim"))
    elif model.hidden.quiet:
        left.append((f"  {model.hidden.quiet:,} quiet (K)", "dim"))
    if visibility.control:
        left.append(("  with control", "dim"))
    if flow.order != "newest last":
        left.append((f"  {flow.order}", "accent"))
        if len(flow.rows) < shown:
            left.append((f" of the latest {len(flow.rows):,}", "warn"))
    if model.busy:
        left.append(("  looking …", "wait"))
    if flow.paused:
        return left, [(f" ‖ paused, {model.behind():,} waiting · space ", "warn")]
    if not passing:
        return left, [] if flow.following else [(" f to the newest ", "dim")]
    if flow.following:
        return left, [(" ▲ following " if flow.order == "newest first" else " ▼ following ", "ok")]
    if flow.new:
        return left, [(f" {flow.new:,} new · f follows ", "match")]
    return left, [(" standing · f follows ", "dim")]
