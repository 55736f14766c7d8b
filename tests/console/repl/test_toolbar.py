"""The line at the bottom of the line prompt."""

from __future__ import annotations

import pytest

from daebus_console.repl.toolbar import toolbar
from daebus_console.text import cells
from tests.console.tui.support import fed


@pytest.mark.parametrize("width", [65, 80, 100, 120])
def test_what_it_says_of_an_empty_line_is_whole(width: int) -> None:
    (_style, told), *rest = toolbar(None, fed(0.0), width)
    assert told.endswith("help lists the verbs")
    assert cells(told) + sum(cells(text) for _style, text in rest) == width
