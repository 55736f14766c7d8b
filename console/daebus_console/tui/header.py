"""What the line at the top says. Pure; hold the session's lock."""

from __future__ import annotations

from daebus_console.engine.session import Session
from daebus_console.text import clean
from daebus_console.tui import format as fmt
from daebus_console.tui.lines import Line


def header(session: Session, now: float, *, read_only: bool = False, recording: str = "") -> tuple[Line, Line]:
    """Left: which Redis and how the connection is; right: what was seen."""
    status = session.status
    left: Line = [(" daebus ", "strong"), (f" {clean(str(session.address))} ", "name")]
    # A capture that was opened says when all of it is there; a bus never is.
    loaded = getattr(session, "loaded", None)
    if loaded is not None:
        left.append((" ■ all of it ", "accent") if loaded.is_set() else (" ◌ loading … ", "wait"))
    elif status.up:
        left.append((" ● live ", "ok"))
    elif status.problem is None:
        left.append((" ◌ connecting … ", "wait"))
    else:
        since = f" for {fmt.duration(now - status.since)}" if status.messages or status.gaps else ""
        left.append((f" ✗ not connected{since}: {clean(status.problem)} ", "error"))
    if read_only:
        left.append((" read-only ", "warn"))
    if recording:
        left.append((f" ● recording to {clean(recording)} ", "error"))
    if status.blind:
        left.append((f" ! {clean(status.blind)} ", "warn"))
    elif status.discovery_problem and status.up:
        left.append((f" ! {clean(status.discovery_problem)} ", "warn"))
    right: Line = [(f" {fmt.plural(status.messages, 'message')} ", "plain")]
    right.append((f" {fmt.rate(session.rate.per_second(now))} ", "plain"))
    right.append((f" {fmt.plural(status.gaps, 'gap')} ", "error" if status.gaps else "dim"))
    return left, right
