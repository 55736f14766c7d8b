"""The screen on which two exchanges are compared, driven by keys and the mouse."""

from __future__ import annotations

import json

import pytest

from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.session import Session
from daebus_console.tui.compare.rows import Heading
from daebus_console.tui.screens.comparing.compare import AT_ONCE, CompareScreen
from tests.console.tui.comparing.opened import LATER, PATHS, USER, ask, compared, opened, pair, paths, tell
from tests.console.tui.scene import NOON
from tests.console.tui.support import Driver, drive, fed, grid
from tests.console.tui.test_safety import CORPUS, HALVES, unsafe

# What is shown ---------------------------------------------------------------------------------------------------


def test_two_requests_that_were_answered_differently(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "get_user", 1, {"id": 7})
        console.answer(1, USER)
        console.request(name, "get_user", 2, {"id": 7})
        console.answer(2, {"error": "no such user", "code": "unknown_user"}, "error")
        await console.until(lambda: console.app.main.flow.count() >= 2)
        await console.until(lambda: all(one.answer for one in console.app.session.journal.exchanges))
        screen = await opened(console)
        await console.sees(f"#1 → #2  {name}.get_user", "2 differ", "#1 ✓ ok → #2 ✗ error (unknown_user)")
        assert '"ok"' in console.line("~ status")
        assert '"error"' in console.line("~ status")
        await console.press("j")
        await console.sees("response.payload  object of 5 fields → object of 2 fields")
        await console.press("enter")
        await console.until(lambda: screen.values.has_focus)
        assert '"error": "no such user"' in console.text
        console.request(name, "get_user", 3, {"id": 8})
        await console.press("q")
        await console.until(lambda: console.app.screen is console.app.main)

    drive(redis_url, story)


def test_the_screen_tells_what_is_compared_and_how_much_differs() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        lines = grid(console.app)
        assert "Compare  #1 → #2  users.get_user" in lines[0]
        assert lines[0].endswith("6 differ")
        assert "#1 ✓ ok → #2 ✓ ok    12ms → 31ms (+158 %)" in lines[1]
        assert "Every difference counts" in lines[2]
        assert "response  6 differ" in lines[3]
        assert paths(screen) == PATHS

    compared(story)


def test_no_difference_is_said_plainly() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.sees("No difference. Ids, times and who of several instances answered do not count.")
        assert not screen.values.display
        await console.press("n", "i", "I", "enter", "y", "p", "v", "space")
        assert console.app.screen is screen

    compared(story, pair(USER, USER))


def test_what_is_not_answered_yet_is_compared_as_soon_as_it_is() -> None:
    session = pair(pending=True)

    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.sees("waiting", "~ status", "− payload")
        with session.lock:
            tell(session, 7.0, "r1", {"percent": 50}, final=False)
        await console.sees("stream[0]", "part 1")
        with session.lock:
            tell(session, 7.0, "r1", LATER)
        await console.sees("~ payload.name", "#2 ✓ ok")
        assert "waiting" not in console.text

    compared(story, session)


def test_that_an_answer_is_missing_is_told_where_nothing_differs_yet() -> None:
    session = pair(pending=True)
    ask(session, 5.0, "r2", {"id": 7})

    async def story(console: Driver) -> None:
        await opened(console, 1, 2)
        await console.sees("No difference.", "#2 is not answered yet", "#3 is not answered yet")

    drive(session, story)


