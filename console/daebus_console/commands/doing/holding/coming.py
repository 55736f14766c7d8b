"""What a debugger has to tell while somebody waits or types: what rules of ours hold now, and what became of them."""

from __future__ import annotations

from typing import NamedTuple

from daebus_console.engine.holding.desk import Desk, Held


class Come(NamedTuple):
    """Sentences for the user, and what is newly held."""

    texts: list[str]
    held: list[Held]


class Coming:
    """Tells everything once; what was out of reach and is held again, once more."""

    def __init__(self) -> None:
        self._told: set[int] = set()

    def take(self, desk: Desk) -> Come:
        """What has come since the last time. Hold the desk's lock."""
        ours = desk.ours()
        held = [one for one in ours if one.number not in self._told]
        self._told = {one.number for one in ours}
        return Come([desk.news.popleft() for _ in range(len(desk.news))], held)
