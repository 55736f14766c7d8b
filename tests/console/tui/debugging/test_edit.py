"""The screen on which a message is edited: every key of it, what it tells, and that nothing typed is lost."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
from textual.binding import Binding
from textual.events import Key
from textual.widgets import TextArea

from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.session import Session
from daebus_console.tui.screens.help import HelpScreen
from daebus_console.tui.widgets.draft_area import DraftArea
from tests.console.tui.debugging.opened import BROADCAST, VALID, Opened, request
from tests.console.tui.scene import NOON, scene
from tests.console.tui.support import Driver, drive, grid

# Looking and sending -----------------------------------------------------------------------------------------------


def test_it_says_what_is_edited_where_it_goes_and_whether_it_may_be_sent() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.sees("Edit #12 and send again", "→ users.get_user  request", "redis://localhost:6379 │")
        await console.sees('2    "service": "users",', "✓ may be sent: request to users.get_user,", "5:5")
        assert await opened.sent() == request()

    drive(scene(), story)


def test_the_password_of_redis_is_not_shown() -> None:
    async def story(console: Driver) -> None:
        await Opened.on(console)
        await console.sees("@localhost:6379 │")
        assert "hunter2" not in console.text

    session = Session("redis://ann:hunter2@localhost:6379")
    session.clock = lambda: NOON  # type: ignore[assignment, misc]  # a clock is what can be called for a time
    drive(session, story)


def test_what_is_typed_is_what_is_sent_and_the_aim_follows() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("end", *["backspace"], "4", "2")
        await console.press("up", "up", "end", "left", "left", *"x")
        await console.sees("→ users.get_userx  request", "✓ may be sent: request to users.get_userx")
        item = await opened.sent()
        assert (item.action, item.payload) == ("get_userx", {"id": 42})
        assert item.body["action"] == "get_userx"

    drive(scene(), story)


def test_ctrl_enter_sends_as_well() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("ctrl+enter")
        await console.until(lambda: opened.results == [request()])

    drive(scene(), story)


def test_a_hand_that_presses_twice_sends_once() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        for _time in range(2):
            console.app.post_message(Key("ctrl+s", None))
        await console.until(lambda: opened.results)
        await console.press("down")
        assert opened.results == [request()]
        assert console.app.is_running

    drive(scene(), story)


def test_a_console_that_may_not_send_does_not_lose_what_was_typed() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.sees("read-only: nothing is sent")
        await console.press("end", "8", "ctrl+s")
        await console.sees("not sent: this console is read-only")
        assert opened.open
        assert '"id": 78' in opened.area.text

    drive(scene(), story, read_only=True)


def test_keys_that_come_at_once_are_carried_out_in_their_order() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        for key in ("end", "1", "2", "ctrl+z", "3", "4", "ctrl+s"):
            console.app.post_message(Key(key, key if len(key) == 1 else None))
        await console.until(lambda: opened.results)
        item = opened.results[0]
        assert item is not None
        assert item.payload == {"id": 734}

    drive(scene(), story)


def test_a_broadcast_says_so_plainly() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console, BROADCAST)
        await console.sees("» orders  broadcast: everybody who listens there gets it", "broadcast on orders, 31 bytes")
        await opened.write('{"channel": "orders.eu", "message": {}}')
        await console.sees("» orders.eu  broadcast", "broadcast on orders.eu, 2 bytes")
        item = await opened.sent()
        assert (item.channel, item.payload, item.kind) == ("orders.eu", {}, Kind.BROADCAST)

    drive(scene(), story)


# Mistakes ----------------------------------------------------------------------------------------------------------

BAD = [
    (
        '{"service": "users", "action": "x", "payload": {"id" 7}}',
        "✗ line 1, column 54: expecting ':' delimiter",
        (0, 53),
    ),
    ("{\n\n  oops", "✗ line 3, column 3: expecting property name", (2, 2)),
    ("[1]", "✗ expected an object with just action, payload, service", None),
    ('{"service": "users", "payload": {}}', "✗ expected an object with just", None),
    ('{"service": "users", "action": "x",\n"payload": 7}', "✗ line 2, column 12: `payload` must be an object", (1, 11)),
    ("", "✗ line 1, column 1: expecting value", (0, 0)),
]


def test_what_is_wrong_is_told_not_sent_and_not_lost() -> None:
    async def story(console: Driver) -> None:
        for text, told, place in BAD:
            opened = await Opened.on(console)
            await opened.write(text)
            await console.sees(told)
            assert opened.area.mistake == place, text
            await console.press("ctrl+s")
            await console.sees("✗ not sent: " + told.removeprefix("✗ "))
            assert opened.open, text
            assert opened.area.text == text
            assert opened.results == [], text
            if place is not None:
                assert opened.area.cursor_location == place, text
            await console.press("right")
            await console.loses("not sent")
            await opened.write(opened.screen.draft.text)
            assert await opened.sent() == request(), text

    drive(scene(), story)


def test_keys_lead_to_the_mistake() -> None:
    async def story(console: Driver) -> None:
        for key in ("f8", "ctrl+n"):
            opened = await Opened.on(console)
            await console.press(key)
            await console.sees("there is no mistake")
            await console.press("end", "x", "down", "down")
            await console.sees("✗ line 5, column 12")
            await console.press(key)
            await console.until(partial(stands, opened), what=f"{key} leads there")
            await opened.write("[]")
            await console.press(key)
            await console.sees("not in one place: expected an object")
            console.app.clear_notifications()
            console.app.pop_screen()
            await console.loses("there is no mistake")

    def stands(opened: Opened) -> bool:
        return opened.area.cursor_location == (4, 11)

    drive(scene(), story, notifications=True)


def test_the_place_of_a_mistake_is_lit() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("end", "x", "home")
        await console.sees("✗ line 5")
        lit = opened.area.get_component_rich_style("draft--mistake").bgcolor
        segments = [segment for segment in opened.area.render_line(4) if segment.style and segment.style.bgcolor == lit]
        assert [segment.text for segment in segments] == ["x"]

    drive(scene(), story)


# Leaving -----------------------------------------------------------------------------------------------------------


def test_escape_closes_what_was_not_changed() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("down", "x", "backspace", "escape")
        await console.until(lambda: opened.results == [None])

    drive(scene(), story)


def test_escape_asks_before_it_throws_changes_away() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("end", "8", "escape")
        await console.sees("escape again throws your changes away, any other key goes on")
        await console.press("9")
        await console.sees(VALID)
        assert '"id": 789' in opened.area.text, "the key that goes on is typed"
        await console.press("escape", "left", "escape")
        await console.sees("escape again")
        assert opened.open
        await console.press("escape")
        await console.until(lambda: opened.results == [None])

    drive(scene(), story)


def test_the_console_is_not_left_before_it_has_asked_about_changes() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("end", "8", "ctrl+q")
        await console.sees("ctrl+q again throws your changes away, any other key goes on")
        await console.press("escape")
        await console.sees("escape again throws")
        await console.press("9", "f1")
        await console.until(lambda: isinstance(console.app.screen, HelpScreen))
        await console.press("ctrl+q")
        await console.until(lambda: opened.open)
        await console.sees("ctrl+q again throws")
        assert '"id": 789' in opened.area.text
        assert console.app._exit is False
        await console.press("ctrl+q")
        await console.until(lambda: console.app._exit)

    drive(scene(), story)


def test_the_console_is_left_at_once_where_nothing_was_changed() -> None:
    async def story(console: Driver) -> None:
        await Opened.on(console)
        await console.press("ctrl+q")
        await console.until(lambda: console.app._exit)

    drive(scene(), story)


# The mouse, help, the bindings -------------------------------------------------------------------------------------


def test_the_mouse_places_the_cursor_and_presses_the_keys_of_the_footer() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.sees("^s Send")
        lines = grid(console.app)
        row = next(y for y, line in enumerate(lines) if '"service"' in line)
        await console.press("end", "9", "escape")
        await console.sees("escape again")
        await console.pilot.click(offset=(lines[row].index("users"), row))
        assert opened.area.cursor_location == (1, 14)
        await console.sees(VALID)
        row = next(y for y, line in enumerate(lines) if "^s Send" in line)
        await console.pilot.click(offset=(lines[row].index("Send"), row))
        await console.until(lambda: opened.results)
        assert opened.results[0] == request({"id": 79})

    drive(scene(), story)


def test_whatever_is_clicked_goes_on_after_escape_has_asked() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await opened.write(opened.area.text.replace("\n", ""))
        await console.press("escape")
        await console.sees("escape again", "^l Lay out")
        row = next(y for y, line in enumerate(grid(console.app)) if "Lay out" in line)
        await console.pilot.click(offset=(grid(console.app)[row].index("Lay"), row))
        await console.sees('5      "id": 7')
        assert opened.area.text == opened.screen.draft.text
        await console.press("down", "x", "escape")
        await console.sees("escape again")
        assert opened.open

    drive(scene(), story)


def test_help_tells_the_keys() -> None:
    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("f1")
        await console.until(lambda: isinstance(console.app.screen, HelpScreen))
        await console.sees("Send", "Lay out", "As it was", "$EDITOR", "Mistake")
        await console.press("escape")
        await console.until(lambda: opened.open)

    drive(scene(), story)


def test_every_key_says_what_it_does_and_takes_none_of_the_text_area() -> None:
    own = list(Binding.make_bindings(DraftArea.BINDINGS))
    taken = {binding.key for binding in Binding.make_bindings(TextArea.BINDINGS)}
    assert all(binding.description for binding in own)
    assert not taken & {binding.key for binding in own}


# The user's own editor ---------------------------------------------------------------------------------------------


def test_where_the_terminal_cannot_be_lent_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "cat")

    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("ctrl+o")
        await console.sees("This terminal cannot be lent to an editor")
        assert opened.open

    drive(scene(), story, notifications=True)


def test_an_editor_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", "/no/editor")

    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.press("ctrl+o")
        await console.sees("VISUAL names /no/editor")
        assert opened.open

    drive(scene(), story, notifications=True)


# Sizes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(20, 6), (40, 12), (250, 70)])
def test_any_size_of_terminal_will_do(size: tuple[int, int]) -> None:
    async def story(console: Driver) -> None:
        opened = Opened(console, request({"name": "日本語" * 40}))
        await console.until(lambda: opened.area.has_focus)
        await console.press("end", "x", "home", "down", "pagedown", "ctrl+s")
        assert opened.open
        assert all(len(line) <= size[0] for line in grid(console.app))

    drive(scene(), story, size=size)


def test_a_capture_without_a_redis_says_that_there_is_none(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    header = {"daebus_capture": 1, "redis": "redis://elsewhere:6379", "started": 0}
    path.write_text("\n".join(map(json.dumps, [header, {"at": 1, "channel": "a", "data": "{}"}])) + "\n")

    async def story(console: Driver) -> None:
        opened = await Opened.on(console)
        await console.sees("no Redis to send it to")
        await console.press("ctrl+s")
        await console.sees("not sent: this is a capture, and no Redis was named with --redis")
        assert opened.open

    with OfflineSession(path) as session:
        drive(session, story)


def test_the_editor_goes_to_the_redis_that_a_capture_was_given(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    path.write_text(json.dumps({"daebus_capture": 1, "redis": "redis://elsewhere:6379", "started": 0}) + "\n")

    async def story(console: Driver) -> None:
        await Opened.on(console)
        await console.sees("@here:6379 │")
        assert "hunter2" not in console.text

    with OfflineSession(path, target="redis://:hunter2@here:6379") as session:
        drive(session, story)
