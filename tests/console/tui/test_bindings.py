"""Every key of every pane, taken from the bindings themselves: each is harmless and told by help."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.dom import DOMNode
from textual.widgets import OptionList

from daebus_console.commands.under_way import under_way
from daebus_console.engine.message.exchange import Flag
from daebus_console.tui.app import ConsoleApp
from daebus_console.tui.screens.ask import AskScreen
from daebus_console.tui.screens.break_at import BreakScreen
from daebus_console.tui.screens.comparing.compare import CompareScreen
from daebus_console.tui.screens.conversation import ConversationScreen, WaterfallList
from daebus_console.tui.screens.findings import FindingsScreen
from daebus_console.tui.screens.full import FullScreen
from daebus_console.tui.screens.groups import GroupsScreen
from daebus_console.tui.screens.held import HeldList, HeldScreen
from daebus_console.tui.screens.help import HelpScreen
from daebus_console.tui.screens.insight.contrast import ContrastScreen
from daebus_console.tui.screens.insight.shape import ShapeScreen
from daebus_console.tui.screens.insight.side_by_side import SideBySideScreen
from daebus_console.tui.screens.main import MainScreen
from daebus_console.tui.screens.pick import PickScreen
from daebus_console.tui.screens.record import RecordScreen
from daebus_console.tui.screens.rules import RuleList, RulesScreen
from daebus_console.tui.screens.sequence import SequenceScreen, StepList
from daebus_console.tui.screens.stats import StatsScreen
from daebus_console.tui.screens.take_along import TakeAlongScreen
from daebus_console.tui.widgets.detail import DocumentView
from daebus_console.tui.widgets.detail_pane import DetailPane
from daebus_console.tui.widgets.directory import DirectoryList
from daebus_console.tui.widgets.figure_list import FigureList
from daebus_console.tui.widgets.filter_bar import FilterLine
from daebus_console.tui.widgets.find_line import FindLine
from daebus_console.tui.widgets.flow import FlowList
from daebus_console.tui.widgets.flow_view import OLDEST
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive, grid

PANES: dict[str, tuple[tuple[str, ...], tuple[type[DOMNode], ...]]] = {
    # How to get there with the keyboard, and whose keys count there.
    "flow": (("left_square_bracket",), (FlowList, MainScreen)),
    "directory": (("shift+tab", "down"), (DirectoryList,)),
    "detail": (("left_square_bracket", "enter"), (DocumentView, DetailPane)),
    "filter": (("slash",), (FilterLine,)),
    "find": (("left_square_bracket", "enter", "slash"), (FindLine,)),
    "statistics": (("S",), (FigureList, StatsScreen)),
    "sequence": (("left_square_bracket", "D"), (StepList, SequenceScreen)),
    "conversation": (("left_square_bracket", "V"), (WaterfallList, ConversationScreen)),
    "what failed": (("W",), (FigureList, GroupsScreen)),
    "contrast": (("left_square_bracket", "u"), (FigureList, ContrastScreen)),
    "shape": (("left_square_bracket", "s"), (FigureList, ShapeScreen)),
    "two conversations": (
        ("left_square_bracket", "m", *["left_square_bracket"] * 2, "M"),
        (FigureList, SideBySideScreen),
    ),
    "findings": (("exclamation_mark",), (FigureList, FindingsScreen)),
    "held": (("H",), (HeldList, HeldScreen)),
    "breakpoints and faults": (("L",), (RuleList, RulesScreen)),
    "break": (("left_square_bracket", "B"), (BreakScreen,)),
    "compare": ((*["left_square_bracket"] * 4, "d"), (CompareScreen,)),
    "ask": (("T",), (AskScreen,)),
    "pick": (("F",), (PickScreen,)),
    "record": (("ctrl+r",), (RecordScreen,)),
    "take along": (("left_square_bracket", "Y"), (TakeAlongScreen,)),
    "help": (("question_mark",), (HelpScreen,)),
}
SELECTS = "left_square_bracket"
"""The key that selects the failure before the one that is selected."""
DIALOGS = ("ask", "break", "pick", "record", "take along", "help")
LEAVES = {"app.leave", "app.quit", "quit"}


def bindings(classes: tuple[type[DOMNode], ...]) -> Iterator[tuple[str, Binding]]:
    """Each key by itself, once, with what it is bound to by our own classes."""
    seen: set[str] = set()
    for cls in (base for one in classes for base in one.__mro__ if base.__module__.startswith("daebus_console")):
        for binding in Binding.make_bindings(cls.__dict__.get("BINDINGS", ())):
            if binding.key not in seen:
                seen.add(binding.key)
                yield binding.key, binding


CASES = [(pane, key) for pane, (_way, classes) in PANES.items() for key, _binding in bindings(classes)]


def state(app: ConsoleApp) -> Any:
    """What a key may change: the screen, the focus, what lies over it."""
    return [type(screen).__name__ for screen in app.screen_stack], app.focused, grid(app)


async def go(console: Driver, pane: str, *, selected: bool = False) -> None:
    """Put the keyboard into a pane; what has to be `selected` before it can be is so already."""
    way, classes = PANES[pane]
    await console.until(lambda: console.app.main.flow.count() >= 18)
    console.app.settings.set("filters", {"wrong": "status:error", "slow": "latency:>1s"})
    if "m" in way:
        # Two are selected, the one after the other, from the newest on.
        console.app.main.flow.follow_newest()
    skipped = SELECTS if selected and "m" not in way else None
    await console.press(*(key for key in way if key != skipped))
    await console.until(lambda: is_at(console.app, classes[0]), what=f"the keyboard in {pane}")


def is_at(app: ConsoleApp, cls: type[DOMNode]) -> bool:
    """Whether the keyboard is in a pane of that class."""
    return isinstance(app.focused, cls) or isinstance(app.screen, cls)


def moves(binding: Binding) -> bool:
    """Whether a key only moves the cursor, so that the console need not be brought back after it."""
    return binding.action.startswith(("move(", "page(")) or binding.action in ("first", "last")


async def back(console: Driver) -> None:
    """Bring the console back to where it began, whatever a key has done."""
    while len(console.app.screen_stack) > 1:
        console.app.pop_screen()
        await console.pilot.pause()
    # A recording that a key began: the key that leads there would end it instead.
    console.app.commands.cancel()
    await console.until(lambda: not console.app.commands.under_way)
    main = console.app.main
    if main.layout_of.zoomed is not None:
        main.layout_of.zoom()
    for name in ("left", "detail-pane", "repl-pane"):
        main.layout_of.show(name, True)
    main.flow.focus()
    main.filter_bar.display = main.detail.find.display = False
    main.narrow_to("")
    with main.session.lock:
        main.visibility.unmute_all()
        for exchange in main.session.journal.exchanges:
            exchange.flags &= ~Flag.MARKED
    main.flow.paused_at = None
    if main.flow.model.by_message:
        main.action_by_message()
    main.flow.set_order(OLDEST)
    under_way(main.session).stop_recording()
    console.app.clear_notifications()
    await console.pilot.pause()


@pytest.mark.parametrize("pane", PANES)
def test_every_key_of_a_pane_can_be_pressed_and_the_console_lives(
    pane: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One console a pane; after each key it is brought back to where it was. Those that move the cursor come last."""
    # Some write a file.
    monkeypatch.chdir(tmp_path)

    async def story(console: Driver) -> None:
        await go(console, pane)
        flow = console.app.main.flow
        classes, chosen = PANES[pane][1], flow.selected
        for key, binding in sorted(bindings(classes), key=lambda found: moves(found[1])):
            if binding.action in LEAVES:
                continue
            await console.press(key)
            await console.pilot.pause()
            assert console.app.return_value is None, f"{key} left the console"
            if not (moves(binding) and is_at(console.app, classes[0])):
                await back(console)
                await go(console, pane, selected=chosen == flow.selected and flow.cursor_index() is not None)
        titled = ("statistics", "sequence", "compare", "conversation", "what failed", "held", "breakpoints and faults")
        titled += ("contrast", "shape", "two conversations", "findings")
        await console.sees(pane.capitalize() if pane in titled else "daebus")

    drive(scene(), story, notifications=True)