def test_large_payloads_are_compared_while_the_keyboard_lives() -> None:
    many = [{"id": number, "text": "x" * 50} for number in range(AT_ONCE // 60)]

    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.sees("1 differs", "+ payload[")
        await console.press("x")
        await console.sees("− payload[")

    compared(story, pair(many, [*many[:100], {"id": "new"}, *many[100:]]))


def test_one_may_leave_before_large_payloads_are_compared() -> None:
    many = [{"id": number} for number in range(AT_ONCE // 10)]
    session = pair(many, many[::-1])

    async def story(console: Driver) -> None:
        found = list(session.journal.exchanges)
        screen = CompareScreen(*found)
        console.app.push_screen(screen)
        await console.until(lambda: console.app.screen is screen)
        await console.press("o", "q")
        await console.until(lambda: console.app.screen is console.app.main)
        await opened(console)
        await console.sees(" differ")

    drive(session, story)


def test_unreadable_payloads_are_shown_as_what_they_are() -> None:
    session = fed(NOON)
    session.on_batch(NOON - 2, [("users", b"\xff\x00 one"), ("users", b"\xff\x00 two")])

    async def story(console: Driver, _screen: CompareScreen) -> None:
        await console.sees("1 differs", "unreadable", "\\xff\\x00 one", "\\xff\\x00 two")
        assert unsafe(console.text) == []

    compared(story, session)


def test_values_of_redacted_keys_are_masked_everywhere() -> None:
    before, after = (
        {"user": {"password": "hunter2"}, "n": 1},
        {"user": {"password": "swordfish"}, "n": {"password": "sw"}},
    )

    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.sees("~ payload.user.password", "***")
        for key in ("enter", "escape", "y", "Y", "j", "enter", "escape", "y", "i", "v"):
            await console.press(key)
            await console.pilot.pause()
            for secret in ("hunter2", "swordfish", '"sw"'):
                assert secret not in console.text
                assert secret not in console.app.clipboard

    compared(story, pair(before, after), redact=Redactor(["password"]), notifications=True)


@pytest.mark.parametrize(("width", "beside"), [(101, False), (102, True)])
def test_the_heads_of_the_values_stand_where_the_values_do(width: int, beside: bool) -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        heads, before = console.line("− before, #1"), console.line('− "Ann Miller"')
        assert ("│ + after, #2" in heads) == ('│ + "Ann Smith"' in before) == beside
        assert (heads.find("│") == before.find("│")) or not beside

    compared(story, size=(width, 30))


# Safety ----------------------------------------------------------------------------------------------------------


def hostile(session: Session, number: int, evil: str) -> None:
    """Have a session see two exchanges with this in all that is compared, numbered from there on."""
    before = {evil: 1, "text": evil, "list": [evil], "deep": {evil: {evil: evil}}, "lines": f"a\n{evil}\nb"}
    after = {
        "text": evil + "x",
        "list": [evil[::-1], evil],
        "deep": evil,
        "lines": f"a\n{evil[1:]}\nc",
        evil + "y": evil,
    }
    for place, payload in enumerate((before, after)):
        asked = {"action": evil[:300] + str(place), "payload": {}, "request_id": number + place}
        told = {"status": "error", "payload": {**payload, "code": evil[:80]}, "request_id": number + place}
        channel = ("users" + evil).encode("utf-8", "surrogatepass")[:500].decode("utf-8", "replace")
        session.on_batch(NOON - 2, [(channel, json.dumps({**asked, "reply_to": "caller:w"}).encode())])
        session.on_batch(NOON - 1, [("caller:w", json.dumps(told).encode())])


@pytest.mark.parametrize("kinds", HALVES, ids=", ".join)
def test_whatever_is_in_the_payloads_is_shown_and_never_obeyed(kinds: list[str]) -> None:
    session = fed(NOON)
    for place, kind in enumerate(kinds):
        hostile(session, 2 * place, CORPUS[kind])

    async def story(console: Driver) -> None:
        for place, kind in enumerate(kinds):
            screen = await opened(console, 2 * place, 2 * place + 1)
            assert screen.differences.count() > 0, kind
            await console.press("enter")
            keys = ("space", *"n" * min(8, screen.differences.count()), "y", "p", "Y", "v", "escape", *"xoiIvU")
            for key in keys:
                await console.press(key)
                assert unsafe(console.text) == [], (kind, key)
                assert unsafe(console.app.clipboard) == [], (kind, key)
            assert console.app.is_running, kind
            console.app.pop_screen()
            # What was ignored is remembered.
            console.app.settings.set("ignore", [])
            await console.pilot.pause()

    drive(session, story, size=(100, 30))


def test_what_is_told_of_a_path_is_never_read_as_markup() -> None:
    names = [f"{number}{evil[:30]}" for number, evil in enumerate((CORPUS["markup"], CORPUS["escape sequences"]))]

    async def story(console: Driver, _screen: CompareScreen) -> None:
        await console.press("i")
        await console.sees("Ignored from now on", r"▌ red\]x\[/\]")
        await console.press("I", "u")
        await console.sees("Taken back", r"▌ *.1\x1b\[2J")
        assert unsafe(console.text) == []

    compared(story, pair(dict.fromkeys(names, 1), dict.fromkeys(names, 2)), notifications=True)


def test_any_size_of_terminal_will_do() -> None:
    async def story(console: Driver) -> None:
        for size in ((20, 6), (40, 12), (80, 24), (99, 30), (250, 70)):
            await console.pilot.resize_terminal(*size)
            screen = await opened(console)
            for key in ("j", "enter", "G", "escape", "i", "v", "o", "x", "I", "n", "N", "U"):
                await console.press(key)
                await console.pilot.pause()
                lines = grid(console.app)
                assert len(lines) == size[1], (size, key)
                assert all(len(line) <= size[0] for line in lines), (size, key)
            assert any(isinstance(row, Heading) for row in screen.differences.rows), size
            console.app.pop_screen()
            await console.pilot.pause()

    drive(pair(), story)
