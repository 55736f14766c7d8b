"""Clicks that come faster than the screen can follow lead to where the first of them leads, and no further."""

from __future__ import annotations

from typing import Any

import pytest
from textual.events import MouseDown, MouseUp
from textual.screen import Screen

from daebus_console.tui.screens.main import MainScreen
from daebus_console.tui.screens.stats import StatsScreen
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive, grid

OPEN: dict[str, tuple[tuple[str, ...], str, type[Screen[Any]], str]] = {
    "palette": (("ctrl+p", *"statistics"), "Group by action", StatsScreen, ""),
    "themes": (("ctrl+p", *"theme", "enter"), "gruvbox", MainScreen, ""),
    "hold": (("left_square_bracket", "B"), "the next", MainScreen, ""),
    "take along": (("left_square_bracket", "Y"), "jsonl", MainScreen, ""),
    "filters": (("F",), "late ones", MainScreen, "is:late"),
    "statistics": (("S",), "reports", MainScreen, "to:reports action:render"),
    "conversation": (("left_square_bracket", "V"), "<1 ms", MainScreen, ""),
    "sequence": (("left_square_bracket", "D"), "+0", MainScreen, ""),
    "findings": (("exclamation_mark",), "cannot be read", MainScreen, ""),
    "groups": (("W",), "refused", MainScreen, "kind:request status:error"),
    "shape": (("left_square_bracket", "s"), "integer", MainScreen, ""),
}
"""How each list is opened whose rows lead elsewhere, what stands in such a row, and what that leads to."""


def click_at_once(console: Driver, text: str, times: int) -> None:
    """Click on the last row with that text so often, before anything is done about it."""
    y, line = [(y, line) for y, line in enumerate(grid(console.app)) if text in line][-1]
    x = line.index(text)
    for _click in range(times):
        for kind in (MouseDown, MouseUp):
            console.app.post_message(kind(None, x, y, 0, 0, 1, False, False, False, x, y))


@pytest.mark.parametrize("name", OPEN)
def test_many_clicks_at_once_lead_on_once(name: str) -> None:
    async def story(console: Driver) -> None:
        console.app.settings.set("filters", {"late ones": "is:late"})
        keys, text, leads_to, narrowed = OPEN[name]
        await console.press(*keys)
        await console.sees(text)
        click_at_once(console, text, 4)
        await console.until(lambda: type(console.app.screen) is leads_to)
        await console.pilot.pause()
        assert len(console.app.screen_stack) == (1 if leads_to is MainScreen else 2)
        assert console.app.main.filter_text.startswith(narrowed)

    drive(scene(), story)
