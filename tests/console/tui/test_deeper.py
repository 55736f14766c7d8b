"""What goes beyond looking: orders, views, marks, finding, sending again, statistics, diagrams, the palette."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import OptionList

from daebus import DaebusCaller
from daebus_console.commands.doing.shared.copying import MOST
from daebus_console.engine.offline import OfflineSession
from daebus_console.tui.rows.exchanges import heading
from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.screens.findings import FindingsScreen
from daebus_console.tui.screens.main import MainScreen
from daebus_console.tui.settings import SettingsFile
from daebus_console.tui.widgets import flow_view
from daebus_console.tui.widgets.flow_view import SLOWEST
from tests.console.replay.conftest import Shop
from tests.console.replay.test_replay import Record
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive, fed, grid
from tests.console.tui.test_bindings import go


async def traffic(console: Driver, name: str) -> None:
    """Three exchanges: a quick one, one that failed, one that streams."""
    console.request(name, "quick", 1, {"id": 7})
    console.answer(1, {"name": "Ann"})
    console.request(name, "broken", 2)
    console.answer(2, {"error": "out of order", "code": "handler_error"}, status="error")
    console.request(name, "stream", 3)
    for percent in (10, 20):
        console.answer(3, {"percent": percent, "of": "all"}, final=False)
    await console.sees("quick", "broken", "part 2")


def test_by_message_shows_both_ends_and_p_goes_from_one_to_the_other(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await traffic(console, name)
        await console.press("up", "up", "up")
        await console.sees("Ann")
        await console.press("b")
        await console.sees("Messages", "asks", "⋯ part")
        flow = console.app.main.flow
        first = flow.selected
        assert console.app.main.detail.exchange is not None
        assert console.app.main.detail.exchange.action == "quick"
        await console.press("p")
        await console.until(lambda: flow.selected != first)
        await console.press("p")
        await console.until(lambda: flow.selected == first)

    drive(redis_url, story)


def test_errors_and_marks_are_gone_to_by_keys(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await traffic(console, name)
        await console.press("left_square_bracket")
        await console.sees("out of order")
        await console.press("m", "G", "quotation_mark")
        await console.until(lambda: "◆" in console.line("broken"))
        assert console.app.main.detail.exchange is not None
        assert console.app.main.detail.exchange.action == "broken"

    drive(redis_url, story)


def test_the_newest_or_the_slowest_come_first(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await traffic(console, name)

        def order() -> list[str]:
            words = ("quick", "broken", "stream")
            return [word for line in grid(console.app) for word in words if f"{word} " in line and "shop" in line]

        assert order() == ["quick", "broken", "stream"]
        await console.press("o")
        await console.until(lambda: order() == ["stream", "broken", "quick"])
        await console.press("o")
        await console.sees("slowest first")
        await console.until(lambda: order()[0] == "stream")

    drive(redis_url, story)


def test_the_slowest_of_what_a_filter_leaves_are_there_at_once_and_then_what_came_last(
    redis_url: str, name: str
) -> None:
    settings = SettingsFile(values={"order": SLOWEST})

    async def story(console: Driver) -> None:
        await traffic(console, name)
        flow = console.app.main.flow
        assert flow.order == SLOWEST
        await console.until(lambda: flow.count() == 3)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(flow_view, "RANK_EVERY", 1e9)
            await console.press("slash")
            await console.type("quick")
            await console.until(lambda: flow.count() == 1)
        await console.press("escape")
        console.request(name, "last", 9)
        # Nothing else comes that would have the flow look again.
        await console.until(lambda: flow.count() == 4)

    drive(redis_url, story, settings=settings)


def test_a_capture_in_the_remembered_order_shows_its_rows(capture: Record, caller: DaebusCaller, shop: Shop) -> None:
    path = capture(lambda: [caller.send_request("echo", {"n": index}) for index in range(3)])

    async def story(console: Driver) -> None:
        assert console.app.main.flow.order == SLOWEST
        await console.until(lambda: console.app.main.flow.count() == 3)

    with OfflineSession(path) as session:
        assert session.loaded.wait(30)
        drive(session, story, settings=SettingsFile(values={"order": SLOWEST}))


def test_parts_of_a_stream_show_what_has_changed(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await traffic(console, name)
        await console.press("up")
        await console.sees("part 1", "≠ percent: 20", 'of: "all"')
        assert "≠ of" not in console.text

    drive(redis_url, story)


def test_what_is_folded_away_is_found(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.publish(name, {"rows": [{"id": number, "deep": {"x": f"value-{number}"}} for number in range(200)]})
        await console.sees("· broadcast")
        await console.press("up", "enter", "slash")
        await console.type("value-150")
        await console.press("enter", "escape")
        await console.sees("value-150")
        assert console.app.main.detail.view.has_focus

    drive(redis_url, story)


def test_a_large_payload_is_there_without_holding_up_the_keys(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        data = {"rows": [{"id": number, "text": "x" * 80} for number in range(60_000)]}
        console.publish(name, json.dumps(data).encode())
        await console.sees("· broadcast")
        await console.press("up")
        await console.sees("60,000 items")

    drive(redis_url, story)


def test_an_exchange_becomes_a_command_to_be_changed_and_sent_again(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await traffic(console, name)
        await console.press("up", "up", "up", "i")
        line = console.app.main.repl.line
        await console.until(lambda: line.text == f"request {name} quick id:=7")
        assert line.has_focus

    drive(redis_url, story)


def test_the_like_of_a_row_is_muted_counted_and_brought_back(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await traffic(console, name)
        await console.press("up", "up", "up", "x")
        await console.until(lambda: not any("quick" in line and "shop" in line for line in grid(console.app)))
        console.request(name, "quick", 9)
        await console.sees("1 muted")
        await console.press("X")
        await console.until(lambda: sum("quick" in line and "shop" in line for line in grid(console.app)) == 2)

    drive(redis_url, story)


def test_a_click_on_a_service_narrows_to_it(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await traffic(console, name)
        console.publish(f"{name}-x", {"other": 1})
        await console.sees("· broadcast", "○")
        row = next(y for y, line in enumerate(grid(console.app)) if "○" in line)
        await console.pilot.click(offset=(8, row))
        await console.sees(f"/ service:{name}")
        assert "broadcast " not in console.line("·")
        await console.pilot.click(offset=(8, row))
        await console.loses(f"/ service:{name}")

    drive(redis_url, story)


def test_statistics_count_and_lead_back_to_the_exchanges(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await traffic(console, name)
        await console.press("S")
        await console.sees("Statistics", "all together", "broken", "1 100%", "Slowest")
        await console.press("j", "enter")
        await console.sees(f"to:{name} action:")

    drive(redis_url, story)


def test_a_sequence_diagram_shows_who_asked_whom(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "outer", 1)
        console.request(f"{name}b", "inner", 2, caller=name, parent_id="r1")
        console.answer(2)
        console.answer(1)
        await console.until(lambda: "✓ ok" in console.line("outer"))
        await console.press("up", "D")
        await console.sees("2 exchanges, 4 messages")
        arrows = [line for line in grid(console.app) if "▶" in line or "◀" in line]
        assert ["outer" in arrows[0], "inner" in arrows[1], "✓" in arrows[2], "◀" in arrows[3]] == [True] * 4
        await console.press("escape")
        await console.sees("Flow")

    drive(redis_url, story)


def test_a_screenshot_is_saved_where_other_files_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for a user who has no folder for downloads."""
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    monkeypatch.chdir(tmp_path)

    async def story(console: Driver) -> None:
        await console.press("ctrl+p")
        await console.type("screenshot")
        await console.sees("Save an SVG")
        await console.press("enter")
        await console.until(lambda: list(tmp_path.glob("*.svg")))

    drive(scene(), story)


