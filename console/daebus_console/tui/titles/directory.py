"""The title of the directory: how many services there are, and what the figures beside them are. Pure."""

from __future__ import annotations

from daebus_console.tui.rows.lines import Line


def directory_title(services: int, width: int) -> tuple[Line, Line]:
    """Left: how many services are there. Right: what their figures are, each at its place."""
    units = "/s " if width < 160 else "/s    p95  last 12 s  "
    return [(" Services", "strong"), (f" {services or ''}", "dim")], [(units, "dim")]
