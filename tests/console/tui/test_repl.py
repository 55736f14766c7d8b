"""The command line of the console: what it offers, shows and refuses while one types."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from daebus_console.engine.hiding.redact import Redactor
from daebus_console.tui.widgets.repl_line import CommandLine
from daebus_console.tui.widgets.repl_recall import Recall
from tests.console.tui.support import Driver, drive, fed, grid


def line_of(console: Driver) -> CommandLine:
    return console.app.main.repl.line


async def put(console: Driver, text: str) -> None:
    """Have a text in the command line, as if pasted."""
    line = line_of(console)
    line.focus()
    line.put(text)
    await console.pilot.pause()


def test_the_menu_says_what_each_offer_is(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await console.press("colon")
        await console.type("re")
        await console.sees("request  ask a service, and print its answer", "record   write what passes by")
        await console.press("tab", "tab")
        assert line_of(console).text == "record"
        await console.press("up")
        assert line_of(console).text == "request"
        await console.press("enter")
        assert line_of(console).text == "request ", "enter takes the offer, and does not send"
        assert not console.app.commands.entered
        await console.press("escape", "escape")
        await console.until(lambda: "record   write" not in console.text)

    drive(redis_url, story)


def test_keys_that_come_at_once_keep_their_order(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        line = line_of(console)
        line.focus()
        for _time in range(20):
            keys = [
                "h",
                "e",
                "l",
                "x",
                "backspace",
                "p",
                "tab",
                "space",
                "i",
                "t",
                "tab",
                "left",
                "right",
                "ctrl+c",
                "a",
                "b",
            ]
            for key in keys:
                character = "h" if key == "h" else key if len(key) == 1 else " " if key == "space" else None
                console.app.post_message(events.Key(key, character))
            await console.until(lambda: line.text == "ab")
            assert line.has_focus
            await console.press("ctrl+c")
            await console.until(lambda: line.text == "")

    drive(redis_url, story)


def test_the_newest_entry_stands_there_as_ghost_text(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await console.command("help items")
        await console.command("help filters")
        await console.press("colon")
        await console.type("help i")
        await console.until(lambda: line_of(console).suggestion == "tems")
        await console.until(lambda: "help items" in console.line(" help i"))
        await console.press("right")
        assert line_of(console).text == "help items"

    drive(redis_url, story)


def test_what_was_sent_last_stands_there_as_ghost_text(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "get_user", 1, {"id": 7})
        await console.sees("get_user")
        await put(console, f"request {name} get_user")
        await console.until(lambda: line_of(console).suggestion == " id:=7")
        await console.press("ctrl+t")
        await console.until(lambda: line_of(console).text == f"request {name} get_user id:=7")

    drive(redis_url, story)


def test_a_mistake_is_pointed_at_while_one_types(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await put(console, "request users get --timeot 5 ")
        await console.sees("did you mean --timeout?")
        rows = console.text.split("\n")
        row = next(index for index, text in enumerate(rows) if "request users get --timeot" in text)
        start = rows[row].index("--timeot")
        assert rows[row + 1][: start + 8].rstrip() == " " * start + "^" * 8
        await put(console, "request users get --timeo")
        await console.loses("did you mean")

    drive(redis_url, story)


def test_a_command_of_several_lines(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await put(console, "set a {")
        await console.press("enter")
        await console.type("1")
        assert line_of(console).text == "set a {\n1"
        await console.press("backspace")
        line_of(console).insert('"x": 2}')
        await console.press("enter")
        await console.sees("❯ set a {", '· "x": 2}', '$a               {"x": 2}')
        await console.press("up")
        assert line_of(console).text == 'set a {\n"x": 2}'
        await console.press("ctrl+c")
        assert line_of(console).text == ""

    drive(redis_url, story)


def test_an_empty_line_gives_up_what_is_open(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await put(console, "set a 'x")
        await console.press("enter", "enter")
        await console.sees("this ' is never closed")

    drive(redis_url, story, size=(120, 45))


def test_searching_what_was_entered(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        for command in ("set alpha 1", "set beta 2", "set alphabet 3"):
            await console.command(command)
        await put(console, "draft")
        await console.press("ctrl+r")
        await console.type("alpha")
        await console.sees("searching for alpha")
        assert line_of(console).text == "set alphabet 3"
        await console.press("ctrl+r")
        assert line_of(console).text == "set alpha 1"
        await console.press("escape")
        assert line_of(console).text == "draft"
        await console.press("ctrl+r")
        await console.type("beta")
        await console.press("enter")
        assert line_of(console).text == "set beta 2"
        assert console.app.commands.entered[-1] == "set alphabet 3", "what was found is not sent yet"
        await console.loses("searching for")

    drive(redis_url, story)


def test_several_commands_pasted_are_carried_out_in_order(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        line_of(console).focus()
        line_of(console).post_message(events.Paste("set a 1\r\n# no\r\nset b $a\x1b[31m\r\nset\r\n"))
        await console.until(lambda: "$a[31m" in line_of(console).text)
        line_of(console).put(line_of(console).text.replace("[31m", "").strip())
        await console.press("enter")
        await console.until(lambda: console.app.commands.context.variables == {"a": 1, "b": 1})

    drive(redis_url, story)


@pytest.mark.parametrize(("more", "said"), [(1, "the command after it was"), (3, "3 commands after it were")])
def test_of_several_commands_it_is_said_that_those_after_one_that_failed_were_not_carried_out(
    redis_url: str, name: str, more: int, said: str
) -> None:
    async def story(console: Driver) -> None:
        await console.press("colon")
        console.app.post_message(events.Paste("\n".join([f"describe {name}", *["help"] * more])))
        await console.press("enter")
        await console.sees(f"{said} not carried out")

    drive(redis_url, story)


def test_a_million_signs_are_not_typed(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        line_of(console).focus()
        line_of(console).post_message(events.Paste("x" * 1_000_000))
        told = console.app._notifications
        await console.until(lambda: any("@file.json" in one.message for one in told))
        assert line_of(console).text == ""

    drive(redis_url, story)


def test_nothing_that_a_terminal_would_obey_gets_in(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await put(console, "set a \x1b[31m\u202ex\x07")
        assert line_of(console).text == "set a [31mx"

    drive(redis_url, story)


def test_redacted_values_are_not_kept(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "history"

    async def story(console: Driver) -> None:
        await console.command("set token hunter2")
        await console.command("set a 1")
        await console.press("up", "up")
        assert line_of(console).text == "set token hunter2"

    drive(redis_url, story, history_path=path, redact=Redactor(["token"]))
    assert "set a 1" in path.read_text()
    assert "hunter2" not in path.read_text()


def test_a_script_and_its_result_in_the_pane(redis_url: str, tmp_path: Path) -> None:
    script = tmp_path / "script.txt"
    script.write_text("set a 1\nnonsense\n")

    async def story(console: Driver) -> None:
        await put(console, f"source {script}")
        await console.press("enter")
        await console.sees("there is no verb `nonsense`", "stopped in line 2")

    drive(redis_url, story, size=(200, 50))


@pytest.mark.parametrize("wanted", [["b", "a"], ["b"]])
def test_going_back_ends_where_it_began(wanted: list[str]) -> None:
    recall = Recall()
    for entry in wanted:
        assert recall.step(["a", "b"], -1, "draft") == entry
    for entry in [*wanted[-2::-1], "draft"]:
        assert recall.step(["a", "b"], 1, "") == entry
    assert recall.step(["a", "b"], 1, "draft") is None
    assert recall.step([], -1, "draft") is None


def top_of(console: Driver) -> int:
    """The first row of the output that is on the screen."""
    return console.app.main.repl.output.scroll_offset.y


def test_what_was_printed_is_scrolled_with_the_keyboard() -> None:
    async def story(console: Driver) -> None:
        output = console.app.main.repl.output
        await console.command("help")
        await console.until(lambda: top_of(console) == output.max_scroll_y > 10, what="the end of what help prints")
        await console.sees("PgUp Scroll")
        end, page = top_of(console), output.size.height - 1
        for key, place in (
            ("pageup", end - page),
            ("shift+up", end - page - 1),
            ("shift+down", end - page),
            ("pagedown", end),
        ):
            await console.press(key)
            await console.until(lambda place=place: top_of(console) == place, what=f"{place} after {key}")
        assert line_of(console).has_focus

    drive(fed(0.0), story)


def test_what_is_printed_first_is_whole_beside_the_scroll_bar_that_comes_then() -> None:
    async def story(console: Driver) -> None:
        repl = console.app.main.repl
        repl.line.focus()
        await console.press("ctrl+l")
        repl.write([("ø" * 200, "plain")])
        await console.until(lambda: "ø" in console.text)
        for _line in range(6):
            repl.write([("more", "plain")])
        await console.until(lambda: top_of(console) == repl.output.max_scroll_y > 0)
        await console.press(*["pageup"] * 6)
        await console.until(lambda: top_of(console) == 0)
        await console.until(lambda: console.text.count("ø") == 200)

    drive(fed(0.0), story, size=(80, 24))


def test_what_is_printed_leaves_whoever_reads_where_he_is() -> None:
    async def story(console: Driver) -> None:
        repl = console.app.main.repl
        output = repl.output
        await console.command("help")
        await console.until(lambda: top_of(console) == output.max_scroll_y > 10, what="the end of what help prints")
        await console.press("pageup", "pageup")
        place, end = top_of(console), output.max_scroll_y
        assert place < end
        repl.write([("in the background", "plain")])
        await console.until(lambda: output.max_scroll_y > end)
        await console.pilot.pause()
        assert top_of(console) == place
        # Of what is full the oldest goes; what is read stays on the screen.
        output.max_lines = output.max_scroll_y
        seen = [line[:100] for line in grid(console.app)[-8:-3]]
        repl.write([("once more", "plain")])
        await console.until(lambda: top_of(console) < place)
        await console.pilot.pause()
        assert [line[:100] for line in grid(console.app)[-8:-3]] == seen
        await console.command("help")
        await console.until(
            lambda: top_of(console) == output.max_scroll_y, what="the end, for whoever enters something"
        )
        repl.write([("at the end", "plain")])
        await console.sees("at the end")

    drive(fed(0.0), story)


def test_the_end_of_what_was_printed_stays_in_a_pane_that_gets_smaller() -> None:
    async def story(console: Driver) -> None:
        await console.command("help")
        await console.press("escape")
        await console.sees("`help VERB` tells more")
        await console.pilot.resize_terminal(120, 28)
        await console.sees("`help VERB` tells more")

    drive(fed(0.0), story)


def test_what_was_printed_is_whole_at_every_width_and_what_is_read_stays() -> None:
    async def story(console: Driver) -> None:
        repl = console.app.main.repl
        output = repl.output
        await console.press("colon", "ctrl+l")
        for number in range(12):
            repl.write([(f"begin{number:02} " + "x" * 100 + f" end{number:02}", "plain")])
        await console.sees("end11")
        for width in (60, 120, 41):
            await console.pilot.resize_terminal(width, 30)
            await console.sees("end11")
            await console.until(lambda width=width: all(strip.cell_length <= width for strip in output.lines))
            printed = "".join(strip.text.rstrip() for strip in output.lines).replace(" ", "")
            assert all(f"begin{number:02}{'x' * 100}end{number:02}" in printed for number in range(12))
            assert not output.show_horizontal_scrollbar
        await console.press("pageup", "pageup", "pageup")
        await console.until(lambda: output.reading)

        def first() -> int:
            return repl._line_at(top_of(console))

        read, rows = first(), len(output.lines)
        assert 0 < read < 11
        await console.pilot.resize_terminal(100, 30)
        await console.until(lambda: len(output.lines) < rows)
        await console.until(lambda: first() == read, what=f"line {read} at the top")
        await console.sees(f"begin{read:02}")
        assert output.reading

    drive(fed(0.0), story, size=(120, 30))
