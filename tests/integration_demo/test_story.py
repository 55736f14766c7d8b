"""The story of the demo: each planted bug is named in words for a stranger; the chapters are told as they come."""

from __future__ import annotations

import json
import runpy
from typing import Any

import pytest

from daebus_console.demo.demo import Demo, DemoError, shop_directory
from daebus_console.demo.story import CHAPTERS, SECONDS, SHARE, Telling
from tests.console.cli.conftest import Console
from tests.integration_demo.support import Runner
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

CHAPTER = 1.5
"""Seconds that a chapter takes here."""
WORDS = {
    "listener-raised": "the listener count_points of notifier raised for 'orders': KeyError: 'u-",
    "equal-calls": "gateway place_order asks stock check 5 times for the same while it handles one request",
    "swallowed-error": "gateway place_order answered with success, though its call to payment take_tip ended with",
    "type-changed": "the field amount_cents in requests of payment take_tip is a number in most messages and a number",
    "unknown-action": "notifier has no action 'send_recipt', but 'send_receipt': one-way messages for it are lost",
}


def planted(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Those findings that the story is about, by their rules."""
    ours = {one for chapter in CHAPTERS for one in chapter.found_as}
    return {one["rule"]: one for one in found if (one["rule"], one["service"]) in ours}


def test_each_planted_bug_is_named(own_redis: RedisServer) -> None:
    console = Console(own_redis.url)
    found: dict[str, dict[str, Any]] = {}
    with Demo(own_redis.url, seed="7", rate=60, story=CHAPTER) as demo:

        def all_of_them() -> bool:
            # One round of all chapters, and some more for a machine that is busy.
            done = console("findings", "--for", "8s", "--json")
            assert done.status == 0, done.err
            found.update(planted([json.loads(line) for line in done.out.splitlines()]))
            return all(any(rule in found for rule, _service in chapter.found_as) for chapter in CHAPTERS)

        eventually(all_of_them, within=60, what="each is named")
        assert demo.casualties() == []
    for rule, one in found.items():
        assert one["text"].startswith(WORDS[rule])
        assert one["severity"] in ("warning", "error")
        assert one["evidence"], rule


def test_the_shop_has_the_chapters_that_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_STORY", "1000")
    monkeypatch.delenv("DEMO_CHAPTER", raising=False)
    shop = runpy.run_path(str(shop_directory() / "story.py"))
    assert (shop["CHAPTER_SECONDS"], shop["SHARE"], len(shop["CHAPTERS"])) == (SECONDS, SHARE, len(CHAPTERS))
    now = 0.0
    monkeypatch.setattr("time.time", lambda: now)
    telling = Telling(1000.0, SECONDS)
    for number, chapter in enumerate(CHAPTERS * 2):
        [name] = [shop["CHAPTERS"][number % len(CHAPTERS)]]
        now = 1000.0 + number * SECONDS
        assert [one for one in shop["CHAPTERS"] if shop["is_time_for"](one)] == [name]
        assert telling.lines(now)[0].endswith(f"for {SECONDS * SHARE:g} s: {chapter.title}")
        now += SECONDS * SHARE
        assert not any(map(shop["is_time_for"], shop["CHAPTERS"])), "a pause"
        assert chapter.cause in telling.lines(now)[0]


def test_without_it_the_shop_has_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEMO_STORY", raising=False)
    shop = runpy.run_path(str(shop_directory() / "story.py"))
    assert not any(map(shop["is_time_for"], shop["CHAPTERS"]))
    shop["plant_in"](None, "gateway")


def test_each_part_of_a_chapter_is_told_once() -> None:
    telling = Telling(100.0, 10.0)
    told = [line for tick in range(400) for line in telling.lines(100.0 + tick / 10)]
    assert len(told) == 2 * len(CHAPTERS)
    assert told[0] == f"story: chapter 1 of 4, for 7.5 s: {CHAPTERS[0].title}"
    assert told[1] == f"story: that was: {CHAPTERS[0].cause} Another one follows"


def test_headless_it_prints_the_chapters() -> None:
    with Runner("services=['users'], client=False, story=1.0").await_running() as runner:
        url = str(runner.line("redis: ")).removeprefix("redis: ")
        assert runner.line(f"find what goes wrong: daebus-console --redis {url} findings --for 20s")
        eventually(lambda: runner.line("story: chapter"), within=40, what="a chapter begins")
        eventually(lambda: runner.line("story: that was: "), within=40, what="a chapter ends")
    told = [line for line in runner.lines if line.startswith("story: ")]
    assert {line.partition(" s: ")[2] or line.partition("was: ")[2] for line in told} <= {
        *(chapter.title for chapter in CHAPTERS),
        *(f"{chapter.cause} Another one follows" for chapter in CHAPTERS),
    }


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_a_chapter_takes_some_time(seconds: float) -> None:
    with pytest.raises(DemoError, match="above zero"):
        Demo(story=seconds)
