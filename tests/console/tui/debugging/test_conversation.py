"""The conversation on the screen as it goes on, a value that is followed from the detail, and failures in groups."""

from __future__ import annotations

import asyncio
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.screens.conversation import ConversationScreen
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive, grid


def test_the_conversation_grows_while_it_is_looked_at_and_leads_to_its_exchanges(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "order", 1)
        await console.sees("order")
        await console.press("up", "V")
        await console.sees("Conversation", f"{name}.order", "1 exchange,", "not answered yet", "╌")
        console.request(name, "reserve", 2, caller="orders", parent_id="r1")
        await console.sees("2 exchanges", f"└ {name}.reserve")
        console.answer(2, {"error": "no room"}, status="error")
        console.answer(1, {}, elapsed=0.001)
        await console.sees("1 failed", "no room", "arose here", "answered well all the same", "█")
        await console.press("down", "enter")
        await console.until(lambda: console.app.screen is console.app.main)
        shown = console.app.main.detail.exchange
        assert shown is not None
        assert shown.action == "reserve"

    drive(redis_url, story)


def test_v_on_a_value_shows_whatever_carries_it(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "order", 1, {"id": 'ord "17"*', "n": 5})
        console.request(name, "other", 2, {"id": "ord 18"})
        console.publish(f"{name}.news", {"deep": [{"order": 'ord "17"*'}]})
        await console.sees("order", "other", "news")
        await console.press("up", "up", "up", "enter", "1", "down", "down", "v")
        await console.until(lambda: console.app.main.filter_text == 'carries:"ord \\"17\\"\\*"')
        await console.until(lambda: "other" not in "\n".join(grid(console.app)))
        await console.press("g", "v")
        told = console.app._notifications
        await console.until(lambda: any("Put the cursor on a text" in one.message for one in told))

    drive(redis_url, story)


def test_a_group_of_failures_leads_to_its_members(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        for number in range(3):
            console.request(name, "order", number)
            console.answer(number, {"error": f"no room for {number}", "code": "handler_error"}, status="error")
        console.request(name, "fine", 7)
        console.answer(7, {})
        await console.sees("order", "fine")
        await console.until(lambda: console.line("fine") and "pending" not in console.text)
        await console.press("W")
        await console.sees("3 of 4 exchanges in 1 group", f"{name}.order", "no room for N")
        await console.press("enter")
        await console.sees("3 of 4")
        assert console.app.main.filter_text.endswith('payload.error:"no room for *"')
        await console.loses("fine")

    drive(redis_url, story)


@pytest.mark.parametrize(("key", "title"), [("V", "Conversation"), ("D", "Sequence")])
def test_what_belongs_together_is_looked_for_aside(key: str, title: str) -> None:
    """Keys go on meanwhile, and whoever has left is not fetched back."""

    async def story(console: Driver) -> None:
        await console.until(lambda: console.app.main.flow.count() >= 18)
        busy, aside = threading.Event(), ThreadPoolExecutor(1)
        asyncio.get_running_loop().set_default_executor(aside)
        aside.submit(busy.wait)
        try:
            await console.press("left_square_bracket", key)
            await console.sees(f" {title}  looking …")
            await console.press("down", "right", "f11", "enter", "escape")
            assert console.app.screen is console.app.main
            await console.press(key)
            await console.sees(f" {title}  looking …")
        finally:
            busy.set()
        await console.sees(title, "1 exchange,")
        await console.press("escape")
        await console.until(lambda: console.app.screen is console.app.main)

    drive(scene(), story)


@pytest.mark.parametrize("width", [32, 36, 40, 60])
def test_the_bar_yields_to_how_long_it_took(width: int) -> None:
    async def story(console: Driver) -> None:
        with console.app.session.lock:
            charged = [one.number for one in console.app.session.journal.exchanges if one.action == "charge"]
        console.app.main.select(charged[-1])
        await console.press("V")
        await console.sees("Conversation")
        screen = console.app.screen
        assert isinstance(screen, ConversationScreen)
        await console.until(lambda: screen.list.count() > 1)
        rows = [text_of(line) for _number, line in screen.list.lines if text_of(line).startswith("#")]
        assert any("charge" in row for row in rows)
        assert all(re.search(r" <?\d[\d.]* ?(µs|ms|s)$", row) and len(row) < width for row in rows), rows

    drive(scene(), story, size=(width, 24))
