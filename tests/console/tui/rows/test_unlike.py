"""What is not like the others of its action: a mark on its row, and where it is so in its detail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daebus_console.engine.session import Session
from tests.console.tui.scene import NOON
from tests.console.tui.support import Driver, drive, fed


def odd_one() -> Session:
    """Eighty orders; one of the last has no user, and what it was answered has a field more."""
    session = fed(NOON)

    def say(at: float, channel: str, message: Any) -> None:
        session.on_batch(at, [(channel, json.dumps(message).encode())])

    for number in range(80):
        odd = number == 77
        asked = {"amount": number} if odd else {"amount": number, "user": "ann"}
        head = {"action": "order", "request_id": f"r{number}", "service": "web", "reply_to": "caller:1"}
        say(NOON - 90 + number, "shop", {**head, "payload": asked})
        said = {"ok": True, "note": "x"} if odd else {"ok": True}
        say(NOON - 90 + number, "caller:1", {"status": "success", "request_id": f"r{number}", "payload": said})
    return session


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
def test_a_mark_on_its_row_and_where_in_its_detail(size: tuple[int, int]) -> None:
    async def story(d: Driver) -> None:
        await d.until(lambda: "≠" in d.text, what="a mark")
        (row,) = [line for line in d.text.splitlines() if "≠" in line]
        assert " 78 " in row
        await d.press("up", "up", "up", "enter", "1")
        await d.sees("≠ payload.user is missing", "79 of 80 others are not so")
        await d.press("2")
        await d.sees("payload.note is a field that")
        assert "payload.user is" not in d.text

    drive(odd_one(), story, size)


def test_by_message_both_are_marked_and_a_mark_of_ones_own_goes_first() -> None:
    async def story(d: Driver) -> None:
        await d.press("b")
        await d.until(lambda: d.text.count("≠") == 2, what="a mark on either message")
        await d.press("b", "up", "up", "up", "m")
        await d.until(lambda: "◆" in d.line(" 78 ") and "≠" not in d.line(" 78 "), what="one's own mark")

    drive(odd_one(), story)
