"""What is typed faster than the screen can follow still goes where it was meant to."""

from __future__ import annotations

import pytest
from textual import events

from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive

NAMES = {"/": "slash", ":": "colon", " ": "space"}


def burst(console: Driver, text: str) -> None:
    """Keys that come all at once."""
    for sign in text:
        console.app.post_message(events.Key(NAMES.get(sign, sign), sign))


@pytest.mark.parametrize("_time", range(5))
def test_a_filter_typed_at_once_is_whole(_time: int) -> None:
    async def story(console: Driver) -> None:
        burst(console, "/charge/x")
        await console.until(lambda: console.app.main.filter_bar.line.value == "charge/x")

    drive(scene(), story)


@pytest.mark.parametrize("_time", range(5))
def test_a_command_typed_at_once_is_whole(_time: int) -> None:
    async def story(console: Driver) -> None:
        burst(console, ":help a/b:c")
        await console.until(lambda: console.app.main.repl.line.value == "help a/b:c")

    drive(scene(), story)


def test_a_text_to_find_typed_at_once_is_whole() -> None:
    async def story(console: Driver) -> None:
        await console.press("left_square_bracket", "enter")
        await console.until(lambda: console.app.main.detail.view.has_focus)
        burst(console, "/er/r:")
        await console.until(lambda: console.app.main.detail.find.value == "er/r:")

    drive(scene(), story)
