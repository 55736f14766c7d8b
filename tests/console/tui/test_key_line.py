"""The line of keys at the foot of each screen."""

from __future__ import annotations

from textual import events

from daebus_console.tui.widgets.key_line import KeyLine
from tests.console.tui.support import Driver, drive, fed, grid


def line(console: Driver) -> str:
    """What the line of keys shows."""
    return grid(console.app)[console.app.screen.query_one(KeyLine).region.y]


def test_a_click_presses_the_key_and_one_beside_the_keys_presses_none() -> None:
    async def story(console: Driver) -> None:
        await console.until(lambda: "Help" in line(console))
        await console.pilot.click(KeyLine, offset=(len(line(console)) + 3, 0))
        await console.pilot.click(KeyLine, offset=(line(console).index("Help"), 0))
        await console.sees("escape closes")

    drive(fed(0.0), story)


def test_it_follows_the_focus() -> None:
    async def story(console: Driver) -> None:
        await console.until(lambda: "Pause" in line(console))
        await console.press("slash")
        await console.until(lambda: "Keep" in line(console) and "Pause" not in line(console))
        await console.press("escape")
        await console.until(lambda: "Pause" in line(console))

    drive(fed(0.0), story)


def test_the_wheel_shows_what_has_no_room_and_the_click_goes_where_it_is_then() -> None:
    async def story(console: Driver) -> None:
        await console.until(lambda: "Pause" in line(console))
        first, keys = line(console), console.app.screen.query_one(KeyLine)
        assert "Quit" not in first
        assert first.endswith(" … ? Help"), "that there is more is to be seen, and what tells of it"
        await console.pilot.click(KeyLine, offset=(first.index("…"), 0))
        await console.pilot.click(KeyLine, offset=(first.index("? Help"), 0))
        await console.sees("escape closes")
        await console.press("escape")
        for _ in range(20):
            await console.pilot._post_mouse_events([events.MouseScrollDown], keys, button=0)
        await console.until(lambda: "Quit" in line(console))
        assert line(console).rstrip().endswith("Quit"), "no further than to the last"
        await console.pilot.click(KeyLine, offset=(line(console).index("Help"), 0))
        await console.sees("escape closes")
        await console.press("escape")
        for _ in range(20):
            await console.pilot._post_mouse_events([events.MouseScrollUp], keys, button=0)
        await console.until(lambda: line(console) == first)

    drive(fed(0.0), story, size=(50, 24))


def test_what_a_click_would_press_is_lit() -> None:
    async def story(console: Driver) -> None:
        await console.until(lambda: "Help" in line(console))
        keys = console.app.screen.query_one(KeyLine)
        column = line(console).index("Help")

        def ground() -> object:
            at = 0
            for segment in keys.render_line(0):
                at += segment.cell_length
                if at > column:
                    return segment.style.bgcolor if segment.style else None
            return None

        before = ground()
        await console.pilot.hover(KeyLine, offset=(column, 0))
        await console.until(lambda: ground() != before)
        await console.pilot.hover("#flow-pane")
        await console.until(lambda: ground() == before)

    drive(fed(0.0), story)
