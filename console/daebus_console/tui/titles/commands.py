"""The title of the command pane: what is under way, how far it is, and which keys stop it. Pure."""

from __future__ import annotations

from daebus_console.commands.under_way import UnderWay
from daebus_console.tui.rows import format as fmt
from daebus_console.tui.rows.lines import Line


def commands_title(jobs: int, passing: str, doing: UnderWay) -> tuple[Line, Line]:
    """Left: how many commands are under way and the latest word of them. Right: what may be done about it."""
    left: Line = [(" Commands", "strong")]
    if not jobs:
        return left, []
    replays = list(doing.replays)
    held = bool(replays) and all(replay.paused for replay in replays)
    if not passing:
        left.append((f"  {fmt.plural(jobs, 'command')} under way", "wait"))
    else:
        left.append((f"  {passing}", "warn" if held else "wait"))
    right: Line = [(" ctrl+c stops ", "dim")]
    if replays:
        right.insert(0, (" P goes on ·" if held else " P pauses ·", "warn" if held else "dim"))
    return left, right
