"""What is wrong in a line stands beside carets below its place, or without them."""

from __future__ import annotations

import pytest

from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.rows.pointing import pointed


@pytest.mark.parametrize(
    ("place", "width", "told"),
    [
        ((4, 3), 20, "    ^^^ is no word"),
        ((4, 3), 17, "    ^^^ none"),
        ((14, 3), 17, "   is no word ^^^"),
        ((14, 5), 17, "  is no word"),
        ((12, 3), 16, "       none ^^^"),
        (None, 20, "  is no word"),
        (None, 8, "  none"),
        (None, 3, "  none"),
        ((0, 0), 20, "^ is no word"),
    ],
)
def test_carets_stand_below_the_place_or_nowhere(place: tuple[int, int] | None, width: int, told: str) -> None:
    assert text_of(pointed(["is no word", "none"], place, 2, width)) == told
