"""A capture opened from inside lies over the bus, is looked into and replayed from, and is left again."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from daebus import DaebusCaller
from daebus_console.engine.offline import OfflineSession
from tests.console.replay.conftest import Shop
from tests.console.replay.test_replay import Record
from tests.console.tui.support import Driver, drive


def test_a_capture_is_opened_over_the_bus_and_left_again(shop: Shop, caller: DaebusCaller, capture: Record) -> None:
    path = capture(lambda: [caller.send_request("echo", {"n": index}) for index in range(3)])

    async def story(console: Driver) -> None:
        live = console.app.session
        await console.command(f"open {path}")
        await console.sees(f"capture {path.name}", "all of it", "echo")
        assert isinstance(console.app.session, OfflineSession)
        await console.until(lambda: console.app.main.flow.count() == 3)
        await console.command(f"request {shop.name} echo")
        await console.sees("this is a capture")
        await console.command("replay #1")
        await console.sees("name one with --redis URL")
        await console.press("escape", "escape", "q")
        await console.until(lambda: console.app.session is live)
        await console.sees("live", "was opened; q there")
        assert console.app.return_value is None
        console.request(shop.name, "echo", 1)
        await console.until(lambda: "echo" in console.line("→"))

    drive(shop.url, story)


@pytest.mark.parametrize("key", ["H", "L", "B"])
def test_where_nothing_can_pass_nothing_is_held(shop: Shop, caller: DaebusCaller, capture: Record, key: str) -> None:
    path = capture(lambda: caller.send_request("echo", {"n": 1}))

    async def story(console: Driver) -> None:
        await console.command(f"open {path}")
        await console.until(lambda: isinstance(console.app.session, OfflineSession))
        main = console.app.main
        await console.until(lambda: main.flow.count() == 1)
        await console.press("escape", "home", key)
        await console.sees("connected to no Redis")
        assert console.app.screen is main

    drive(shop.url, story, notifications=True)


def torn(data: bytes) -> bytes:
    return data[:-5]


def skipped(data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    return b"".join([*lines[:3], b"{]\n", b"\xff\n", *lines[3:]])


def cut(data: bytes) -> bytes:
    return gzip.compress(data)[:-12]


@pytest.mark.parametrize(
    ("harm", "lacks", "why"),
    [
        (torn, "cut off", "the last one, is torn and skipped"),
        (skipped, "2 lines skipped", "line 4 is skipped"),
        (cut, "cut off", "the gzip stream ends early"),
        (lambda data: skipped(torn(data)), "2 lines skipped, cut off", "line 5 is skipped"),
    ],
)  # fmt: skip
def test_what_of_it_could_not_be_read_is_told(
    shop: Shop, caller: DaebusCaller, capture: Record, harm: Callable[[bytes], bytes], lacks: str, why: str
) -> None:
    path = capture(lambda: [caller.send_request("echo", {"n": index}) for index in range(3)])
    path.write_bytes(harm(path.read_bytes()))

    async def story(console: Driver) -> None:
        await console.command(f"open {path}")
        await console.sees(f"capture {path.name}", f"■ {lacks} ", "could not be read completely", why)
        assert "all of it" not in console.text

    drive(shop.url, story, size=(140, 45), notifications=True)


def test_where_nothing_can_pass_nothing_is_recorded(shop: Shop, caller: DaebusCaller, capture: Record) -> None:
    path = capture(lambda: caller.send_request("echo", {}))

    async def story(console: Driver) -> None:
        await console.command(f"open {path}")
        await console.sees("all of it")
        await console.press("escape", "escape", "ctrl+r")
        await console.sees("connected to no Redis")
        assert "Record into" not in console.text

    drive(shop.url, story, notifications=True)


def test_what_was_opened_is_replayed_where_redis_says(shop: Shop, caller: DaebusCaller, capture: Record) -> None:
    path = capture(lambda: [caller.send_request("echo", {"n": index}) for index in range(3)])
    shop.asked.clear()

    async def story(console: Driver) -> None:
        await console.command(f"open {path} --redis {shop.url}")
        await console.until(lambda: console.app.main.flow.count() == 3)
        await console.command("replay #2 n:=77")
        await console.sees('"n": 77')
        await console.until(lambda: shop.asked == [{"n": 77}])
        # It is shown in the capture that it came from, linked with its origin.
        await console.until(lambda: console.app.main.flow.count() == 4)

    drive(shop.url, story)


def test_captures_lie_over_each_other_and_the_whole_is_left_at_once(
    shop: Shop, caller: DaebusCaller, capture: Record
) -> None:
    first = capture(lambda: caller.send_request("echo", {"n": 1}))
    second = capture(lambda: caller.send_request("price", {"sku": "b"}))

    async def story(console: Driver) -> None:
        await console.command(f"open {first}")
        await console.sees(f"capture {first.name}")
        await console.command(f"open {second}")
        await console.sees(f"capture {second.name}", "price")
        await console.press("escape", "escape", "q")
        await console.sees(f"capture {first.name}")
        await console.press("ctrl+q")
        await console.until(lambda: console.app.return_value == 0)

    drive(shop.url, story)


def test_what_cannot_be_opened_is_pointed_at(redis_url: str, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.txt"
    foreign.write_text("hello\n")

    async def story(console: Driver) -> None:
        for path, word in ((tmp_path / "absent.jsonl", "there is no file"), (foreign, "capture")):
            await console.command(f"open {path}")
            await console.until(lambda word=word: word in console.text.lower())
            assert len(console.app.mains) == 1

    drive(redis_url, story)
