"""Keys that replay, record, take along and stop, on a service that answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daebus import DaebusCaller
from daebus_console.commands.under_way import under_way
from daebus_console.engine.capture.reader import CaptureReader
from tests.console.replay.conftest import Shop
from tests.console.replay.test_replay import Record
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive, fed
from tests.support.framework_services import subscribers
from tests.support.waiting import eventually


async def asked(console: Driver, shop: Shop, action: str, **payload: object) -> None:
    """Ask the shop from the command pane, and select what came of it."""
    before = console.app.main.detail.exchange
    await console.command(f"request {shop.name} {action} {json.dumps(payload)}")
    await console.until(lambda: console.app.main.detail.exchange not in (None, before))
    await console.until(lambda: console.app.main.detail.exchange.answer is not None)
    await console.press("escape")


async def press_in(console: Driver, text: str) -> None:
    """Press the mouse on a text of the screen."""
    lines = console.text.split("\n")
    y = next(number for number, line in enumerate(lines) if text in line)
    await console.pilot.click(offset=(lines[y].index(text) + 1, y))


def test_r_sends_the_selected_again_and_links_both(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await asked(console, shop, "echo", n=1)
        first = console.app.main.detail.exchange
        assert first is not None
        # What is told of it would push the lines of the replay out of the pane.
        await console.sees("answered in")
        await console.press("r")
        await console.sees(f"replay #{first.number}", f"the same answer as in #{first.number}")
        assert shop.asked == [{"n": 1}, {"n": 1}]
        (again,) = first.aside.replays or []
        await console.press("enter", "1")
        await console.sees(f"replayed as #{again}")
        console.app.main.select(again)
        await console.sees(f"replays #{first.number}")

    drive(shop.url, story, size=(120, 50))


def test_r_without_a_selection_says_what_to_do(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        for key in ("r", "y", "Y", "i", "E"):
            await console.press(key)
            await console.sees("Select an exchange first")
            console.app.clear_notifications()
            await console.loses("Select an exchange first")

    drive(redis_url, story, notifications=True)


def test_capital_r_offers_what_is_marked_else_what_the_filter_shows(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        line = console.app.main.repl.line
        await asked(console, shop, "echo", n=1)
        await console.press("R")
        await console.sees("Mark exchanges with m")
        console.app.main.narrow_to("action:echo")
        await console.press("R")
        await console.until(lambda: line.text == "replay action:echo ")
        await console.press("escape", "escape")
        await console.until(lambda: console.app.main.flow.has_focus)
        await console.press("m", "R")
        await console.until(lambda: line.text == "replay is:marked ")
        await console.press("enter")
        await console.sees("1 sent again: 1 same")

    drive(shop.url, story, size=(120, 50), notifications=True)


def test_a_replay_is_paused_and_stopped_with_keys(shop: Shop, caller: DaebusCaller, capture: Record) -> None:
    path = capture(lambda: [caller.send_request("echo", {"n": index}) for index in range(100)])
    shop.asked.clear()

    async def story(console: Driver) -> None:
        going = under_way(console.app.session)
        await console.press("P")
        await console.sees("No replay is under way")
        await console.command(f"replay {path} --rate 5")
        await console.until(lambda: going.replays)
        await console.sees("P pauses", "ctrl+c stops", "/100 sent")
        await console.press("escape", "P")
        await console.sees("P goes on", "paused")
        assert going.replays[0].paused
        await press_in(console, "P goes on")
        await console.sees("P pauses")
        await console.until(lambda: len(shop.asked) >= 2)
        await press_in(console, "ctrl+c stops")
        await console.sees("not sent")
        await console.loses("ctrl+c stops")
        assert len(shop.asked) < 100

    drive(shop.url, story, size=(140, 45), notifications=True)


def test_recording_is_begun_and_ended_with_a_key_and_visibly_on(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def story(console: Driver) -> None:
        await console.press("ctrl+r")
        await console.sees("Record into", "daebus-", "Everything that passes")
        await console.press("enter")
        await console.sees("● recording")
        await asked(console, shop, "echo", n=1)
        (path,) = tmp_path.iterdir()
        await console.until(lambda: not console.line("● recording").count(" 0 in"))
        await console.press("ctrl+r")
        await console.loses("● recording")
        await console.sees(f"in {path.name}")

    drive(shop.url, story)
    (path,) = tmp_path.iterdir()
    assert [frame for frame in CaptureReader(path) if shop.name in getattr(frame, "channel", "")]


def test_recording_takes_what_the_filter_lets_through(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def story(console: Driver) -> None:
        console.app.main.narrow_to("action:echo")
        await console.press("ctrl+r")
        await console.sees("ctrl+f only action:echo")
        await console.press("ctrl+f")
        await console.sees("● recording")
        await asked(console, shop, "price", sku="a")
        await asked(console, shop, "echo", n=1)
        await console.press("ctrl+r")
        await console.loses("● recording")

    drive(shop.url, story)
    (path,) = tmp_path.iterdir()
    channels = [json.loads(line).get("channel") for line in path.read_text().splitlines()[1:]]
    # The last line tells until when all was seen.
    assert (len(channels), channels[0], channels[-1]) == (3, shop.name, None)


def test_a_file_that_is_there_already_is_never_overwritten(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_text("mine\n")

    async def story(console: Driver) -> None:
        console.app.main.layout_of.show("repl-pane", False)
        await console.press("ctrl+r")
        await console.until(lambda: len(console.app.screen_stack) == 2)
        console.app.screen.query_one("TextLine").value = str(path)  # type: ignore[attr-defined]  # an Input has it
        await console.press("enter")
        # The command pane is hidden, so it is said in a message.
        await console.sees("is there already")

    drive(redis_url, story, notifications=True)
    assert path.read_text() == "mine\n"


def test_an_exchange_is_taken_along_into_the_clipboard_or_a_file(tmp_path: Path) -> None:
    target = tmp_path / "with blank.md"

    async def story(console: Driver) -> None:
        await console.press("left_square_bracket", "Y")
        await console.sees("along as", "a Mermaid sequence diagram", "Markdown for a bug report")
        await console.press("j", "k", "enter")
        await console.sees("copied as json")
        assert json.loads(console.app.clipboard)
        console.app.main.flow.focus()
        await console.press("Y")
        await console.until(lambda: len(console.app.screen_stack) == 2)
        await console.press("end", "f")
        await console.sees("A file to write", ".md")
        console.app.screen.query_one("TextLine").value = str(target)  # type: ignore[attr-defined]  # an Input has it
        await console.press("enter")
        await console.until(target.exists)
        await console.press("Y", "escape")
        await console.until(lambda: len(console.app.screen_stack) == 1)

    drive(scene(), story)
    assert target.read_text().startswith("#")


def test_marked_exchanges_are_taken_along_together(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        for number in (1, 2):
            await asked(console, shop, "echo", n=number)
            await console.press("m")
        await console.press("Y")
        await console.sees("Take the 2 marked along as")
        await console.press("enter")
        await console.sees("2 exchanges copied as json")
        assert len(json.loads(console.app.clipboard)) == 2

    drive(shop.url, story)


def test_stand_ins_are_seen_in_the_header_and_end_with_the_console(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await console.command(f"mock {name} greet text=hello")
        await console.sees("1 stand-in")
        assert subscribers(redis_url, name) == 1

    drive(redis_url, story)
    eventually(lambda: subscribers(redis_url, name) == 0, what="the stand-in is gone")


def test_i_puts_the_command_into_the_line(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await asked(console, shop, "echo", n=1)
        await console.press("i")
        await console.until(lambda: console.app.main.repl.line.text == f"request {shop.name} echo n:=1")

    drive(shop.url, story)


def test_e_edits_and_sends_it_again(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await asked(console, shop, "echo", n=1)
        first = console.app.main.detail.exchange
        assert first is not None
        await console.press("e")
        await console.sees(f"Edit #{first.number} and send again", "may be sent")
        area = console.app.screen.query_one("DraftArea")
        area.put(area.text.replace('"n": 1', '"n": 77'))  # type: ignore[attr-defined]  # a TextArea has it
        await console.press("ctrl+s")
        await console.sees(f"replay #{first.number}, edited", '"n": 77', f"differs from #{first.number}")
        assert shop.asked == [{"n": 1}, {"n": 77}]

    drive(shop.url, story, size=(120, 50))


def test_a_read_only_console_sends_nothing_that_was_edited(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "echo", 1, {"n": 1})
        await console.until(lambda: console.app.main.flow.count() == 1)
        await console.press("up", "e")
        await console.sees("Edit #")
        await console.press("ctrl+s")
        await console.sees("not sent: this console is read-only")
        await console.press("escape")
        await console.loses("Edit #")
        await console.press("r")
        await console.sees("--read-only")
        assert console.app.main.flow.count() == 1

    drive(redis_url, story, read_only=True)


def test_d_compares_with_the_replay_or_the_two_marked(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await asked(console, shop, "price", sku="a")
        first = console.app.main.detail.exchange
        assert first is not None
        await console.press("d")
        await console.until(lambda: "CompareScreen" not in str(console.app.screen))
        shop.price = 150
        await console.press("r")
        await console.sees("differs from")
        (again,) = first.aside.replays or []
        await console.press("d")
        await console.sees(f"#{first.number} → #{again}", "response.payload.cents", "100", "150")
        await console.press("escape")
        await asked(console, shop, "echo", n=5)
        other = console.app.main.detail.exchange
        assert other is not None
        await console.command(f"mark #{first.number} #{other.number}")
        await console.press("escape", "escape", "d")
        await console.sees(f"#{first.number} → #{other.number}")

    drive(shop.url, story, size=(120, 50), notifications=True)


def test_a_click_in_the_title_of_the_flow_follows_again() -> None:
    async def story(console: Driver) -> None:
        await console.press("left_square_bracket")
        await console.sees("f follows")
        await press_in(console, "f follows")
        await console.sees("▼ following")

    drive(scene(), story)


def test_ctrl_c_stops_what_is_under_way_from_the_flow(shop: Shop) -> None:
    async def story(console: Driver) -> None:
        await console.command(f"request {shop.name} sleep seconds:=5 --timeout 20")
        await console.sees("1 command under way")
        await console.press("escape", "ctrl+c")
        await console.sees("stopped waiting")
        await console.press("ctrl+c")
        await console.sees("No command is under way")

    drive(shop.url, story, notifications=True)


def test_capital_c_forgets_everything_once_that_is_confirmed() -> None:
    async def story(console: Driver) -> None:
        await console.until(lambda: console.app.main.flow.count() >= 18)
        await console.press("C")
        await console.sees("Forget the 38 messages")
        await console.press("n", "enter")
        await console.loses("Forget the")
        assert console.app.main.flow.count() >= 18
        await console.press("C", "y", "enter")
        await console.sees("38 messages forgotten", "Nothing has been published")
        await console.press("escape", "C")
        await console.sees("nothing to forget")

    drive(scene(), story, notifications=True)


def test_an_edited_message_that_nobody_took_is_there_again(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "echo", 1, {"n": 1})
        await console.until(lambda: console.app.main.flow.count() == 1)
        await console.press("up", "e")
        await console.sees("may be sent")
        area = console.app.screen.query_one("DraftArea")
        area.put(area.text.replace('"n": 1', '"n": 77'))  # type: ignore[attr-defined]  # a TextArea has it
        await console.press("ctrl+s")
        await console.sees("nobody serves")
        await console.press("e")
        await console.sees("as you left it: it was not sent", '"n": 77')

    drive(redis_url, story)


def test_what_can_only_be_sent_as_it_was_is_not_said_never_to_be_sent_again() -> None:
    session = fed(100.0)
    session.on_batch(90.0, [("news", b"[1, 2]")])

    async def story(console: Driver) -> None:
        await console.press("up", "e")
        await console.sees("It cannot be edited and sent again: it can only be")

    drive(session, story, notifications=True)
