"""The cursor of a list stays on its row, and that in sight, whatever comes, goes or changes its place."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from daebus_console.engine.session import Session
from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.screens import groups
from daebus_console.tui.screens.conversation import WaterfallList
from daebus_console.tui.screens.groups import GroupsScreen
from daebus_console.tui.screens.stats import StatsScreen
from daebus_console.tui.widgets.figure_list import FigureList
from daebus_console.tui.widgets.flow_view import OLDEST, SLOWEST
from tests.console.tui.support import Driver, drive, fed

NOON = 1_700_000_000.0


def asked(session: Session, number: int, action: str, took: float, status: str = "success") -> None:
    """A request to orders that was answered after so long."""
    request = {"action": action, "request_id": f"r{number}", "payload": {}, "reply_to": "caller:1"}
    answer = {"status": status, "request_id": f"r{number}", "payload": {"error": action}}
    session.on_batch(NOON, [("orders", json.dumps(request).encode())])
    session.on_batch(NOON + took, [("caller:1", json.dumps(answer).encode())])


def in_sight(rows: FigureList) -> Any:
    """What the cursor is on, which is on the screen."""
    index = rows.cursor_index()
    assert index is not None
    assert rows.top <= index < rows.top + rows.page
    return rows.chosen()


def test_the_slowest_exchange_under_the_cursor_stays_under_it_where_slower_ones_come() -> None:
    session = fed(NOON + 100)
    for number in range(30):
        asked(session, number, "place", 1 + number / 100)

    async def story(console: Driver) -> None:
        await console.press("S")
        await console.sees("1.29s")
        await console.press("tab", "down", "down")
        screen = console.app.screen
        assert isinstance(screen, StatsScreen)
        chosen = in_sight(screen.slowest).number
        for number in range(30, 60):
            asked(session, number, "place", 20)
        screen.renew()
        assert in_sight(screen.slowest).number == chosen
        await console.press("enter")
        exchange = console.app.main.selected_exchange()
        assert exchange is not None
        assert exchange.number == chosen

    drive(session, story, (80, 24))


def test_the_action_under_the_cursor_stays_in_sight_where_others_become_busier() -> None:
    session = fed(NOON + 100)
    for number in range(30):
        asked(session, number, f"act{number:02}", 1)

    async def story(console: Driver) -> None:
        await console.press("S")
        await console.sees("act01")
        await console.press("down", "down")
        screen = console.app.screen
        assert isinstance(screen, StatsScreen)
        chosen = in_sight(screen.figures).action
        for number in range(30, 200):
            asked(session, number, f"act{2 + number % 28:02}", 1)
        screen.renew()
        assert in_sight(screen.figures).action == chosen
        assert (screen.figures.cursor_index() or 0) > 10

    drive(session, story, (80, 24))


def test_the_group_under_the_cursor_stays_under_it_where_another_becomes_the_greatest() -> None:
    session = fed(NOON + 100)
    for number, action in enumerate(("rare", "often", "often")):
        asked(session, number, action, 1, "error")

    async def story(console: Driver) -> None:
        await console.press("W")
        await console.sees("orders.rare", "orders.often")
        screen = console.app.screen
        assert isinstance(screen, GroupsScreen)
        assert in_sight(screen.list).key.action == "often"
        for number in range(3, 9):
            asked(session, number, "rare", 1, "error")
        await console.press("R")
        await console.sees("9 of 9 exchanges")
        assert in_sight(screen.list).key.action == "often"

    drive(session, story)


def test_while_it_is_looked_for_what_failed_nobody_is_told_that_nothing_did(monkeypatch: Any) -> None:
    session, go = fed(NOON + 100), threading.Event()
    asked(session, 1, "place", 1, "error")

    class Slow(groups.Groups):
        def add_all(self, exchanges: Any) -> Any:
            assert go.wait(30)
            return super().add_all(exchanges)

    monkeypatch.setattr(groups, "Groups", Slow)

    async def story(console: Driver) -> None:
        await console.press("W")
        await console.sees("Looking …")
        assert "Nothing that is remembered has failed" not in console.text
        go.set()
        await console.sees("orders.place")

    try:
        drive(session, story)
    finally:
        go.set()


def test_the_slowest_are_seen_as_they_come_until_a_row_is_chosen() -> None:
    session = fed(NOON + 100)
    for number in range(40):
        asked(session, number, "place", 1 + number / 100)

    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        flow.set_order(SLOWEST)
        await console.until(lambda: flow.count() == 40)
        asked(session, 40, "place", 7)
        await console.sees("7.00s")
        assert flow.top == 0
        await console.press("down", "down")
        chosen, top = flow.selected, flow.rows[flow.top]
        asked(session, 41, "place", 8)
        await console.until(lambda: flow.rows[0] == 42)
        assert (flow.selected, flow.rows[flow.top]) == (chosen, top)
        flow.scroll_rows(-5)
        await console.sees("8.00s")
        asked(session, 42, "place", 9)
        await console.sees("9.00s")

    drive(session, story, (80, 24))


@pytest.mark.parametrize("keys", [(), ("down",)])
def test_from_the_slowest_f_leads_to_the_newest_and_stays_with_them(keys: tuple[str, ...]) -> None:
    session = fed(NOON + 100)
    for number in range(40):
        asked(session, number, "place", 1)

    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        flow.set_order(SLOWEST)
        await console.press(*keys, "f")
        assert flow.order == OLDEST
        assert flow.following
        assert flow.top == flow.bottom

    drive(session, story, (80, 24))


def test_where_the_selected_one_of_the_slowest_is_hidden_the_others_stay_where_they_are() -> None:
    session = fed(NOON + 100)
    for number in range(60):
        asked(session, number, "place" if number % 3 else "cancel", 10 - number / 10)

    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        flow.set_order(SLOWEST)
        await console.until(lambda: flow.count() == 60)
        await console.press("g", *["down"] * 30)
        top = flow.top
        assert top > 0
        await console.press("x")
        await console.until(lambda: flow.count() == 40)
        assert flow.top == top
        await console.press("down")
        here = flow.cursor_index()
        assert here is not None
        assert here >= top

    drive(session, story, (80, 24))


def test_the_slowest_are_seen_in_the_statistics_as_they_come_until_somebody_is_in_their_list() -> None:
    session = fed(NOON + 100)
    for number in range(30):
        asked(session, number, "place", 1 + number / 100)

    async def story(console: Driver) -> None:
        await console.press("S")
        await console.sees("1.29s")
        screen = console.app.screen
        assert isinstance(screen, StatsScreen)
        for number in range(30, 60):
            asked(session, number, "place", 20)
        asked(session, 60, "place", 21)
        screen.renew()
        assert (in_sight(screen.slowest).number, screen.slowest.top) == (61, 0)

    drive(session, story, (80, 24))


def test_the_entry_of_the_directory_under_the_cursor_stays_where_it_is_whoever_comes_before_it() -> None:
    session = fed(NOON + 100)

    def come(*names: str) -> None:
        session.on_batch(NOON, [(name, json.dumps({"action": "a", "payload": {}}).encode()) for name in names])

    come(*(f"m{number:02}" for number in range(40)))

    async def story(console: Driver) -> None:
        directory = console.app.main.directory
        await console.until(lambda: directory.count() == 40)
        await console.press("shift+tab", *["down"] * 12)

        def seen() -> tuple[str, int]:
            index = directory.cursor_index()
            assert index is not None
            assert directory.top <= index < directory.top + directory.page
            return directory.rows[index].name, index - directory.top

        first = seen()
        assert directory.top == 0
        come(*(f"a{number:02}" for number in range(30)))
        await console.until(lambda: directory.rows[0].name == "a00")
        assert seen()[0] == first[0]
        directory.scroll_rows(2)
        there = seen()
        come(*(f"a00b{number:02}" for number in range(30)))
        await console.until(lambda: any(row.name == "a00b29" for row in directory.rows))
        assert seen() == there

    drive(session, story, (80, 24))


def test_the_row_of_a_conversation_under_the_cursor_stays_under_it_as_more_comes_before_it() -> None:
    async def story(console: Driver) -> None:
        rows = WaterfallList()
        await console.app.main.mount(rows, before=0)
        await console.until(lambda: rows.page > 2)
        rows.draw([(number, [(f"{number}{part}", "plain")]) for number in range(1, 4) for part in "abc"])
        rows.put_cursor(4)
        rows.draw([(number, [(f"{number}{part}", "plain")]) for number in (1, *range(7, 40), 2, 3) for part in "abc"])
        assert text_of(rows.lines[rows.cursor_index() or 0][1]) == "2b"
        assert rows.in_sight()
        rows.draw([(number, [(f"{number}a", "plain")]) for number in range(1, 4)])
        assert text_of(rows.lines[rows.cursor_index() or 0][1]) == "2a"

    drive(fed(NOON), story)


def on_its_line(console: Driver) -> tuple[int, int]:
    """The selected row of the flow, which is on the screen, and how far below the first one."""
    flow = console.app.main.flow
    here = flow.cursor_index()
    assert here is not None
    assert flow.in_sight()
    return flow.rows[here], here - flow.top


def test_the_selected_row_stays_where_it_is_while_a_filter_is_lifted_and_put_back() -> None:
    session = fed(NOON + 100)
    for number in range(200):
        asked(session, number, "place", 1, status="success" if number % 20 else "error")

    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        await console.until(lambda: flow.count() == 200)
        console.app.main.narrow_to("status:error")
        await console.until(lambda: flow.count() == 10)
        await console.press("g", *["down"] * 4)
        before = on_its_line(console)
        await console.press("backslash")
        await console.until(lambda: flow.count() == 200)
        assert on_its_line(console) == before
        await console.press("backslash")
        await console.until(lambda: flow.count() == 10)
        assert on_its_line(console) == before

    drive(session, story, (80, 24))


def test_the_selected_one_of_the_slowest_stays_where_it_is_where_others_come_between() -> None:
    session = fed(NOON + 100)
    for number in range(40):
        asked(session, number, "place", 10 - number / 10)

    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        flow.set_order(SLOWEST)
        await console.until(lambda: flow.count() == 40)
        await console.press("g", *["down"] * 4)
        before = on_its_line(console)
        for number in range(40, 80):
            asked(session, number, "place", 9.95)
        await console.until(lambda: flow.count() == 80 and flow.rows[1] != 2)
        assert on_its_line(console) == before

    drive(session, story, (80, 24))
