"""However small the terminal: nothing is lost but room. Every screen, from one cell on, and back to a large one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from textual.timer import Timer
from textual.widget import Widget

from daebus_console.tui.app import ConsoleApp
from daebus_console.tui.widgets.figure_list import FigureList
from daebus_console.tui.widgets.row_list import RowList
from tests.console.tui.scene import NOON, scene
from tests.console.tui.support import Driver, drive, fed, grid
from tests.console.tui.test_bindings import PANES, back
from tests.console.tui.test_golden import LAST_ERROR

WAYS: dict[str, tuple[str, ...]] = {
    **{name: keys for name, (keys, _classes) in PANES.items()},
    "response": ("left_square_bracket", "enter", "2"),
    "timeline": ("left_square_bracket", "enter", "3"),
    "raw": ("left_square_bracket", "enter", "4"),
    "bytes": ("left_square_bracket", "enter", "4", "h"),
    "a value whole": ("left_square_bracket", "enter", "w"),
    "compare one": (*["left_square_bracket"] * 4, "d", "n", "enter"),
    "compare payloads": (*["left_square_bracket"] * 4, "d", "w"),
    "edit": ("left_square_bracket", "e"),
    "command": ("colon", "r"),
    "completion": ("colon", "r", "tab"),
    "search": ("colon", "ctrl+r", "a"),
    "palette": ("ctrl+p", "a"),
    "by message": ("b",),
    "slowest first": ("o", "o"),
    "zoomed": ("z",),
}
SIZES = ((1, 1), (2, 35), (120, 1), (25, 9))
KEYS = ("down", "end", "pageup", "pagedown")


@pytest.mark.parametrize("names", [sorted(WAYS)[part::4] for part in range(4)], ids=", ".join)
def test_no_size_is_too_small(names: list[str]) -> None:
    """Each from where the console begins."""

    async def story(console: Driver) -> None:
        for name in names:
            at = name
            try:
                await console.press(*WAYS[name])
                for size in SIZES:
                    at = f"{name} at {size}"
                    await console.pilot.resize_terminal(*size)
                    await console.press(*KEYS)
                at = f"{name}, large again"
                await console.pilot.resize_terminal(120, 35)
                await console.press("escape", "escape", "escape")
                await console.sees("daebus", "took")
                await back(console)
            except Exception as error:
                sizes = [(screen, screen._size) for screen in console.app.screen_stack]
                error.add_note(f"{at}; {console.app.size} in all, {sizes}")
                raise

    drive(scene(), story)


def test_a_size_is_taken_also_where_the_timer_for_it_never_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short ones of Textual's do not where the machine is busy: findings/textual-one-shot-timers-may-never-ring.sh."""
    rings = ConsoleApp.set_timer

    def set_timer(app: ConsoleApp, delay: float, *args: Any, **named: Any) -> Timer:
        return rings(app, delay, *args, **named) if delay > 0.01 else Timer(app, delay)

    monkeypatch.setattr(ConsoleApp, "set_timer", set_timer)

    async def story(console: Driver) -> None:
        for size in ((25, 9), (120, 35)):
            await console.pilot.resize_terminal(*size)
            await console.until(lambda size=size: console.app.screen._size == size)

    drive(scene(), story)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 35), (120, 1)], ids=str)
def test_it_starts_at_any_size_and_grows(size: tuple[int, int]) -> None:
    async def story(console: Driver) -> None:
        # What is typed blindly does what it does on a large screen.
        await console.press("left_square_bracket", "enter", "2", "escape", "S", "escape", "D", "escape")
        await console.pilot.resize_terminal(120, 35)
        await console.sees("daebus", "Flow")

    drive(scene(), story, size)


def cursor_line(console: Driver) -> str:
    """What stands on the row of the focused list that the cursor is on, where that is on the screen."""
    rows = console.app.focused
    assert isinstance(rows, RowList)
    index = rows.cursor_index()
    if index is None or not rows.top <= index < rows.top + rows.page or not rows.region.height:
        return ""
    return grid(console.app)[rows.region.y + index - rows.top][rows.region.x :][: rows.size.width].strip()