def test_a_dialog_is_closed_by_each_of_its_keys_that_say_so() -> None:
    async def story(console: Driver) -> None:
        for pane in DIALOGS:
            keys = [key for key, binding in bindings(PANES[pane][1]) if binding.description in ("Never mind", "Close")]
            assert "escape" in keys, pane
            for key in keys:
                await go(console, pane)
                await console.press(key)
                await console.until(lambda: len(console.app.screen_stack) == 1, what=f"{key} closes {pane}")
                assert console.app.main.flow.has_focus, (pane, key)

    drive(scene(), story)


def test_names_are_forgotten_by_both_keys_and_chosen_by_enter() -> None:
    async def story(console: Driver) -> None:
        for key in ("d", "delete"):
            await go(console, "pick")
            await console.sees("status:error", "latency:>1s")
            await console.press(key)
            await console.loses("status:error")
            await console.press("escape")
        assert console.app.settings.get("filters", dict, {}) == {"slow": "latency:>1s"}
        await console.press("F")
        await console.sees("latency:>1s")
        await console.press("enter")
        await console.until(lambda: console.app.main.filter_text == "latency:>1s")

    drive(scene(), story)


def test_the_keys_of_lists_move_about_in_dialogs_too() -> None:
    async def story(console: Driver) -> None:
        console.app.settings.set("filters", {"slow": "latency:>1s", "late": "is:late"})
        await console.press("F")
        lit = console.app.screen.query_one(OptionList)
        for key, place in (("j", 1), ("k", 0), ("j", 1)):
            await console.press(key)
            assert lit.highlighted == place
        await console.press("d")
        await console.loses("is:late")
        await console.press("d")
        assert console.app.screen is console.app.main
        assert console.app.settings.get("filters", dict, {}) == {}
        await console.press("question_mark")
        box = console.app.screen.query_one("#help-box")
        for key, there in (("j", 1), ("k", 0), ("G", box.max_scroll_y), ("g", 0)):
            await console.press(key)
            await console.until(lambda there=there: box.scroll_y == there, what=key)

    drive(scene(), story)


