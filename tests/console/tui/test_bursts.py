"""What is typed faster than the screen can follow still goes where it was meant to."""

from __future__ import annotations

import pytest
from textual import events

from daebus_console.tui.screens.ask import AskScreen
from daebus_console.tui.widgets.text_line import TextLine
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive
from tests.console.tui.test_golden import LAST_ERROR

NAMES = {"/": "slash", ":": "colon", " ": "space"}
KEYS = {"enter": "\r", "escape": "\x1b", "down": None, "left": None, "home": None}


def burst(console: Driver, *texts: str) -> None:
    """Keys that come all at once; a text that is the name of a key, such as `enter`, is that key."""
    for text in texts:
        for sign in (text,) if text in KEYS else text:
            console.app.post_message(events.Key(NAMES.get(sign, sign), KEYS.get(sign, sign)))


@pytest.mark.parametrize("_time", range(5))
def test_a_filter_typed_at_once_is_whole(_time: int) -> None:
    async def story(console: Driver) -> None:
        burst(console, "/charge/x")
        await console.until(lambda: console.app.main.filter_bar.line.value == "charge/x")

    drive(scene(), story)


@pytest.mark.parametrize("_time", range(5))
def test_a_command_typed_at_once_is_whole(_time: int) -> None:
    async def story(console: Driver) -> None:
        burst(console, ":help a/b:c")
        await console.until(lambda: console.app.main.repl.line.text == "help a/b:c")

    drive(scene(), story)


def test_a_text_to_find_typed_at_once_is_whole() -> None:
    async def story(console: Driver) -> None:
        await console.press("left_square_bracket", "enter")
        await console.until(lambda: console.app.main.detail.view.has_focus)
        burst(console, "/er/r:")
        await console.until(lambda: console.app.main.detail.find.value == "er/r:")

    drive(scene(), story)


@pytest.mark.parametrize("end", ["enter", "down"])
def test_what_is_typed_after_the_filter_goes_to_the_flow(end: str) -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        burst(console, "/charge", end, "gm")
        await console.until(lambda: [one.action for one in main.marked()] == ["charge"])
        assert (main.filter_text, main.filter_bar.display) == ("charge", False)
        assert main.flow.has_focus
        burst(console, "/x", "escape", "m")
        await console.until(lambda: not main.marked())
        assert main.filter_text == "charge"
        burst(console, "/nosuch", end, "/x")
        await console.until(lambda: main.filter_text == "charge nosuch x")

    drive(scene(), story)


def test_what_is_typed_after_a_filter_that_is_wrong_stays_in_the_line() -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        burst(console, "/nosuch:1", "enter", "gm")
        await console.until(lambda: main.filter_bar.line.value == "nosuch:1gm")
        assert main.filter_bar.display
        assert not main.marked()

    drive(scene(), story)


def test_what_is_typed_after_a_command_was_left_goes_to_the_flow() -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        burst(console, ":help", "escape", "gm")
        await console.until(lambda: len(main.marked()) == 1)
        assert main.repl.line.text == "help"

    drive(scene(), story)


def test_what_is_typed_after_a_text_to_find_goes_to_what_was_found() -> None:
    async def story(console: Driver) -> None:
        await console.press(*LAST_ERROR, "enter")
        detail = console.app.main.detail
        await console.until(lambda: detail.view.has_focus)
        burst(console, "/refused", "enter", "escape", "w")
        await console.until(lambda: detail.view.wrapping)
        assert (detail.find.value, detail.find.display) == ("refused", False)
        assert "refused" in (detail.view.document.value(detail.view.cursor_index() or 0) or "")

    drive(scene(), story)


@pytest.mark.parametrize(("end", "answer"), [("enter", "name"), ("escape", None)])
def test_what_is_typed_after_an_answer_goes_to_the_screen_below(end: str, answer: str | None) -> None:
    async def story(console: Driver) -> None:
        answers: list[str | None] = []
        console.app.push_screen(AskScreen("A name?"), answers.append)
        await console.until(lambda: isinstance(console.app.focused, TextLine))
        burst(console, "name", end, "gm")
        await console.until(lambda: len(console.app.main.marked()) == 1)
        assert answers == [answer]

    drive(scene(), story)


def test_keys_that_move_about_in_a_line_do_so_before_the_next_sign() -> None:
    async def story(console: Driver) -> None:
        burst(console, "/ab", "left", "c", "home", "d")
        await console.until(lambda: console.app.main.filter_bar.line.value == "dacb")

    drive(scene(), story)


@pytest.mark.parametrize("lead", [":", "/"])
def test_keys_of_the_flow_are_done_before_what_is_typed_after_them(lead: str) -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        burst(console, f"kkm{lead}ab")
        await console.until(lambda: "ab" in (main.repl.line.text, main.filter_bar.line.value))
        with console.app.session.lock:
            marked = [one.number for one in main.marked()]
        assert marked == [main.flow.selected]

    drive(scene(), story)


def test_what_is_typed_after_a_row_was_opened_goes_to_what_opened() -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        burst(console, "k", "enter", "/ab")
        await console.until(lambda: main.detail.find.value == "ab")
        assert not main.filter_text

    drive(scene(), story)


def test_what_is_typed_after_a_screen_was_opened_goes_there() -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        burst(console, "/charge")
        console.app.post_message(events.Key("ctrl+s", None))
        burst(console, "mine", "enter", "x")
        await console.until(lambda: main.filter_bar.line.value == "chargex")
        assert console.app.settings.get("filters", dict, {}) == {"mine": "charge"}
        burst(console, "escape", "S", "escape", "k:ab")
        await console.until(lambda: main.repl.line.text == "ab")

    drive(scene(), story)


def test_what_is_pasted_after_a_filter_changes_it_no_more() -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        burst(console, "/charge", "enter")
        console.app.post_message(events.Paste("x"))
        burst(console, ":ab")
        console.app.post_message(events.Paste("c"))
        await console.until(lambda: main.repl.line.text == "abc")
        assert main.filter_bar.line.value == main.filter_text == "charge"

    drive(scene(), story)
