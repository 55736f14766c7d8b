"""The screen on which two exchanges are compared, driven by keys and the mouse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.session import Session
from daebus_console.tui.compare.rows import Entry, Heading
from daebus_console.tui.screens.comparing.compare import AT_ONCE, CompareScreen
from daebus_console.tui.screens.help import HelpScreen
from daebus_console.tui.settings import SettingsFile
from tests.console.tui.scene import NOON
from tests.console.tui.support import Driver, drive, fed, grid
from tests.console.tui.test_bindings import bindings
from tests.console.tui.test_safety import CORPUS, HALVES, unsafe

USER = {"name": "Ann Miller", "age": 31, "tags": ["new", "vip"], "at": 1, "bio": "long walks\nand short meetings"}
LATER = {"name": "Ann Smith", "age": 32, "tags": ["vip", "new"], "at": 2, "bio": "long walks\nand no meetings"}
PATHS = ["name", "age", "tags[0]", "tags[1]", "at", "bio"]


def pair(before: Any = USER, after: Any = LATER, *, asked: Any = None, pending: bool = False) -> Session:
    """A session that has seen two exchanges, answered with these payloads; of `pending`, the second is not."""
    session = fed(NOON)
    for number, payload in enumerate((before, after)):
        ask(session, 9.0 - number, f"r{number}", asked or {"id": 7})
        if number == 0 or not pending:
            tell(session, 8.988 - number - number * 0.019, f"r{number}", payload)
    return session


def ask(session: Session, ago: float, number: str, payload: Any) -> None:
    message = {"action": "get_user", "payload": payload, "request_id": number, "service": "web", "reply_to": "caller:w"}
    session.on_batch(NOON - ago, [("users", json.dumps(message).encode())])


def tell(session: Session, ago: float, number: str, payload: Any, **more: Any) -> None:
    message = {"status": "success", "payload": payload, "request_id": number, **more}
    session.on_batch(NOON - ago, [("caller:w", json.dumps(message).encode())])


async def opened(console: Driver, before: int = 0, after: int = 1) -> CompareScreen:
    """Compare two exchanges of the session, by their places."""
    found = list(console.app.session.journal.exchanges)
    screen = CompareScreen(found[before], found[after])
    console.app.push_screen(screen)
    await console.until(lambda: console.app.screen is screen and screen.compared is not None)
    await console.pilot.pause()
    return screen


def compared(story: Any, session: Session | None = None, size: tuple[int, int] = (120, 35), **keywords: Any) -> None:
    """Drive a story that is given the console and its compare screen."""

    async def play(console: Driver) -> None:
        await story(console, await opened(console))

    drive(session or pair(), play, size=size, **keywords)


def chosen(screen: CompareScreen) -> str:
    """The path of the selected difference, within the payload of the answer."""
    entry = screen.differences.raw()
    return entry.change.path.removeprefix("response.payload.") if entry else ""


def paths(screen: CompareScreen) -> list[str]:
    return [
        row.change.path.removeprefix("response.payload.") for row in screen.differences.rows if isinstance(row, Entry)
    ]


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


# Moving ----------------------------------------------------------------------------------------------------------


def test_the_cursor_stands_on_differences_and_never_on_headings() -> None:
    session = pair(asked={"id": 1})

    async def story(console: Driver, screen: CompareScreen) -> None:
        assert chosen(screen) == "name"
        await console.press("k", "home", "up")
        assert chosen(screen) == "name"
        await console.press("j", "down")
        assert chosen(screen) == "tags[0]"
        await console.press("G")
        assert chosen(screen) == "bio"
        await console.sees("6 of 6", "response.payload.bio  text of 29 → 26 characters")
        await console.press("g")
        await console.sees("1 of 6", "response.payload.name")

    compared(story, session)


def test_next_and_previous_go_round_and_pass_over_what_is_ignored() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.press("j", "i", "v")
        await console.sees("ignored by response.payload.age")
        await console.press("g", "n")
        assert chosen(screen) == "tags[0]"
        await console.press("N", "N")
        assert chosen(screen) == "bio"
        await console.press("n")
        assert chosen(screen) == "name"
        await console.press("j")
        assert chosen(screen) == "age"
        await console.press("enter", "n")
        await console.until(lambda: screen.values.has_focus)
        assert chosen(screen) == "tags[0]"

    compared(story)


def test_enter_opens_the_values_and_escape_goes_back_step_by_step() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.press("enter")
        await console.until(lambda: screen.values.has_focus)
        await console.press("escape")
        await console.until(lambda: screen.differences.has_focus)
        await console.press("tab")
        await console.until(lambda: screen.values.has_focus)
        await console.press("enter")
        await console.until(lambda: screen.differences.has_focus)
        await console.press("escape")
        await console.until(lambda: console.app.screen is console.app.main)

    compared(story)


def test_keys_that_lead_back() -> None:
    async def story(console: Driver) -> None:
        for key in ("q", "d", "escape"):
            await opened(console)
            await console.press(key)
            await console.until(lambda: console.app.screen is console.app.main, what=f"{key} leads back")

    drive(pair(), story)


def test_values_scroll_and_the_open_ones_have_the_room() -> None:
    long = "\n".join(f"line {number}" for number in range(200))

    async def story(console: Driver, screen: CompareScreen) -> None:
        small = screen.values.size.height
        await console.press("enter")
        await console.until(lambda: screen.values.size.height > small)
        await console.sees("line 0")
        for keys, seen in (
            (("G",), "line 199"),
            (("g",), "line 0"),
            (("pagedown",), "line 28"),
            (("ctrl+u",), "line 8"),
        ):
            await console.press(*keys)
            await console.sees(seen)
        await console.press("g", "j", "j", "k")
        await console.until(lambda: screen.values.top == 1)

    fields = dict.fromkeys("abcdefgh", 1)
    compared(story, pair({"text": 1, **fields}, {"text": long, **dict.fromkeys(fields, 2)}), (120, 24))


def test_what_is_the_same_is_folded_and_space_shows_it() -> None:
    lines = [f"line {number}" for number in range(60)]

    async def story(console: Driver, _screen: CompareScreen) -> None:
        await console.sees("26 lines the same: space shows them")
        await console.press("enter", "space")
        await console.sees("line 10")
        await console.press("space")
        await console.loses("line 10")

    before, after = "\n".join(lines), "\n".join([*lines[:30], "another", *lines[31:]])
    compared(story, pair({"text": before}, {"text": after}))


def test_the_mouse_selects_scrolls_and_opens() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.pilot.click("#differences", offset=(10, 3))
        await console.until(lambda: chosen(screen) == "tags[0]")
        await console.pilot.click("#differences", offset=(2, 0))
        await console.until(lambda: chosen(screen) == "name")
        await console.pilot.click("#differences", offset=(10, 2), times=2)
        await console.until(lambda: screen.values.has_focus)
        assert chosen(screen) == "age"
        await console.pilot.click("#differences", offset=(10, 1))
        await console.until(lambda: screen.differences.has_focus)
        await console.pilot.click("#values", offset=(10, 1))
        await console.until(lambda: screen.values.has_focus)
        assert chosen(screen) == "name"

    compared(story)


# Rules -----------------------------------------------------------------------------------------------------------


def test_a_path_is_ignored_and_taken_back() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.press("G", "k", "i")
        await console.sees("Ignored: response.payload.at", "5 differ, 1 ignored", "u takes back the last, U all")
        assert paths(screen) == [path for path in PATHS if path != "at"]
        assert chosen(screen) == "bio"
        await console.press("u")
        await console.sees("Every difference counts")
        assert paths(screen) == PATHS
        assert chosen(screen) == "bio"

    compared(story)


def test_a_name_is_ignored_anywhere() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        assert paths(screen)[:2] == ["user.at", "order.at"]
        await console.press("I")
        await console.sees("Ignored: *.at", "1 differs, 2 ignored")
        assert paths(screen) == ["order.sum"]

    before, after = ({"user": {"at": n}, "order": {"at": n, "sum": n}} for n in (1, 2))
    compared(story, pair(before, after))


def test_all_rules_are_taken_back_at_once() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.press("i", "i", "I")
        await console.sees("Ignored: response.payload.name, response.payload.age, *.tags[*]")
        await console.press("U")
        await console.sees("Every difference counts")
        assert paths(screen) == PATHS
        assert "− before, #1                " in console.text

    compared(story)


def test_rules_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    hostile = {"a\ud800b": 1, "x*y": 1, "long" * 200: 1, "n\nl": 1}

    def play(story: Any) -> None:
        session = pair(hostile, dict.fromkeys(hostile, 2))
        compared(story, session, settings=SettingsFile.load(path))

    async def first(console: Driver, _screen: CompareScreen) -> None:
        await console.sees("4 differ")
        await console.press("i", "i", "I", "i")
        await console.sees("No difference that counts: 4 are ignored, v shows what.")

    async def second(console: Driver, screen: CompareScreen) -> None:
        await console.sees("no difference, 4 ignored")
        assert screen.app.settings.problem is None
        await console.press("u")
        await console.sees("1 differs, 3 ignored")

    async def third(console: Driver, _screen: CompareScreen) -> None:
        await console.sees("1 differs, 3 ignored")

    for story in (first, second, third):
        play(story)
    assert "# What does not count" in path.read_text(encoding="utf-8")


def test_what_is_no_rule_in_the_settings_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('ignore = ["*.at", 3, "", " "]\n')

    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.sees("Ignored: *.at")
        assert screen.ignore == ["*.at"]

    compared(story, settings=SettingsFile.load(path))


def test_lists_in_any_order() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.press("o")
        await console.sees("Lists in any order", "o: their order counts")
        assert paths(screen) == [path for path in PATHS if "tags" not in path]
        await console.press("o")
        await console.sees("Every difference counts")
        assert paths(screen) == PATHS

    compared(story)


def test_the_two_sides_are_exchanged() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.press("j", "x")
        await console.sees("#2 → #1", "31ms → 12ms (−61 %)", "number, −1")
        line = console.line("~ payload.age")
        assert line.index("32") < line.index("31")
        assert chosen(screen) == "age"

    compared(story)


def test_what_is_ignored_is_shown_dimmed_and_hidden_again() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.press("v")
        assert not screen.ignored_shown
        await console.press("i", "v")
        await console.sees("ignored by response.payload.name")
        index = next(
            place for place, row in enumerate(screen.differences.rows) if isinstance(row, Entry) and row.ignored_by
        )
        assert {role for _text, role in screen.differences.line(index, 100)} == {"dim"}
        await console.press("home", "i")
        assert screen.ignore == ["response.payload.name"]
        await console.press("v")
        await console.loses("ignored by")

    compared(story)


def test_the_whole_payloads_are_shown_around_the_selected_difference() -> None:
    filler = {f"field{number}": number for number in range(40)}
    before = {"user": {"at": 1}, **filler, "order": {"at": 1}}
    after = {"order": {"at": 2}, **filler, "user": {"at": 2}}

    async def story(console: Driver, screen: CompareScreen) -> None:
        await console.press("w")
        await console.sees("response.payload  whole", '−     "at": 1', "36 lines the same", "1 of 2")
        await console.press("enter", "space")
        await console.sees("field1")
        assert screen.values.top == 0
        await console.press("n")
        await console.until(lambda: screen.values.top > 10)
        await console.sees("order", "2 of 2")
        await console.press("w")
        await console.sees("response.payload.order.at  number, +1")

    compared(story, pair(before, after), size=(120, 24))


def test_the_whole_of_a_payload_that_only_one_has() -> None:
    async def story(console: Driver, _screen: CompareScreen) -> None:
        await console.press("w")
        await console.sees("response.payload  whole", '−   "age": 31')
        await console.press("x")
        await console.sees('+   "age": 31')

    compared(story, pair(pending=True))


# Taking along ----------------------------------------------------------------------------------------------------


def test_copies() -> None:
    async def story(console: Driver, _screen: CompareScreen) -> None:
        await console.press("j", "y")
        await console.until(lambda: console.app.clipboard == "response.payload.age  31 → 32")
        await console.sees("Copied the difference")
        await console.press("p")
        await console.until(lambda: console.app.clipboard == "response.payload.age")
        await console.press("i", "Y")
        await console.until(lambda: console.app.clipboard.startswith("#1 → #2  users.get_user\n"))
        assert '  response.payload.name  "Ann Miller" → "Ann Smith"' in console.app.clipboard
        assert "payload.age" not in console.app.clipboard

    compared(story, notifications=True)


def test_help_tells_every_key() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        expected = {binding.description for _key, binding in bindings((type(screen.differences), CompareScreen))}
        await console.press("question_mark")
        await console.until(lambda: isinstance(console.app.screen, HelpScreen))
        shown = console.app.screen
        assert isinstance(shown, HelpScreen)
        assert expected <= {what for keys in shown.groups.values() for _key, what in keys}
        assert all(expected)

    compared(story)


def test_the_footer_fits_80_columns() -> None:
    async def story(console: Driver, screen: CompareScreen) -> None:
        assert "? Help" in grid(console.app)[-1]
        await console.press("enter")
        await console.until(lambda: screen.values.has_focus)
        await console.sees("esc List")
        assert "? Help" in grid(console.app)[-1]

    compared(story, size=(80, 24))


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
