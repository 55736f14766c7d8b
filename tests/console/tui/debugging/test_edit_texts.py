"""What is typed into a message that is edited, and what is in it: whatever it is, and however much."""

from __future__ import annotations

import json
from functools import partial

import pytest
from textual.document._wrapped_document import WrappedDocument
from textual.events import Paste

from daebus_console.engine.hiding.redact import Redactor
from daebus_console.tui.screens import edit
from daebus_console.tui.screens.edit import AT_ONCE
from daebus_console.tui.widgets import draft_area
from tests.console.tui.debugging.opened import VALID, Opened, request
from tests.console.tui.scene import NOON, scene
from tests.console.tui.support import Driver, drive, fed
from tests.console.tui.test_safety import CORPUS, HALVES, unsafe

# Typing ------------------------------------------------------------------------------------------------------------


def test_enter_indents_and_tab_inserts_blanks() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console, request({}))
        await console.press(
            "enter", "quotation_mark", "a", "quotation_mark", "colon", "space", "1", "comma", "enter", "tab", "x"
        )
        assert opened.area.text.split("\n")[3:] == ['  "payload": {', '    "a": 1,', "      x", "  }", "}"]
        assert opened.area.cursor_location == (5, 7)

    drive(scene(), story)


def test_what_was_done_is_undone_and_done_again() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        text = opened.area.text
        await console.press("end", "1", "2")
        changed = opened.area.text
        await console.press("ctrl+z")
        await console.until(lambda: opened.area.text == text)
        await console.press("ctrl+y")
        await console.until(lambda: opened.area.text == changed)

    drive(scene(), story)


def test_it_can_be_put_back_as_it_was_and_that_undone() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("ctrl+r")
        await console.sees("it is as it was")
        await console.press("end", "x")
        changed = opened.area.text
        await console.press("ctrl+r")
        await console.until(lambda: opened.area.text == opened.screen.draft.text)
        await console.sees("ctrl+z brings your changes back")
        await console.press("ctrl+z")
        await console.until(lambda: opened.area.text == changed)

    drive(scene(), story, notifications=True)


def test_it_is_laid_out_anew_with_every_value_as_it_was_written() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("ctrl+l")
        await console.sees("it is laid out already")
        await opened.write('{"service":"users","action":"a","payload":{"n":1e2,"e":"\\u001b"}}')
        await console.press("ctrl+l")
        await console.sees('5      "n": 1e2,', '6      "e": "\\u001b"')
        await opened.write("{")
        await console.press("ctrl+l")
        await console.sees("it cannot be laid out: expecting property name")
        assert opened.area.text == "{"

    drive(scene(), story, notifications=True)


# Safety ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", HALVES, ids=", ".join)
def test_whatever_is_in_a_message_is_shown_and_sent_as_it_was(kinds: list[str]) -> None:
    async def story(console: Driver) -> None:
        for kind in kinds:
            evil = CORPUS[kind]
            resend = request({evil: evil, "list": [evil, {evil: [evil]}]}, service="users" + evil, action=evil)
            opened = await Opened.on(console, resend, f"Edit {evil}")
            assert unsafe(console.text) == [], kind
            assert json.loads(opened.area.text)["payload"] == resend.payload, kind
            await console.press("pagedown", "end", "home", "pageup", "end")
            await console.pilot.pause(0.05)
            assert unsafe(console.text) == [], kind
            assert await opened.sent() == resend, kind

    drive(scene(), story, notifications=True)


@pytest.mark.parametrize("kinds", HALVES, ids=", ".join)
def test_whatever_is_pasted_is_shown_as_what_it_is(kinds: list[str]) -> None:
    async def story(console: Driver) -> None:
        for kind in kinds:
            evil = CORPUS[kind]
            opened = await Opened.on(console, request({"text": ""}))
            row = opened.area.text.split("\n").index('    "text": ""')
            opened.area.move_cursor((row, 13))
            console.app.post_message(Paste(evil))
            await console.until(partial(changed, opened), what=f"{kind} is pasted")
            await console.pilot.pause(0.05)
            assert unsafe(console.text) == [], kind
            if "\n" not in evil:
                item = await opened.sent()
                assert item.payload == {"text": evil}, kind
            else:
                console.app.pop_screen()
                await console.pilot.pause()

    def changed(opened: Opened) -> bool:
        return opened.area.text != opened.screen.draft.text

    drive(scene(), story, notifications=True)


def test_what_is_typed_that_cannot_be_shown_is_escaped() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console, request({"text": ""}))
        opened.area.move_cursor((4, 13))
        opened.area.insert("\u202e")
        await console.sees('"text": "\\u202e"')
        await console.press("ctrl+z", "ctrl+y")
        await console.sees('"text": "\\u202e"')

    drive(scene(), story)


