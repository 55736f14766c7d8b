"""Every text can be read in every theme; and what was printed takes on the colours of the one that is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.style import Style
from textual.screen import Screen
from textual.widgets import RichLog

from daebus_console.tui.app import ConsoleApp
from daebus_console.tui.look.legible import LEAST, contrast, legible
from daebus_console.tui.look.roles import style_of
from daebus_console.tui.rows.lines import ROLES
from daebus_console.tui.widgets.row_list import RowList
from daebus_console.tui.widgets.title import TitleLine
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive

LARGE = 3.0
"""What WCAG 2 asks of large text; here of keys in the footer, which are bold, and of what is typed and offered."""
DRAWN = set("│┃▕─╭╮╰╯▃ ")
"""Rules and scroll bars: not read."""
SCREENS: dict[str, tuple[tuple[str, ...], str]] = {
    "detail": (("enter", "1", "down"), "request_id"),
    "find": (("enter", "1", "slash", "o", "r", "d"), "Next match"),
    "filter": (("slash",), "Keep by name"),
    "a mistake in the filter": (("slash", "x", "colon"), "^"),
    "commands": (("colon", "r", "e"), "replay"),
    "statistics": (("S",), "all together"),
    "sequence": (("D",), "Sequence"),
}
HARDEST = ("atom-one-light", "flexoki", "nord", "solarized-dark", "textual-light")
"""The themes in which most could not be read when these tests were written; the others are looked at in one screen."""
triplets = st.builds(ColorTriplet, *(st.integers(0, 255) for _part in range(3)))


def themes(app: ConsoleApp) -> Iterator[str]:
    """Those that come with the console and say what their colours are."""
    return (name for name, theme in sorted(app.available_themes.items()) if not theme.ansi)


def seen(style: Style | None) -> float:
    """The contrast of a text."""
    assert style is not None
    assert style.color is not None
    assert style.bgcolor is not None
    return contrast(style.color.get_truecolor(), style.bgcolor.get_truecolor())


def faint(app: ConsoleApp, least: float) -> set[tuple[str, float]]:
    """The texts on the screen with less contrast than that."""
    found = set()
    for strip in app.screen._compositor.render_strips():
        for text, style, _control in strip:
            if set(text) - DRAWN and (told := seen(style)) < least:
                found.add((text.strip(), round(told, 2)))
    return found


@pytest.mark.parametrize("screen", SCREENS)
def test_everything_on_the_screen_can_be_read_in_every_theme(screen: str) -> None:
    keys, shows = SCREENS[screen]

    async def story(console: Driver) -> None:
        await console.until(lambda: console.app.main.flow.count() >= 18)
        await console.press(*(["left_square_bracket"] * 4), *keys)
        await console.sees(shows)
        for theme in themes(console.app) if screen == "commands" else HARDEST:
            console.app.theme = theme
            await console.pilot.pause()
            assert not faint(console.app, LARGE), theme

    drive(scene(), story)


def drawn(screen: Screen[Any]) -> dict[tuple[str | None, str, str], Style | None]:
    """How each role is drawn by each list, with the cursor on it and without, and by each title, in this theme."""
    told: dict[tuple[str | None, str, str], Style | None] = {
        (widget.id, role, over): widget.style_of(role, over)
        for widget in screen.query(RowList)
        for role in ROLES
        for over in ("", "row--cursor", "row--cursor-blurred")
    }
    for line in (line for line in screen.query(TitleLine) if line.size):
        for role in ROLES:
            line.show([("x", role)])
            told[line.id, role, "title"] = next(iter(line.render_line(0))).style
    return told


def test_every_role_can_be_read_on_every_ground_and_the_cursor_is_seen_in_every_theme() -> None:
    async def story(console: Driver) -> None:
        screen, flow = console.app.screen, console.app.main.flow
        for theme in themes(console.app):
            console.app.theme = theme
            await console.pilot.pause()
            told = {(theme, *where): seen(style) for where, style in drawn(screen).items()}
            assert len(told) > 150
            assert not {where: ratio for where, ratio in told.items() if ratio < LEAST}
            grounds = [flow.style_of("plain", over).bgcolor for over in ("", "row--cursor-blurred", "row--cursor")]
            plain, blurred, lit = (ground.get_truecolor() for ground in grounds if ground is not None)
            assert contrast(plain, lit) > contrast(plain, blurred) > 1.1, theme
            assert flow.style_of("match", "row--cursor").bgcolor == flow.style_of("match").bgcolor, theme

    drive(scene(), story)


def test_in_the_colours_of_the_terminal_nothing_is_written_on_one_of_them() -> None:
    async def story(console: Driver) -> None:
        screen, flow = console.app.screen, console.app.main.flow
        await console.press(*(["left_square_bracket"] * 4))
        for theme in (name for name, one in console.app.available_themes.items() if one.ansi):
            console.app.theme = theme
            await console.pilot.pause()
            told = {(theme, *where): style for where, style in drawn(screen).items()}
            assert len(told) > 150
            assert not {where: style for where, style in told.items() if not is_sure(style)}
            plain, blurred, lit = (flow.style_of("name", over) for over in ("", "row--cursor-blurred", "row--cursor"))
            assert (plain.reverse, blurred.reverse, lit.reverse) == (None, None, True)
            assert blurred.underline
            assert plain.color == blurred.color != lit.color
            assert flow.style_of("match", "row--cursor").underline

    drive(scene(), story)


def is_sure(style: Style | None) -> bool:
    """Whether it is read whatever the terminal's colours are: on its own ground, or its text reversed."""
    assert style is not None
    assert style.color is not None
    assert style.bgcolor is not None
    return style.bgcolor.is_default and (not style.reverse or style.color.is_default)


