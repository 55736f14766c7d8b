"""The title of the flow: what is shown of how much, and why not all. Reads the widget, draws nothing; hold the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daebus_console.text import cells, clean
from daebus_console.tui.rows.lines import Line, text_of

if TYPE_CHECKING:
    from daebus_console.tui.widgets.flow import FlowList


def flow_title(flow: FlowList, filter_text: str, *, passing: bool = True) -> tuple[Line, Line]:
    """Left: which view and how many of how many. Right: following, paused, or how many are new.

    Where nothing is `passing` any more, as in a capture that is read, nothing can be followed.
    """
    model = flow.model
    shown, total = len(model.rows), model.decided
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
        left.append(("  with control (c)", "dim"))
    if flow.order != "newest last":
        left.append((f"  {flow.order}", "accent"))
        if len(flow.rows) < shown:
            left.append((f" of the latest {len(flow.rows):,}", "warn"))
    if model.busy:
        left.append(("  looking …", "wait"))
    right = _standing(flow, passing)
    # There always is some on a bus of ours: what else there is to say goes first.
    control: Line = [(f"  {model.hidden.control:,} control (c)", "dim")] if model.hidden.control else []
    if cells(text_of([*left, *control, *right])) < flow.size.width:
        left += control
    return left, right


def _standing(flow: FlowList, passing: bool) -> Line:
    if flow.paused:
        return [(f" ‖ paused, {flow.model.behind():,} waiting · space ", "warn")]
    if not passing:
        return [] if flow.following else [(" f to the newest ", "dim")]
    if flow.following:
        return [(" ▲ following " if flow.order == "newest first" else " ▼ following ", "ok")]
    if flow.new:
        return [(f" {flow.new:,} new · f follows ", "match")]
    return [(" standing · f follows ", "dim")]