@pytest.mark.parametrize("where", ["flow", "by message", "shape"])
def test_the_row_that_the_cursor_is_on_stays_on_the_screen_when_it_gets_smaller(where: str) -> None:
    async def story(console: Driver) -> None:
        await console.press(*WAYS[where])
        await console.until(lambda: isinstance(console.app.focused, RowList) and console.app.focused.count() > 8)
        await console.press("end", "up")
        rows = console.app.focused
        assert isinstance(rows, RowList)
        index = rows.cursor_index()
        assert index is not None
        assert cursor_line(console)
        # Whatever the row says at each width, its first signs are the same.
        for size in ((120, 27), (120, 22), (120, 35)):
            await console.pilot.resize_terminal(*size)
            await console.until(lambda: cursor_line(console) != "", what=f"the row at {size}")
            assert rows.cursor_index() == index
            # What is looked at stays there, however often it is drawn.
            console.app.main.flow.tick()
            assert cursor_line(console)

    drive(scene(), story)


def test_the_row_stays_on_the_screen_when_another_pane_takes_its_room() -> None:
    async def story(console: Driver) -> None:
        await console.press("f3")
        await console.press(*["left_square_bracket"] * 2, "end", "up")
        flow = console.app.main.flow
        high, before = flow.size.height, cursor_line(console)
        assert before
        await console.press("f3")
        await console.until(lambda: flow.size.height < high)
        await console.until(lambda: cursor_line(console)[:20] == before[:20])

    drive(scene(), story)


def test_the_newest_stays_on_the_screen_where_it_is_followed() -> None:
    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        assert flow.following
        await console.pilot.resize_terminal(120, 24)
        await console.until(lambda: flow.size.height < 8)
        await console.sees("     23 gateway")

    drive(scene(), story)


@pytest.mark.parametrize(
    ("size", "rows"), [((120, 19), 6), ((120, 10), 4), ((60, 15), 4), ((40, 12), 5), ((20, 5), 2)], ids=str
)
def test_on_a_small_screen_the_flow_has_the_room(size: tuple[int, int], rows: int) -> None:
    """And each other pane has some while the keyboard is in it."""

    async def story(console: Driver) -> None:
        main = console.app.main
        flow = main.flow

        async def has(pane: Widget, least: int) -> None:
            await console.until(lambda: pane.size.height >= least and pane.size.width >= 16, what=f"{pane} has room")

        await has(flow, rows)
        await console.press("left_square_bracket")
        await console.until(lambda: cursor_line(console) != "", what="the selected row")
        await console.press("enter")
        await console.until(lambda: main.detail.view.has_focus)
        await has(main.detail.view, 1)
        await console.press("escape")
        await has(flow, rows)
        await console.until(lambda: cursor_line(console) != "", what="the selected row")
        await console.press("shift+tab")
        await console.until(lambda: main.directory.has_focus)
        await has(main.directory, 2)
        await console.press("escape", "colon")
        await console.type("unheard-of")
        await has(main.repl.line, 1)
        await console.press("enter")
        await console.until(lambda: any("unheard-of" in line for line in map(str, main.repl.output.lines)))
        if size[1] >= 10:
            await console.until(lambda: any(line.strip(" ▁").endswith("quit") for line in grid(console.app)))
        await console.press("escape")
        await has(flow, rows)

    drive(scene(), story, size=size)


def test_a_mistake_is_told_where_the_command_pane_has_no_room() -> None:
    async def story(console: Driver) -> None:
        console.app.main.do("show #9999")
        await console.sees("#9999")

    drive(scene(), story, size=(60, 7), notifications=True)


def test_what_other_screens_are_for_has_room_on_a_small_one() -> None:
    async def story(console: Driver) -> None:
        await console.press("S")
        await console.sees("all together", "get_user", "Slowest")
        await console.press("escape", "exclamation_mark")
        await console.sees("▲", "The finding")
        found = console.app.focused
        assert found is not None
        await console.until(lambda: found.size.height >= 3)

    drive(scene(), story, size=(120, 10))