def test_the_palette_holds_the_actions(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await console.press("ctrl+p")
        await console.type("follow")
        await console.sees("Flow: Follow")
        await console.press("enter")
        await console.until(lambda: not console.app.main.flow.following)

    drive(redis_url, story)


def test_the_palette_has_one_order() -> None:
    async def story(console: Driver) -> None:
        await console.press("ctrl+p")
        await console.sees("Flow: Details")
        options = console.app.screen.query_one(OptionList).options
        told = [option.hit.text for option in options]  # type: ignore[attr-defined]  # of the palette
        assert (told[0], told[-3:]) == ("Flow: Details", ["Quit", "Screenshot", "Theme"])

    drive(scene(), story)


def test_the_palette_holds_what_the_screen_in_front_can_do() -> None:
    async def story(console: Driver) -> None:
        await console.press("exclamation_mark", "ctrl+p")
        await console.sees("Findings: Note as known", "Console: Suspend")
        await console.loses("Flow: Follow")
        assert not any(word in console.text for word in ("Maximize", "summary of available keys", "Command: "))
        await console.type("also known")
        await console.sees("Findings: Also what is known")
        await console.press("enter")
        screen = console.app.screen
        await console.until(lambda: isinstance(screen, FindingsScreen) and screen.everything)
        assert console.app.screen is screen

    drive(scene(), story)


def test_a_pane_is_zoomed_hidden_and_resized(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await console.press("z")
        await console.loses("Services")
        await console.press("escape")
        await console.sees("Services")
        await console.press("f2")
        await console.loses("Services")
        await console.press("f2", "f4")
        await console.loses("Commands ")
        height = console.app.main.detail.size.height
        await console.press("plus")
        await console.until(lambda: console.app.main.detail.size.height == height - 1)

    drive(redis_url, story)


@pytest.mark.parametrize("pane", ["flow", "directory", "detail"])
def test_a_zoomed_pane_has_the_screen_and_its_keys(pane: str) -> None:
    async def story(console: Driver) -> None:
        await go(console, pane)
        await console.press("less_than_sign", "plus", "f4", "f4")
        size = console.app.main.layout_of.of_focus().outer_size
        await console.press("z")
        whole = console.app.main.layout_of.of_focus()
        await console.until(lambda: whole.outer_size == (120, 35 - 2), what="all but the header and the line of keys")
        await console.loses("Commands")
        await console.sees("Quit", {"flow": "Flow", "directory": "Services", "detail": "Timeline"}[pane])
        await console.press("z")
        await console.sees("Services", "Flow", "Timeline", "Commands")
        await console.until(lambda: whole.outer_size == size, what="as large as before")

    drive(scene(), story)


def test_the_columns_are_named_at_their_places_as_soon_as_the_flow_has_another_width() -> None:
    """And not only when titles are written anew, twice a second: the names stood elsewhere meanwhile, or were cut."""

    async def story(console: Driver) -> None:
        main = console.app.main
        slow, main._slow = main._slow, lambda: None  # type: ignore[method-assign]
        main.tell = lambda: None  # type: ignore[method-assign]

        def fit() -> bool:
            flow = main.flow
            named = text_of(heading(flow.size.width - 1, date=flow.date, digits=flow.digits))
            return console.line("# from").endswith(named.rstrip())

        await go(console, "detail")
        for there, back in (("z", "z"), ("z", "escape"), ("f2", "f2")):
            await console.press(there)
            MainScreen.tell(main)
            slow()
            await console.press(back)
            assert fit()
        await console.press("f2")
        assert fit()

    drive(scene(), story)


@pytest.mark.parametrize("size", [(80, 24), (120, 35), (200, 60)], ids=str)
def test_the_command_pane_is_zoomed_from_the_palette_and_left_with_escape(size: tuple[int, int]) -> None:
    """Whatever the height that it has at that size, or was given."""

    async def story(console: Driver) -> None:
        main = console.app.main
        for _given in range(2):
            before = main.repl.outer_size
            await console.press("colon", "ctrl+p")
            await console.type("console zoom")
            await console.sees("Console: Zoom")
            await console.press("enter")
            await console.until(lambda: main.repl.outer_size == (size[0], size[1] - 2))
            await console.sees("help lists the commands", "request SERVICE ACTION")
            await console.loses("Services")
            assert main.repl.line.has_focus
            await console.press("escape")
            await console.sees("Services", "Flow", "Timeline", "Commands")
            await console.until(lambda before=before: main.repl.outer_size == before)
            assert main.flow.has_focus
            main.layout_of.resize("repl-pane", 5)
            await console.until(lambda: main.repl.outer_size.height == 5)

    drive(scene(), story, size=size)


def test_what_no_terminal_takes_is_copied_as_an_escape() -> None:
    async def story(console: Driver) -> None:
        console.app.copy_to_clipboard("a\ud800b")
        assert console.app.clipboard == "a\\ud800b"

    drive(fed(0.0), story)


def test_what_is_more_than_terminals_take_is_not_said_to_be_copied() -> None:
    session = fed(100.0)
    message = {"action": "keep", "payload": {"short": "fits", "text": "x" * (MOST + 1)}}
    session.on_batch(99.0, [("docs", json.dumps(message).encode())])

    async def story(console: Driver) -> None:
        def told() -> str:
            return [one.message for one in console.app._notifications][-1]

        await console.press("home", "1")
        await console.sees('short: "fits"')
        await console.press("enter", "down", "y")
        assert told() == "Copied the value: 4 characters"
        await console.press("down", "y")
        assert "750.0 kB is more than a terminal takes" in told()
        await console.command("export #1 --as json --copy")
        await console.sees("clipboard: write a file with --output")
        assert console.app.clipboard == "fits"

    drive(session, story, size=(140, 45), notifications=True)


def test_what_is_beyond_500_actions_is_no_service() -> None:
    session = fed(1000.0)
    for number in range(510):
        message = {"action": f"act{number}", "request_id": f"r{number}", "payload": {}, "reply_to": "caller:1"}
        session.on_batch(999.0, [("orders", json.dumps(message).encode())])

    async def story(console: Driver) -> None:
        await console.press("S")
        await console.sees("(others)", "(beyond 500)")
        await console.press("down")
        await console.sees("Statistics  (others) (beyond 500)")
        screen = console.app.screen
        await console.press("s")
        assert console.app.screen is screen
        await console.press("enter")
        assert console.app.screen is screen
        await console.sees("These have no rows of their own")
        assert console.app.main.filter_text == ""

    drive(session, story, notifications=True)


def test_another_order_keeps_the_selected_row_on_the_screen() -> None:
    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        await console.press(*["left_square_bracket"] * 4)
        number = flow.selected
        for _order in range(3):
            await console.press("o")
            assert not flow.following
            assert flow.selected == number
            index = flow.cursor_index()
            assert index is not None
            assert flow.top <= index < flow.top + flow.page

    drive(scene(), story)


def test_a_note_in_passing_hides_neither_the_prompt_nor_its_output() -> None:
    async def story(console: Driver) -> None:
        await console.command("show #9999")
        await console.sees("#9999")
        console.app.notify("something in passing " * 6, timeout=30)
        await console.sees("in passing")
        lines = grid(console.app)
        assert not any("passing" in line for line in lines[-8:])
        assert "#9999" in "\n".join(lines[-8:])

    drive(scene(), story, size=(80, 24), notifications=True)


def test_of_what_was_said_in_passing_nothing_stays_behind() -> None:
    async def story(console: Driver) -> None:
        for number in range(9):
            console.app.notify(f"{number} in passing", timeout=30)
            await console.sees(f"{number} in passing")
        seen = [f"{number} in passing" for number in range(9) if f"{number} in passing" in console.text]
        await console.until(lambda: len(console.app.screen.query("ToastHolder")) == len(seen))

    drive(scene(), story, notifications=True)