def test_what_was_printed_takes_on_the_colours_of_another_theme() -> None:
    async def story(console: Driver) -> None:
        log = console.app.main.repl.query_one(RichLog)

        def printed() -> Style:
            return next(segment.style for segment in log.lines[0] if segment.text.strip() and segment.style)

        await console.sees("help lists the commands")
        await console.command("unmute")
        await console.until(lambda: log.lines[-1].text.rstrip().endswith("quit"))
        before, lines = printed(), [strip.text for strip in log.lines]
        console.app.theme = "textual-light"
        await console.until(lambda: printed().color != before.color)
        assert [strip.text for strip in log.lines] == lines

    drive(scene(), story)


@given(triplets, triplets)
def test_a_text_is_made_legible_on_any_ground(text: ColorTriplet, ground: ColorTriplet) -> None:
    style = Style(color=Color.from_triplet(text), bgcolor=Color.from_triplet(ground), bold=True)
    made = legible(style)
    assert seen(made) >= LEAST
    assert made.bold
    assert made.bgcolor == style.bgcolor
    assert made == style or seen(style) < LEAST, "what can be read is left as it is"


@given(triplets, triplets, triplets)
def test_reversed_text_has_one_colour_on_one_ground(
    one: ColorTriplet, other: ColorTriplet, ground: ColorTriplet
) -> None:
    made, beside = (
        legible(Style(color=Color.from_triplet(text), bgcolor=Color.from_triplet(ground), reverse=True))
        for text in (one, other)
    )
    assert made == beside
    assert seen(made) >= LEAST


def test_the_terminal_s_own_colours_are_left_alone() -> None:
    style = Style(color="red", bgcolor="default")
    assert legible(style) == style
    assert legible(Style()) == Style()


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(ColorTriplet(0, 0, 0), ColorTriplet(255, 255, 255)) == pytest.approx(21)
    assert contrast(ColorTriplet(119, 119, 119), ColorTriplet(255, 255, 255)) == pytest.approx(4.48, abs=0.01)
    assert contrast(ColorTriplet(9, 9, 9), ColorTriplet(9, 9, 9)) == 1


def test_a_role_is_drawn_before_the_application_has_its_styles() -> None:
    """As it is on Python 3.13, when the first widgets are mounted."""

    async def story(console: Driver) -> None:
        app, flow = console.app, console.app.main.flow
        before = style_of(flow, "error")
        app._component_styles.clear()
        assert style_of(flow, "error") == before

    drive(scene(), story)
