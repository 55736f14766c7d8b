"""The command pane: commands are carried out, their answers printed, their mistakes pointed at."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from daebus import Daebus, request, response
from tests.console.tui.support import Driver, drive, fed


def service(url: str, name: str) -> Daebus:
    """A small service, started."""
    app = Daebus(__name__)

    @app.action("greet")
    def greet() -> None:
        """Say hello."""
        response.send({"step": 1}, final=False)
        response.send({"greeting": f"hello {request.payload.get('name')}"})

    @app.action("fail")
    def fail() -> None:
        response.error("out of order")

    app.start(service=name, redis_url=url)
    return app


def test_a_request_prints_progress_and_answer_and_is_marked_as_ours(redis_url: str, name: str) -> None:
    app = service(redis_url, name)
    try:

        async def story(console: Driver) -> None:
            await console.command(f"request {name} greet name=Ann")
            await console.sees('"step": 1', '"greeting": "hello Ann"')
            await console.until(lambda: "▸" in console.line("greet ") and "you" in console.line("greet "))
            await console.command(f"request {name} fail")
            await console.sees("out of order")

        drive(redis_url, story, size=(120, 60))
    finally:
        app.stop()


def test_send_and_broadcast_are_seen_in_the_flow(redis_url: str, name: str) -> None:
    app = service(redis_url, name)
    try:

        async def story(console: Driver) -> None:
            await console.command(f"send {name} greet")
            await console.sees("one-way")
            await console.command(f"broadcast {name}x a:=1")
            await console.until(lambda: f"{name}x" in console.line("» "))

        drive(redis_url, story)
    finally:
        app.stop()


def test_a_mistake_is_pointed_at(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await console.command("reqest x y")
        await console.sees("❯ reqest x y", "^^^^^^", "did you mean")

    drive(redis_url, story)


@pytest.mark.parametrize("words", [2, 12])
def test_a_mistake_in_a_long_command_is_pointed_at_in_one_row(words: int) -> None:
    async def story(console: Driver) -> None:
        await console.command(f"request users get {'note=some ' * words}--timeot 5 {'more=words ' * 9}")
        await console.sees("has no option --timeot")
        rows = [strip.text for strip in console.app.main.repl.output.lines]
        row = next(index for index, text in enumerate(rows) if "^" in text)
        assert rows[row].index("^^^^^^^^") == rows[row - 1].index("--timeot")

    drive(fed(0.0), story, size=(80, 40))


def test_help_lists_the_verbs(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await console.command("help request")
        await console.sees("request users get_user")

    drive(redis_url, story, size=(120, 60))


def test_a_read_only_console_sends_nothing(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await console.command(f"broadcast {name} a=1")
        await console.sees("read-only")
        assert name not in console.app.session.directory.channels

    drive(redis_url, story, read_only=True)


def test_a_request_under_way_can_be_stopped(redis_url: str, name: str) -> None:
    release = threading.Event()
    app = Daebus(__name__)

    @app.action("wait")
    def wait() -> None:
        release.wait(20)
        response.send({})

    app.start(service=name, redis_url=redis_url)
    try:

        async def story(console: Driver) -> None:
            await console.command(f"request {name} wait --timeout 20")
            await console.sees("1 command under way", "ctrl+c stops")
            await console.press("ctrl+c")
            await console.sees("stopped waiting")
            await console.loses("under way")

        drive(redis_url, story)
    finally:
        release.set()
        app.stop()


def test_earlier_commands_come_back(redis_url: str) -> None:
    async def story(console: Driver) -> None:
        await console.command("help items")
        await console.command("help filters")
        await console.press("colon", "up", "up")
        assert console.app.main.repl.line.text == "help items"

    drive(redis_url, story)


def test_names_on_the_bus_are_offered_and_put_in_by_tab(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "get_user", 1, {"id": 7})
        await console.sees("get_user")
        await console.press("colon")
        await console.type("req")
        await console.sees("request")
        await console.press("tab")
        await console.type(name[:6])
        await console.press("tab")
        await console.type("ge")
        await console.press("tab")
        line = console.app.main.repl.line
        assert line.text == f"request {name} get_user ", "what is alone is taken, with a blank for the next word"
        await console.press("ctrl+t")
        await console.until(lambda: line.text.strip() == f"request {name} get_user id:=7")

    drive(redis_url, story)


def test_commands_are_kept_for_the_next_time_and_for_nobody_else(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "state" / "history"

    async def first(console: Driver) -> None:
        await console.command("help items")

    async def second(console: Driver) -> None:
        await console.press("colon", "up")
        assert console.app.main.repl.line.text == "help items"

    drive(redis_url, first, history_path=path)
    assert path.stat().st_mode & 0o077 == 0
    drive(redis_url, second, history_path=path)


def test_what_was_asked_is_shown_without_ceasing_to_follow(redis_url: str, name: str) -> None:
    app = service(redis_url, name)
    try:

        async def story(console: Driver) -> None:
            await console.command(f"request {name} greet name=Ann")
            await console.sees(f"{name}.greet", "part 1", "after")
            assert console.app.main.flow.following

        drive(redis_url, story, size=(140, 50))
    finally:
        app.stop()


def test_nothing_goes_to_nobody_unasked(redis_url: str, name: str) -> None:
    async def story(console: Driver) -> None:
        await console.command(f"send {name} forget")
        await console.sees("nobody serves", "type y to go on")
        await console.press("escape")
        await console.sees("nothing was sent")
        await console.command(f"send {name} forget")
        await console.sees("type y to go on")
        await console.press("y", "enter")
        await console.sees("one-way")

    drive(redis_url, story)
