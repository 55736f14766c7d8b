"""Whatever is in messages and names, it is shown and never obeyed, and no pane breaks on it."""

from __future__ import annotations

import json
import re
import unicodedata

import pytest

from daebus_console.text import cells
from tests.console.tui.support import Driver, drive, fed

CORPUS = {
    "escape sequences": "\x1b[2J\x1b[31mred\x1b]0;title\x07\x9b5n",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "markup": "[bold red]x[/] [@click=app.quit]y[/] [link=http://x]z[/link] {x} $y",
    "bidi": "\u202eabc\u2066def\u200f",
    "combining": "Z" + "\u0335\u0348\u0301" * 60 + "o",
    "zero width": "a\u200bb\u200dc\ufeffd\u00ad",
    "wide": "日本語テキスト🙂👨\u200d👩\u200d👧🇩🇪",
    "lines": "one\ntwo\r\nthree\u2028four\ttab",
    "surrogate": "\ud800x",
    "long": "w" * 100_000,
}


HALVES = [list(CORPUS)[::2], list(CORPUS)[1::2]]
"""Of the kinds, for one console each."""

_JOINED = re.compile("(?<=[\U0001f300-\U0001faff])\u200d(?=[\U0001f300-\U0001faff])")


def unsafe(text: str) -> list[str]:
    """The signs of a screen that a terminal would obey or not show. A joiner between two emoji makes one of them."""
    text = _JOINED.sub("", text)
    return [sign for sign in text if sign != "\n" and unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


@pytest.mark.parametrize("kind", CORPUS)
def test_every_pane_stands_it(redis_url: str, name: str, kind: str) -> None:
    evil = CORPUS[kind]

    async def story(console: Driver) -> None:
        channel = (name + evil).encode("utf-8", "surrogatepass")[:2000]
        asked = {"action": evil[:500], "payload": {evil: evil, "list": [evil, {evil: [evil]}]}, "service": evil[:500]}
        asked |= {"request_id": "r1" + evil[:50], "reply_to": "caller:evil", "parent_id": evil[:50]}
        console.client.publish(channel, json.dumps(asked))
        failed = {"status": "error", "payload": {"error": evil, "code": evil[:80]}, "request_id": asked["request_id"]}
        console.client.publish("caller:evil", json.dumps(failed | {"instance": evil[:80], "service": evil[:80]}))
        await console.until(lambda: console.app.main.flow.count() >= 1)
        await console.until(lambda: console.app.main.directory.count() >= 1)
        await console.press("up", "enter")
        for keys in (
            ("1",),
            ("2",),
            ("space",),
            ("3",),
            ("4",),
            ("x",),
            ("escape", "b"),
            ("tab",),
            ("D",),
            ("escape", "S"),
        ):
            await console.press(*keys)
            await console.pilot.pause(0.05)
            assert unsafe(console.text) == [], (keys, [line for line in console.text.split("\n") if unsafe(line)])
            assert console.app.is_running
        for keys in (
            ("escape", "escape", "i", "escape"),
            ("e",),
            ("escape", "Y"),
            ("escape", "d"),
            ("escape", "up", "x"),
        ):
            await console.press(*keys)
            await console.pilot.pause(0.1)
            assert unsafe(console.text) == [], keys

    drive(redis_url, story)


@pytest.mark.parametrize("size", [(20, 6), (40, 12), (80, 24), (250, 70)])
def test_any_size_of_terminal_will_do(redis_url: str, name: str, size: tuple[int, int]) -> None:
    async def story(console: Driver) -> None:
        console.request(name, "get_user", 1, {"id": 7})
        console.answer(1, {"name": "Ann"})
        await console.until(lambda: console.app.main.flow.count() >= 1)
        await console.press(
            "up", "enter", "1", "2", "3", "4", "escape", "S", "escape", "up", "D", "escape", "question_mark"
        )
        await console.pilot.pause(0.1)
        assert console.app.is_running
        width, _height = size
        assert all(len(line) <= width for line in console.text.split("\n"))

    drive(redis_url, story, size=size)


def test_values_of_redacted_keys_are_never_on_the_screen(redis_url: str, name: str) -> None:
    from daebus_console.engine.hiding.redact import Redactor

    async def story(console: Driver) -> None:
        console.request(name, "login", 1, {"user": "ann", "password": "hunter2"})
        await console.until(lambda: console.app.main.flow.count() >= 1)
        await console.press("up", "enter")
        for key in ("1", "2", "4", "x"):
            await console.press(key)
            await console.pilot.pause(0.05)
            assert "hunter2" not in console.text
        await console.press("escape", "i")
        await console.until(lambda: console.app.main.repl.line.text)
        assert "hunter2" not in console.app.main.repl.line.text
        await console.press("escape", "escape", "e")
        await console.sees("Edit #")
        assert "hunter2" not in console.text

    drive(redis_url, story, redact=Redactor(["password"]))


@pytest.mark.parametrize("name", ["ग्राहक की सूची", "தமிழ் கொண்டு", "한글 \u1112\u1161\u11ab", "漢字🎉", "e\u0301te\u0301"])
@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 35)])
def test_no_line_is_longer_than_the_terminal_whatever_it_is_written_in(name: str, size: tuple[int, int]) -> None:
    session = fed(100.0)
    long = " ".join([name] * 12)
    asked = {"action": name, "payload": {name: long, "list": [name]}, "request_id": "1", "reply_to": "caller:1"}
    answer = {"status": "error", "payload": {"error": long}, "request_id": "1"}
    batch = ((name, {name: name}), (f"{name} svc", {**asked, "service": name}), ("caller:1", answer), (long, {"a": 1}))
    session.on_batch(99.0, [(channel, json.dumps(message, ensure_ascii=False).encode()) for channel, message in batch])

    async def story(console: Driver) -> None:
        def widths() -> set[int]:
            strips = console.app.screen._compositor.render_strips()
            return {cells("".join(segment.text for segment in strip)) for strip in strips}

        await console.until(lambda: console.app.main.flow.count() == 3)
        for keys in (("home",), ("down",), ("1",), ("3",), ("4",), ("down",), ("W",), ("escape", "S"), ("escape", "b")):
            await console.press(*keys)
            await console.pilot.pause()
            assert widths() == {size[0]}, (keys, console.text)
        for key in ("question_mark", "Y", "B", "ctrl+p", "D"):
            # What a dialog lies over is where it was, and so is what stands in it.
            await console.press("home", "down", key)
            await console.until(lambda: console.app.screen is not console.app.main)
            assert widths() == {size[0]}, console.text
            await console.press("escape")
        await console.command(f"set kept '{long}'")
        await console.press("pageup")
        assert long[:20] in console.text
        assert widths() == {size[0]}, console.text

    drive(session, story, size)
