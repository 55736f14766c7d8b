"""What is looked at stays, whatever becomes of the room that it has, and whatever comes beside it."""

from __future__ import annotations

import pytest

from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.widgets import flow_view
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive, fed

LONG = " ".join(f"word{number}" for number in range(80))
MANY = {f"row{number}": number for number in range(60)}
"""More fields than are opened by themselves of what is not the newest part."""
FIELDS = {f"field{number}": f"{number} {LONG}" for number in range(12)}


def here(console: Driver) -> str:
    """The line under the cursor of the detail."""
    view = console.app.main.detail.view
    index = view.cursor_index()
    assert index is not None
    assert view.top <= index < view.top + view.page, console.text
    return text_of(view.line(index, view.row_width()))


async def look_into(console: Driver) -> None:
    """Have the keyboard in the answer of that request."""
    await console.sees(" ask ")
    await console.press("up", "enter", "2")
    await console.sees("Fold")


def test_the_value_under_the_cursor_stays_under_it_when_values_are_wrapped(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "ask", 1)
        console.answer(1, FIELDS)
        await look_into(console)
        await console.press(*["down"] * 6)
        assert "field5" in here(console)
        for _again in range(2):
            await console.press("w", "y")
            assert "field5" in here(console)
            assert console.app.clipboard == FIELDS["field5"]
        await console.press("w", "f2", "z")
        assert "field5" in here(console)
        await console.press("z", "f2")
        assert "field5" in here(console)

    drive(redis_url, story)


def test_the_bytes_under_the_cursor_stay_under_it_at_another_width(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        def nearby() -> bool:
            view = console.app.main.detail.view
            index = view.cursor_index()
            return index is not None and "field7" in "".join(
                text_of(view.line(index + beside, view.row_width())) for beside in (0, 1)
            )

        console.request(name, "ask", 1)
        console.answer(1, FIELDS)
        await look_into(console)
        await console.press("4", "slash")
        await console.type("field7")
        await console.press("enter", "escape")
        assert '"field7' in here(console)
        for key in ("f2", "z", "z", "f2"):
            await console.press(key)
            await console.until(nearby, what=f"the same bytes after {key}")

    drive(redis_url, story)


def test_the_part_that_is_looked_at_stays_open_when_the_next_one_comes(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "ask", 1)
        for part in (1, 2):
            console.answer(1, {"done": part, "of": "all", **MANY}, final=False)
        await console.sees("part 2")
        await look_into(console)
        await console.press("down", "down", "down")
        assert "of:" in here(console)
        view = console.app.main.detail.view

        def done() -> list[str]:
            lines = [text_of(view.line(index, 80)).strip(" ≠") for index in range(view.count())]
            return [line for line in lines if line.startswith("done:")]

        for part in (3, 4):
            console.answer(1, {"done": part, "of": "all", **MANY}, final=False)
            await console.until(lambda part=part: done() == ["done: 2", f"done: {part}"])
            assert "of:" in here(console)

    drive(redis_url, story)


def test_what_is_looked_at_stays_when_the_terminal_gets_another_size() -> None:
    async def story(console: Driver) -> None:
        await console.press("left_square_bracket", "enter", "4", "G")
        before = here(console)
        for size in ((80, 24), (200, 60), (40, 20), (120, 35)):
            await console.pilot.resize_terminal(*size)
            assert here(console)
        assert here(console) == before

    drive(scene(), story)


def test_a_filter_that_is_entered_while_it_still_looks_leaves_the_flow_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = fed(5000.0)
    for number in range(3000):
        session.on_batch(float(number), [("odd" if number % 10 else "tenth", b'{"n": %d}' % number)])

    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        await console.until(lambda: flow.count() == 3000)
        flow.go_to(1000)
        await console.until(lambda: flow.top < 1000 < flow.top + flow.page)
        flow.scroll_rows(1001 - flow.top)
        stood = flow.rows[flow.top]
        monkeypatch.setattr(flow_view, "BUDGET", 0.0)
        tick, flow.tick = flow.tick, lambda: None  # type: ignore[method-assign]
        await console.press("slash")
        await console.type("channel:tenth")
        tick()
        assert flow.model.looks_back
        await console.press("enter")
        while flow.model.busy:
            tick()
        assert flow.count() == 300
        assert flow.rows[flow.top] == next(row for row in map(flow.rows.__getitem__, range(300)) if row >= stood)

    drive(session, story)


def test_where_the_answer_comes_in_place_of_the_wait_for_it_nothing_is_looked_for_that_is_gone(
    redis_url: str, name: str
) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "ask", 1)
        await look_into(console)
        await console.press("w")
        console.answer(1, FIELDS)
        await console.sees("field0")
        await console.press("w")
        assert "answer" in here(console)

    drive(redis_url, story)