@pytest.mark.parametrize("name", ["statistics", "what failed", "findings", "shape"])
def test_lists_have_the_width_of_the_screen_from_the_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else their columns are named elsewhere than they are, until they are named anew."""
    widths: set[int] = set()
    monkeypatch.setattr(FigureList, "on_resize", lambda rows: widths.add(rows.size.width), raising=False)

    async def story(console: Driver) -> None:
        await console.press(*WAYS[name])
        await console.until(lambda: widths)

    drive(scene(), story, size=(40, 12))
    assert widths == {40}


@pytest.mark.parametrize("size", [(40, 7), (40, 12), (60, 14), (40, 24), (80, 20), (80, 24)], ids=str)
def test_what_is_said_in_passing_leaves_the_command_line_alone_and_the_newest_is_read(size: tuple[int, int]) -> None:
    async def story(console: Driver) -> None:
        await console.press("colon", *"help")
        for number in range(4):
            console.app.main.notify(
                f"{number} is what is said, in a line that is longer than half of the screen is wide"
            )
        await console.sees("3 is what is said")
        line = console.app.main.repl.line
        lines = grid(console.app)[line.region.y :]
        assert lines[0].strip() == "help"
        assert not any("▌" in one for one in lines)

    drive(scene(), story, size=size, notifications=True)


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_the_title_of_the_detail_says_which_action_it_is(width: int) -> None:
    async def story(console: Driver) -> None:
        await console.press(*LAST_ERROR, "enter")
        tabs = console.app.main.detail.tabs
        told = grid(console.app)[tabs.region.y][tabs.region.x :]
        assert "Response" in told
        assert "payment.charge"[: width // 4] in told
        assert ("payment.charge  ✗ error" in told) == (width > 40)
        assert ("Timeline" in told) == (width > 80)
        # Wherever the tabs stand, they are where they are clicked.
        assert await console.pilot.click(tabs, offset=(told.index("4"), 0))
        await console.until(lambda: console.app.main.detail.tab == "Raw")

    drive(scene(), story, size=(width, 30))


@pytest.mark.parametrize("width", [80, 120])
def test_a_long_name_leaves_the_action_and_how_it_stands_in_the_title_of_the_detail(width: int) -> None:
    session = scene()
    asked = {"action": "charge", "payload": {}, "request_id": "long", "reply_to": "caller:x"}
    session.on_batch(NOON, [("payment" + "x" * 100, json.dumps(asked).encode())])

    async def story(console: Driver) -> None:
        await console.press("up", "enter")
        tabs = console.app.main.detail.tabs
        told = grid(console.app)[tabs.region.y]
        assert "….charge  " in told
        assert told.endswith(" waiting")

    drive(session, story, size=(width, 30))


def test_the_command_pane_begins_with_a_whole_sentence_at_any_width() -> None:
    async def story(console: Driver) -> None:
        for size, told in (
            ((120, 35), "help lists the commands, tab completes, ↑ brings back what was entered."),
            ((40, 12), "help lists commands, tab completes"),
            ((25, 12), "help lists commands"),
            ((80, 24), "help lists the commands, tab completes, ↑ brings back what was entered."),
        ):
            await console.pilot.resize_terminal(*size)
            await console.until(lambda told=told: told in [line.strip() for line in grid(console.app)])

    drive(scene(), story)


@pytest.mark.parametrize(("width", "says"), [(90, "(help lists all commands)"), (60, "…"), (30, "commands")])
def test_what_stands_in_an_empty_line_is_whole(width: int, says: str) -> None:
    async def story(console: Driver) -> None:
        line = console.app.main.repl.line
        told = grid(console.app)[line.region.y].strip()
        assert told == line.placeholder
        assert told.endswith(says)

    drive(fed(100.0), story, (width, 24))


@pytest.mark.parametrize(("size", "width"), [((60, 18), 60), ((80, 24), 78), ((140, 40), 90)])
def test_a_dialog_uses_the_room_of_a_small_screen(size: tuple[int, int], width: int) -> None:
    session = fed(100.0)
    session.on_batch(90.0, [("news", b'{"a": 1}')])

    async def story(console: Driver) -> None:
        await console.press("up", "Y")
        assert console.app.screen.query_one(".dialog").region.width == width
        assert console.line("capture    a capture that can be opened and replayed")

    drive(session, story, size)