def test_help_lists_every_key_of_the_pane() -> None:
    async def story(console: Driver) -> None:
        for pane in PANES:
            console.app.main.flow.follow_newest()
            await go(console, pane)
            if not isinstance(console.app.screen, FullScreen) or pane in ("filter", "find"):
                await back(console)
                continue
            told_of.add(pane)
            expected = {
                (console.app.get_key_display(binding), binding.description)
                for _key, binding in bindings(PANES[pane][1])
                if binding.description
            }
            await console.press("question_mark")
            await console.until(lambda: isinstance(console.app.screen, HelpScreen), what=f"help on {pane}")
            shown = console.app.screen
            assert isinstance(shown, HelpScreen)
            groups = shown.groups.values()
            told = {(key, what) for keys in groups for all_keys, what in keys for key in all_keys.split(" ")}
            assert expected <= told, (pane, sorted(expected - told))
            await back(console)

    told_of: set[str] = set()
    drive(scene(), story)
    assert len(told_of) == 14


def test_every_binding_says_what_it_does() -> None:
    silent = [(pane, key) for pane, key in CASES if not dict(bindings(PANES[pane][1]))[key].description]
    assert not silent
    assert len(CASES) > 80


def test_no_key_of_a_screen_does_two_things() -> None:
    """Those of the main screen come from many classes."""
    twice: list[tuple[str, str, str]] = []
    for screen in (MainScreen, GroupsScreen, StatsScreen, ContrastScreen, ShapeScreen, SideBySideScreen):
        known: dict[str, str] = {}
        for cls in screen.__mro__:
            for binding in Binding.make_bindings(cls.__dict__.get("BINDINGS", ())):
                other = known.setdefault(binding.key, binding.action)
                if other != binding.action and cls.__module__.startswith("daebus_console"):
                    twice.append((screen.__name__, binding.key, binding.action))
    assert twice == []


FLOW_KEYS = (
    *("slash", "colon", "S", "z", "f2", "f3", "f4", "plus", "x"),
    *("e", "T", "w", "D", "question_mark", "enter", "b", "o"),
)


def test_a_key_of_the_flow_has_an_effect() -> None:
    """One sees that something has changed."""

    async def story(console: Driver) -> None:
        for key in FLOW_KEYS:
            await back(console)
            await go(console, "flow")
            before = state(console.app)
            await console.press(key)
            await console.until(partial(changed, console.app, before), within=5, what=f"an effect of {key}")

    def changed(app: ConsoleApp, before: Any) -> bool:
        return state(app) != before

    drive(scene(), story, notifications=True)
