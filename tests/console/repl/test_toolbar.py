"""The line at the bottom of the line prompt."""

from __future__ import annotations

import pytest

from daebus_console.commands.completion.hint import Hint
from daebus_console.engine.session import Session
from daebus_console.repl.toolbar import toolbar
from daebus_console.text import cells
from tests.console.tui.support import fed


@pytest.mark.parametrize("width", [65, 80, 100, 120])
def test_what_it_says_of_an_empty_line_is_whole(width: int) -> None:
    (_style, told), *rest = toolbar(None, fed(0.0), width)
    assert told.endswith("help lists the verbs")
    assert cells(told) + sum(cells(text) for _style, text in rest) == width


@pytest.mark.parametrize("width", [20, 30, 40, 65, 80, 100, 120])
@pytest.mark.parametrize("up", [True, False])
def test_a_long_address_leaves_room_for_what_is_told_of_the_line(width: int, up: bool) -> None:
    session = Session(f"redis://{'redis-primary.' * 8}example:6379/0")
    if up:
        session.on_up(0.0)
    session.clock = lambda: 0.0  # type: ignore[assignment, misc]  # a clock is what can be called for a time
    wanted = "expected ACTION: one of its actions"
    (_style, told), *rest = toolbar(Hint(wanted), session, width)
    assert cells(told) == min(len(wanted), width // 2)
    assert cells(told) + sum(cells(text) for _style, text in rest) == width
    (_style, address) = rest[-1]
    assert address.endswith("…")
    assert width < 65 or "redis://redis-pr" in address
