"""Where the flow shows nothing it says what would bring rows back."""

from __future__ import annotations

import pytest

from daebus_console.engine.message.exchange import Flag
from daebus_console.tui.flow.visibility import Hidden, Mute, Visibility
from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.titles.hints import no_flow
from tests.console.engine.bus import Bus, request
from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive, fed

KEYS = ("/", "X", "c", "K")


@pytest.mark.parametrize("kind", ["plain", "control", "quiet"])
@pytest.mark.parametrize("muted", [False, True])
@pytest.mark.parametrize("filtered", [False, True])
def test_an_empty_flow_names_the_keys_that_bring_rows_back_and_no_others(
    kind: str, muted: bool, filtered: bool
) -> None:
    def seen(*keys: str) -> tuple[int, list[str]]:
        """How many rows there are after those keys, and which keys are named where there are none."""
        bus = Bus()
        bus >> request("daebus.control.users" if kind == "control" else "users", "get_user", id="A-1", service="web")
        if kind == "quiet":
            bus["A-1"].flags |= Flag.QUIET
        visibility = Visibility()
        if muted and "X" not in keys:
            visibility.mute(Mute("web"))
        if filtered and "/" not in keys:
            visibility.set_filter(lambda _exchange: False)
        if "c" in keys:
            visibility.toggle_control()
        if "K" in keys:
            visibility.toggle_quiet()
        hidden = Hidden()
        rows = sum(visibility.shows(one, hidden) for one in bus.journal.exchanges)
        told = ["".join(text for text, _role in line).split()[0] for line in no_flow(total=1, hidden=hidden)[1:]]
        return rows, [key for key in KEYS if key in told]

    rows, named = seen()
    if rows:
        return
    assert named == [key for key in KEYS if seen(key)[0]]


@pytest.mark.parametrize("filter_text", ["status:error or status:timeout", "status:error || status:timeout"])
def test_who_types_an_operator_is_told_in_the_line_and_in_the_empty_flow(filter_text: str) -> None:
    async def story(console: Driver) -> None:
        await console.press("slash", *filter_text)
        bar = console.app.main.filter_bar
        await console.until(lambda: "status:error,timeout is either" in text_of(bar.below.left))
        assert console.app.main.filter_text == filter_text
        await console.press("enter")
        await console.sees("is looked for as a word", "status:error,timeout is either")
        await console.press("escape")
        await console.until(lambda: console.app.main.flow.count() > 0)

    drive(scene(), story, size=(80, 24))


def test_a_command_with_an_operator_among_its_terms_does_what_it_says_and_warns() -> None:
    async def story(console: Driver) -> None:
        await console.press("colon", *"filter not status:ok", "enter")
        await console.sees("warning: -status:ok is “not”; `not` is looked for as a word")
        assert console.app.main.filter_text == "not status:ok"

    drive(scene(), story)


def test_a_flow_that_shows_a_gap_and_no_message_says_what_to_do_next() -> None:
    async def story(console: Driver) -> None:
        await console.press("slash", *"nosuchword", "enter")
        await console.sees("unseen for", "None of 22 is shown.", "/ changes the filter, escape removes it.")
        await console.press("escape")
        await console.until(lambda: not console.app.main.flow.gaps_alone)

    drive(scene(), story)


def test_while_a_filter_is_still_looking_it_is_not_said_that_nothing_is_there() -> None:
    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        await console.press("slash", *"nosuchword", "enter")
        await console.sees("None of 22 is shown.")
        tick, flow.tick = flow.tick, lambda: None  # type: ignore[method-assign]
        flow.model.restart()
        await console.sees("Looking through 22 …")
        assert "None of" not in console.text
        flow.tick = tick  # type: ignore[method-assign]
        await console.sees("None of 22 is shown.")

    drive(scene(), story)


def test_what_just_came_is_not_said_to_be_hidden() -> None:
    session = fed(100.0)

    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        await console.sees("Nothing has been published yet.")
        tick, flow.tick = flow.tick, lambda: None  # type: ignore[method-assign]
        session.on_batch(90.0, [("news", b'{"a": 1}')])
        console.app.main._slow()
        assert text_of(flow.hint[0]).strip() == "Nothing has been published yet."
        with session.lock:
            flow.model.read()
        console.app.main._slow()
        assert text_of(flow.hint[0]).strip() == "Nothing has been published yet."
        flow.tick = tick  # type: ignore[method-assign]
        await console.sees("» news")

    drive(session, story)


def test_where_only_the_console_has_asked_yet_it_says_what_to_send() -> None:
    hidden = Hidden(as_control=True)
    told = [text_of(line).strip() for line in no_flow(total=4, hidden=hidden)]
    assert told[0] == "Nothing but control messages has been published yet."
    assert "request SERVICE ACTION name=value" in told
    assert told[-1].startswith("c shows")
    for other in (Hidden(as_control=True, by_filter=True), Hidden(as_control=True, muted=1)):
        assert text_of(no_flow(total=4, hidden=other)[0]).strip() == "None of 4 is shown."


@pytest.mark.parametrize("width", [25, 48, 65, 80])
def test_what_an_empty_pane_says_is_whole_at_any_width(width: int) -> None:
    async def story(console: Driver) -> None:
        main = console.app.main
        for rows, said in (
            (main.flow, "Messages appear here as they pass. Or press : and send: request SERVICE ACTION name=value"),
            (main.detail.view, "Select an exchange (↑ ↓ or click) to look inside. ] next error, enter comes here"),
        ):
            lines = (rows.render_line(y).text for y in range(rows.size.height))
            assert said in " ".join(" ".join(lines).split())

    drive(fed(0.0), story, size=(width, 40))


def test_what_is_wrong_in_a_filter_says_what_was_perhaps_meant_also_where_there_is_little_room() -> None:
    async def story(console: Driver) -> None:
        below = console.app.main.filter_bar.below
        await console.press("slash", *"status:error to:漢字漢字漢 payload.: ")
        await console.until(lambda: text_of(below.left) == "      payload.: needs a value ^^^^^^^^^")
        await console.press(*["backspace"] * 40, *"status:erorr to:users")
        await console.until(lambda: text_of(below.left) == "          ^^^^^ did you mean error?")
        await console.press("home", *"some more words of this filter that ", "end")
        await console.until(lambda: text_of(below.left) == "   did you mean error?")
        await console.pilot.resize_terminal(300, 40)
        await console.sees("^^^^^ status: 'erorr' is none of", "(did you mean error?)")

    drive(scene(), story, size=(80, 24))


@pytest.mark.parametrize(("key", "title"), [("S", "Statistics"), ("exclamation_mark", "Findings"), ("L", "faults")])
def test_screens_that_go_on_say_too_that_nothing_is_seen(key: str, title: str) -> None:
    session = fed(1000.0)
    session.on_down(990.0, "Connection refused")

    async def story(console: Driver) -> None:
        await console.press(key)
        await console.until(lambda: "✗ not connected for 10.0s" in console.line(title))
        session.on_up(999.0)
        await console.loses("not connected")

    drive(session, story)
