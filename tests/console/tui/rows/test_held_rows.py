"""What is held, as a row: who asked, and whether it still waits."""

from __future__ import annotations

import pytest

from daebus_console.engine.holding.desk import Held
from daebus_console.engine.holding.report import Hold
from daebus_console.tui.rows.holding import held_row
from daebus_console.tui.rows.lines import text_of


@pytest.mark.parametrize(
    ("sender", "width", "told"),
    [
        ("gateway", 79, "gateway waits on"),
        ("a-gateway-of-a-long-name", 79, "waits on"),
        ("a-gateway-of-a-long-name", 160, "a-gateway-of-a-long-name waits on"),
    ],
)
def test_who_asked_is_told_where_both_have_room(sender: str, width: int, told: str) -> None:
    hold = Hold("payment", "i", "h", "request", "refund", "me", "r", 0.0, 300.0, waits=True, sender=sender)
    row = text_of(held_row(Held(1, [hold]), width, 5.0, {}, "me"))
    assert row.endswith(f"  {told}")
    assert len(row) <= width
