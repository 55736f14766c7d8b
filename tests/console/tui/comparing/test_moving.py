"""Moving among differences, rules that leave some out, and what is taken along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daebus_console.tui.compare.rows import Entry
from daebus_console.tui.screens.comparing.compare import CompareScreen
from daebus_console.tui.screens.help import HelpScreen
from daebus_console.tui.settings import SettingsFile
from tests.console.tui.comparing.opened import PATHS, chosen, compared, opened, pair, paths
from tests.console.tui.support import Driver, drive, grid
from tests.console.tui.test_bindings import bindings

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
