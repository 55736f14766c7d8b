"""Going to a time, long values whole or cut, and payloads in an editor."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from daebus_console.engine.message.exchange import Exchange
from daebus_console.text import cells
from daebus_console.tui.acting import editor
from daebus_console.tui.documents.document import Lines
from daebus_console.tui.documents.exchange import request_document
from daebus_console.tui.documents.node import Node
from daebus_console.tui.documents.raw import Raw
from daebus_console.tui.documents.tree import Tree
from daebus_console.tui.flow.seek import when
from daebus_console.tui.rows.lines import text_of
from daebus_console.tui.widgets.flow_view import NEWEST, OLDEST
from tests.console.engine.dialects.support import ForeignBus
from tests.console.tui.support import Driver, drive, fed

NOON = time.mktime((2026, 3, 4, 12, 0, 0, 0, 0, -1))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("11:59:30", NOON - 30),
        ("12:00", NOON),
        ("11:59:59.250", NOON - 0.75),
        ("12:00:01", NOON + 1 - 86400),
        ("5m", NOON - 300),
        ("-1.5h", NOON - 5400),
        (" 250ms ", NOON - 0.25),
        ("24:00:00", None),
        ("11:60", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_time_is_of_the_clock_or_ago(text: str, at: float | None) -> None:
    assert when(text, NOON) == (None if at is None else pytest.approx(at))


@pytest.mark.parametrize("order_keys", [[], ["o"], ["o", "o"], ["b"]])
def test_the_flow_goes_to_a_time_in_every_order_and_view(order_keys: list[str]) -> None:
    async def story(console: Driver) -> None:
        await console.until(lambda: console.app.main.flow.count() > 0)
        await console.press(*order_keys)
        await console.press("T")
        await console.sees("Go to a time")
        await console.type(time.strftime("%H:%M:%S", time.localtime(NOON - 30)))
        await console.press("enter")
        await console.until(lambda: console.app.main.detail.exchange is not None)
        exchange = console.app.main.detail.exchange
        assert isinstance(exchange, Exchange)
        assert exchange.opened.at == pytest.approx(NOON - 30)

    session = fed(NOON)
    for second in range(60, 0, -1):
        session.on_batch(NOON - second, [("jobs", json.dumps({"n": second}).encode())])
    drive(session, story)


@pytest.mark.parametrize("order", [OLDEST, NEWEST])
@pytest.mark.parametrize("key", ["left_square_bracket", "right_square_bracket"])
def test_where_nothing_is_selected_the_newest_error_is_meant(key: str, order: str) -> None:
    earlier, later = "left_square_bracket", "right_square_bracket"
    if order == NEWEST:
        earlier, later = later, earlier

    async def story(console: Driver) -> None:
        flow = console.app.main.flow
        await console.until(lambda: flow.count() > 0)
        flow.set_order(order)
        assert flow.following
        await console.press(key)
        await console.until(lambda: console.app.main.detail.exchange is not None)
        exchange = console.app.main.detail.exchange
        assert isinstance(exchange, Exchange)
        assert exchange.request_id == "3"
        await console.press(earlier)
        await console.until(lambda: getattr(console.app.main.detail.exchange, "request_id", None) == "1")
        await console.press(later)
        await console.until(lambda: getattr(console.app.main.detail.exchange, "request_id", None) == "3")

    session = fed(NOON)
    for number in range(5):
        asked = {"action": "get", "payload": {}, "reply_to": "caller:1", "request_id": f"{number}"}
        answer = {"status": "error" if number % 2 else "success", "payload": {}, "request_id": f"{number}"}
        session.on_batch(NOON - 1, [("users", json.dumps(asked).encode()), ("caller:1", json.dumps(answer).encode())])
    drive(session, story)


@pytest.mark.parametrize("key", ["m", "p", "r"])
def test_what_is_for_the_selected_one_says_so_where_there_is_none(key: str) -> None:
    async def story(console: Driver) -> None:
        await console.until(lambda: console.app.main.flow.count() > 0)
        await console.press(key)
        await console.sees("Select an exchange first")

    session = fed(NOON)
    session.on_batch(NOON - 1, [("jobs", b"{}")])
    drive(session, story, notifications=True)


def test_what_is_no_time_is_said_to_be_none() -> None:
    async def story(console: Driver) -> None:
        await console.press("T")
        await console.sees("Go to a time")
        await console.type("later")
        await console.press("enter")
        await console.sees("A time is HH:MM:SS")

    drive(fed(NOON), story, notifications=True)


def test_long_values_are_wrapped_to_the_width_or_cut() -> None:
    text = "".join(str(number % 10) for number in range(200))
    root = Node({"text": text, "deep": {"again": text, "wide": "漢" * 100}})
    root.label, root.open = [("payload", "strong")], True
    tree = Tree([root])
    cut = [text_of(tree.line(index, 50)) for index in range(tree.count())]
    tree.lay_out(50, whole=True)
    lines = [text_of(tree.line(index, 50)) for index in range(tree.count())]
    whole = "".join(line.strip() for line in lines)
    assert whole.count(text) == 2
    assert whole.count("漢") == 100
    assert all(len(line) + line.count("漢") <= 50 for line in lines)
    tree.lay_out(50, whole=False)
    assert [text_of(tree.line(index, 50)) for index in range(tree.count())] == cut


@pytest.mark.parametrize("width", [30, 46, 79])
def test_facts_and_headings_are_wrapped_too_and_copied_without_their_names(width: int) -> None:
    bus = ForeignBus()
    channel = "a.channel." * 9 + "漢字"
    asked = bus.say(channel, {"pattern": channel, "data": [1], "id": "a" * 21})
    for document in (request_document(asked), Raw([asked.opened]), Lines([[("x" * 100, "dim")]])):
        document.lay_out(width, whole=True)
        lines = [text_of(document.line(index, width)) for index in range(document.count())]
        assert all(cells(line) <= max(width, 24) for line in lines)
    document = request_document(asked)
    document.lay_out(width, whole=True)
    lines = [text_of(document.line(index, width)) for index in range(document.count())]
    whole = "".join(lines).replace(" ", "")
    assert f"channel{channel}" in whole
    assert f"reply_to{channel}.reply" in whole
    assert "notonwirewhoasked" in whole
    assert "…" not in whole
    values = [document.value(index) for index in range(document.count())]
    assert values.count(channel) > 2
    assert "nest: NestJS microservices 11, 12" in values
    found = document.find("字", 0, 1)
    assert found is not None
    assert values[found] == channel
    raw = Raw([asked.opened])
    raw.lay_out(width, whole=True)
    lines = [text_of(raw.line(index, width)) for index in range(raw.count())]
    assert f"{channel}request,{len(asked.opened.data)}bytes" in "".join(lines).replace(" ", "")
    there = raw.find('"pattern"', 0, 1)
    assert there is not None
    assert lines[there].startswith('{"pattern"'[:width])
    assert raw.find('"pattern"', 0, -1) == raw.find('"pattern"', there, 1) == there
    document.lay_out(width, whole=False)
    assert [document.value(index) for index in range(document.count())].count(channel) == 2


def test_w_wraps_long_values_and_is_remembered() -> None:
    async def story(console: Driver) -> None:
        await console.press("up")
        await console.sees("text:")
        assert "the end of it" not in console.text
        await console.press("w")
        await console.sees("the end of it")
        assert console.app.settings.get("wrap", bool, False) is True
        await console.press("w")
        await console.loses("the end of it")

    session = fed(NOON)
    session.on_batch(NOON - 1, [("jobs", json.dumps({"text": "long " * 60 + "the end of it"}).encode())])
    drive(session, story)


def script(directory: Path, body: str) -> list[str]:
    """An editor that is a Python program; `path` is the file."""
    path = directory / "editor.py"
    path.write_text(f"import pathlib, sys\npath = pathlib.Path(sys.argv[1])\n{body}\n")
    return [sys.executable, str(path)]


def test_the_editor_gets_a_file_of_the_owner_only_which_is_gone_afterwards(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    words = script(
        tmp_path,
        f"pathlib.Path({str(seen)!r}).write_text(f'{{path}} {{path.stat().st_mode}}')\n"
        "path.write_text(path.read_text().replace('7', '8'))",
    )
    assert editor.edit_text('{"id": 7, "name": "Ünal"}', words) == '{"id": 8, "name": "Ünal"}'
    name, mode = seen.read_text().split()
    assert stat.S_IMODE(int(mode)) == 0o600
    assert not Path(name).exists()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("sys.exit(3)", "ended with status 3"),
        ("path.unlink()", "gone or cannot be read"),
    ],
)
def test_what_goes_wrong_in_the_editor_is_said(tmp_path: Path, body: str, told: str) -> None:
    with pytest.raises(editor.EditorError, match=told):
        editor.edit_text('{"id": 7}', script(tmp_path, body))


def test_a_text_left_as_it_was_is_no_change(tmp_path: Path) -> None:
    assert editor.edit_text('{"id": 7}', script(tmp_path, "")) is None


def test_bytes_that_are_no_utf_8_come_back_visibly(tmp_path: Path) -> None:
    assert editor.edit_text("{}", script(tmp_path, "path.write_bytes(b'{\\xff}')")) == "{\\xff}"


def test_visual_goes_before_editor_and_a_missing_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "cat -u")
    monkeypatch.delenv("VISUAL", raising=False)
    assert editor.command() == ["cat", "-u"]
    monkeypatch.setenv("VISUAL", f"{os.sep}no{os.sep}editor")
    with pytest.raises(editor.EditorError, match="VISUAL names /no/editor"):
        editor.command()
    monkeypatch.setenv("VISUAL", "'open")
    with pytest.raises(editor.EditorError, match="VISUAL cannot be read"):
        editor.command()