def test_hidden_values_are_not_on_the_screen_and_are_sent() -> None:
    async def story(console: Driver) -> None:
        resend = request({"name": "ann", "password": "hunter2"})
        opened = await Opened.on(console, resend)
        await console.sees('"password": "***1***"', "1 hidden value as it was")
        assert "hunter2" not in console.text
        await console.press("end", "left", "left", "e")
        item = await opened.sent()
        assert item.payload == {"name": "anne", "password": "hunter2"}

    drive(scene(), story, redact=Redactor(["password"]))


def test_the_stand_in_of_a_hidden_value_is_not_sent_elsewhere() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console, request({"name": "ann", "password": "hunter2"}))
        await opened.write(opened.area.text.replace('"ann"', '"***1***"'))
        await console.sees("✗ line 5, column 14: ***1*** stands for a hidden value")
        await console.press("ctrl+s")
        assert opened.results == []
        assert opened.area.cursor_location == (4, 13)

    drive(scene(), story, redact=Redactor(["password"]))


# Large -------------------------------------------------------------------------------------------------------------


ROWS = {"rows": [{"id": number, "text": "x" * 20} for number in range(13_000)]}
"""A draft of about a megabyte."""
SOME = {"rows": ROWS["rows"][: AT_ONCE // 50]}
"""A draft that is just too long to be checked at every key."""


def test_a_megabyte_is_checked_when_one_pauses() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console, request(ROWS))
        assert len(opened.area.text) > 900_000
        await console.press("end", "x")
        await console.sees("✗ line 5, column 14")
        await console.press("backspace")
        await console.sees(VALID)

    drive(scene(), story)


def test_a_long_text_is_gone_through_once_as_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped: list[int] = []
    wrap = WrappedDocument.wrap

    def counted(document: WrappedDocument, width: int, tab_width: int) -> None:
        wrapped.append(document.document.line_count)
        wrap(document, width, tab_width)

    monkeypatch.setattr(WrappedDocument, "wrap", counted)

    async def story(console: Driver) -> None:
        opened = await Opened.on(console, request({"items": list(range(1000))}))
        assert [lines for lines in wrapped if lines > 1000] == [1008]
        await console.press("ctrl+z")
        assert "999" in opened.screen.area.text, "there is nothing to undo yet"

    drive(scene(), story)


def test_what_is_sent_is_checked_first_pause_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit, "PAUSE", 1000.0)

    async def story(console: Driver) -> None:
        opened = await Opened.on(console, request(SOME))
        assert len(opened.area.text) > AT_ONCE
        await console.press("end", "x")
        await console.sees("… checked when you pause")
        await console.press("ctrl+s")
        await console.sees("✗ not sent: line 5, column 14")
        assert opened.open
        await console.press("delete")
        await console.sees("… checked when you pause")
        await console.press("ctrl+z", "delete")
        assert await opened.sent() == request(SOME)

    drive(scene(), story)


def test_of_a_line_of_a_megabyte_both_ends_can_be_seen_and_changed() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console, request({"blob": "w" * 1_000_000}))
        await console.press("end", "left", "e", "n", "d")
        await console.sees('wwwwend"│')
        await console.press("home")
        await console.sees('"blob": "wwww')
        item = await opened.sent()
        assert item.payload["blob"] == "w" * 1_000_000 + "end"

    drive(scene(), story)


def test_what_is_too_long_to_type_in_is_shown_and_can_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_area, "LARGEST", 1000)

    async def story(console: Driver) -> None:
        resend = request({"text": "w" * 1000})
        opened = await Opened.on(console, resend)
        await console.sees("too long to type in")
        await console.press("x", "enter", "tab", "escape")
        await console.until(lambda: opened.results == [None])
        opened = await Opened.on(console, resend)
        assert await opened.sent() == resend

    drive(scene(), story)


def test_what_would_make_it_too_long_is_not_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_area, "LARGEST", 1000)

    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        text = opened.area.text
        console.app.post_message(Paste("x" * 1000))
        await console.sees("not pasted: that would make more")
        assert opened.area.text == text

    drive(scene(), story, notifications=True)


def test_a_text_that_is_not_that_long_is_checked_at_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edit, "PAUSE", 1000.0)

    async def story(console: Driver) -> None:
        await Opened.on(console, request({"text": "w" * (AT_ONCE - 200)}))
        await console.press("end", "x")
        await console.sees("✗ line 5")

    drive(fed(NOON), story)
