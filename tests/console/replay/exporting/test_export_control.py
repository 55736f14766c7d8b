"""Exports of captures in which consoles asked services what they are: what sends again leaves that out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daebus_console.engine.export import FORMATS, export
from daebus_console.engine.offline import OfflineSender, OfflineSession
from tests.console.cli.conftest import Console
from tests.console.engine.bus import Bus, answer, raw, request
from tests.console.replay.prompt import Prompt

SENDS_AGAIN = sorted(name for name, form in FORMATS.items() if form.again)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A question of a console, a request, and what a flight recorder tells."""
    bus = Bus()
    bus >> request("daebus.control.users", "info", id="i", reply_to="caller:console")
    bus >> answer("caller:console", id="i", payload={"service": "users", "uptime": 7})
    bus >> request("users", "get_user", id="r", payload={"id": 1})
    bus >> answer("caller:1", id="r", payload={"name": "Ann"})
    bus >> raw("daebus.watch.users", '{"service": "users", "instance": "a", "seq": 1, "records": []}')
    path = tmp_path / "seen.jsonl"
    path.write_text(export("capture", bus.journal.exchanges), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_a_form_cannot_say_is_not_counted_as_written(console: Console, tmp_path: Path, name: str) -> None:
    bus = Bus()
    for number in range(5):
        bus >> request("users", "get_user", id=f"r{number}", payload={"id": number})
        bus >> answer("caller:1", id=f"r{number}", payload={"name": "Ann"})
    bus >> answer("caller:1", id="stray", payload={"name": "Bea"})
    capture = tmp_path / "seen.jsonl"
    capture.write_text(export("capture", bus.journal.exchanges), encoding="utf-8")
    written = {"nestjs": 0, "faststream": 0}.get(name, 5 if name in SENDS_AGAIN else 6)
    done = console("export", str(capture), "--as", name, "-o", str(tmp_path / "out"))
    assert done.status == 0, done.err
    assert f"{written} exchanges written to " in done.err
    assert (f"{6 - written} left out" in done.err) is (written < 6)


@pytest.mark.parametrize("name", SENDS_AGAIN)
def test_what_sends_again_leaves_out_questions_of_consoles(console: Console, capture: Path, name: str) -> None:
    done = console("export", str(capture), "--as", name)
    assert done.status == 0, done.err
    assert "daebus.control" not in done.out
    assert "daebus.watch" not in done.out
    assert "2 on control channels left out, as `replay` does (is:control exports them)" in done.err
    assert ("get_user" in done.out) is (name not in ("nestjs", "faststream"))


@pytest.mark.parametrize("wanted", ["is:control", "channel:daebus.control.*", "id:#1", "#1", "#1 #2"])
def test_who_asks_for_them_gets_them(console: Console, capture: Path, wanted: str) -> None:
    done = console("export", str(capture), *wanted.split(), "--as", "command")
    assert "daebus.control.users info" in done.out
    assert "control channels" not in done.err


@pytest.mark.parametrize("wanted", ["-is:control", "is:late,ours", "channel:*", "action:*"])
def test_a_filter_about_something_else_does_not(console: Console, capture: Path, wanted: str) -> None:
    assert "daebus." not in console("export", str(capture), wanted, "--as", "command").out


def test_what_only_tells_has_all_of_it(console: Console, capture: Path) -> None:
    done = console("export", str(capture), "--as", "jsonl")
    assert [json.loads(line)["exchange"] for line in done.out.splitlines()] == [1, 2, 3]
    assert "left out" not in done.err


def test_at_a_prompt_a_number_names_it(capture: Path) -> None:
    session = OfflineSession(capture)
    with Prompt(session, OfflineSender(session)) as prompt:
        assert prompt("export #1 --as command") == 0
        assert "daebus.control.users info" in prompt.said.all
        assert "control channels" not in prompt.said.all
        assert prompt("export to:users --as command") == 0
        assert "daebus.control.users info" not in prompt.said.all
        assert "1 on control channels left out" in prompt.said.all
