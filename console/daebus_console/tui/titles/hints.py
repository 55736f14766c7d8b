"""What empty panes say: what to do next. Pure."""

from __future__ import annotations

from daebus_console.text import clean, folded
from daebus_console.tui.rows.lines import Line


def no_services(url: str, width: int, *, connected: bool = True) -> list[Line]:
    """The directory knows nobody."""
    if not connected:
        text = f"No Redis answers at {clean(url)}. Start it there, or quit and name another with --redis URL."
        return wrapped(f"{text} It is tried again all the time.", width)
    text = f"No services on {clean(url)} yet. Start one, or run `daebus-console demo`."
    return wrapped(text, width)


def no_flow(*, total: int, filtering: bool, muted: int, sharded: bool = False) -> list[Line]:
    """The flow has nothing to show."""
    if not total:
        unseen = [
            [("   On a sharded bus a channel is seen that somebody subscribes to,", "dim")],
            [("   or that is named with --channels.", "dim")],
        ]
        return [
            [("   Nothing has been published yet.", "plain")],
            [("   They appear here as they pass. Or press : and send:", "dim")],
            [("     request SERVICE ACTION name=value", "name")],
            *(unseen if sharded else []),
        ]
    lines: list[Line] = [[(f"   None of {total:,} is shown.", "plain")]]
    if filtering:
        lines.append([("   / changes the filter, escape removes it.", "dim")])
    if muted:
        lines.append([("   X brings back what is muted.", "dim")])
    lines.append([("   c shows control channels and our own questions.", "dim")])
    return lines


SELECT_FIRST = "Select an exchange first (↑ ↓ or click)"
NO_DETAIL: list[Line] = [
    [("   Select an exchange (↑ ↓ or click) to look inside.", "dim")],
    [("   ] next error, enter comes here, escape goes back.", "dim")],
]


def wrapped(text: str, width: int) -> list[Line]:
    """The text in lines of at most that many cells, with a margin."""
    return [[(f" {one}", "dim")] for one in folded(text, max(1, width - 2))]
