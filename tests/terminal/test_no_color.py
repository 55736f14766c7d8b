"""The console with NO_COLOR in a real terminal: no colour is sent, and everything is still told apart."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.terminal import Terminal
from tests.support.redis_server import RedisServer

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(120)]

ROOT = Path(__file__).resolve().parents[2]
_SGR = re.compile(rb"\x1b\[([0-9;:]*)m")
COLOURS = {*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108)}
"""The parameters that set a colour; 39 and 49 take it back."""

ESCAPE, TAB, CTRL_C, CTRL_P = "\x1b", "\t", "\x03", "\x10"


def gone(text: str) -> str:
    """Matches the main screen where nothing with that text lies over it."""
    return rf"(?s)\A(?!.*{text}).*Pause"


TOUR = (
    # Keys, and what is to be seen before the next ones: what follows an escape at once would be another key.
    ("[", r"▾ error"),
    ("\r", r"Fold"),
    ("1", r"request_id"),
    ("/", r"Next match"),
    ("id", r"Next match"),
    (ESCAPE, r"Copy"),
    (ESCAPE, r"Pause"),
    ("/", r"Keep"),
    ("status:x", r"is none of"),
    (ESCAPE, r"Pause"),
    (":", r"Earlier"),
    ("re", r"replay +send"),
    (TAB, r"request SERVICE"),
    (CTRL_C, r"help lists all commands"),
    (ESCAPE, r"Pause"),
    ("S", r"all together"),
    (ESCAPE, gone("all together")),
    ("D", r"Sequence"),
    (ESCAPE, gone("Sequence")),
    ("?", r"escape closes"),
    (ESCAPE, gone("escape closes")),
    (CTRL_P, r"Search for commands"),
    (ESCAPE, gone("Search for commands")),
)


def colours_in(output: bytes) -> set[str]:
    """The sequences in what was written that set a colour."""
    return {
        found[0].decode().replace("\x1b", "ESC")
        for found in _SGR.finditer(output)
        if any(int(part) in COLOURS for part in re.split(rb"[;:]", found[1]) if part)
    }


def attributes(terminal: Terminal, text: str) -> set[str]:
    """How the first text of that kind on the screen is drawn: bold, reverse, underscore."""
    cell = cell_of(terminal, text)
    return {name for name in ("bold", "reverse", "underscore") if getattr(cell, name)}


def cell_of(terminal: Terminal, text: str) -> Any:
    """The first cell of the first text of that kind on the screen."""
    for row, line in enumerate(terminal.screen.display):
        if (column := line.find(text)) >= 0:
            return terminal.screen.buffer[row][column]
    raise AssertionError(f"not on the screen: {text}\n{terminal.text}")


def told_apart(terminal: Terminal, lit: str, beside: str) -> Callable[[str], bool]:
    """Whether both are on the screen, and drawn in another way: by more than how their texts are."""

    def look(text: str) -> bool:
        if lit not in text or beside not in text:
            return False
        one, other = (cell_of(terminal, each) for each in (lit, beside))
        return bool(one.underscore != other.underscore or one.reverse != other.reverse or one.bg != other.bg)

    return look


def grounds(terminal: Terminal, text: str) -> set[str]:
    """In which colours the reversed cells of the line with that text are filled: with those of their text."""
    row = next(row for row, line in enumerate(terminal.screen.display) if text in line)
    cells = terminal.screen.buffer[row]
    return {cells[column].fg for column in range(terminal.screen.columns) if cells[column].reverse}


def ask_and_answer(server: RedisServer) -> None:
    """An answered request, a failed one and a broadcast."""
    with server.client() as client:
        for number, answer in enumerate((b'"success","payload":{"name":"Ann"}', b'"error","payload":{"error":"no"}')):
            request = b'{"action":"greet","payload":{"id":%d},"reply_to":"caller:shop","request_id":"r%d"}'
            client.publish("people", request % (number, number))
            client.publish("caller:shop", b'{"status":%s,"request_id":"r%d","final":true}' % (answer, number))
        client.publish("news", b'{"event":"hello"}')


COLOURLESS = {"NO_COLOR": "1", "COLORTERM": "truecolor"}
SIXTEEN = {"TERM": "xterm-16color", "COLORTERM": ""}


@pytest.fixture
def terminal(own_redis: RedisServer, tmp_path: Path, request: pytest.FixtureRequest) -> Terminal:
    """The console on a Redis of its own, not yet started, without colours or as the test says."""
    environment = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "console")]),
        **{f"XDG_{name}_HOME": str(tmp_path / name) for name in ("CONFIG", "DATA", "STATE")},
        **getattr(request, "param", COLOURLESS),
    }
    return Terminal(
        [sys.executable, "-m", "daebus_console", "--redis", own_redis.url], environment=environment, real=True
    )


def test_no_colour_reaches_the_terminal_whatever_is_shown(terminal: Terminal, own_redis: RedisServer) -> None:
    with terminal:
        terminal.wait_for("● live")
        ask_and_answer(own_redis)
        terminal.wait_for("✗ error")
        for keys, seen in TOUR:
            terminal.type(keys)
            terminal.wait_for(seen)
        terminal.press("ctrl+q")
        assert terminal.wait_end() == 0
    assert colours_in(bytes(terminal.output)) == set()


@pytest.mark.parametrize("terminal", [COLOURLESS, SIXTEEN], ids=["none", "sixteen"], indirect=True)
def test_selection_and_focus_are_seen_without_colour_and_in_sixteen(terminal: Terminal, own_redis: RedisServer) -> None:
    with terminal:
        terminal.wait_for("● live")
        ask_and_answer(own_redis)
        terminal.wait_for("✗ error")
        terminal.type("[")
        terminal.wait_for(lambda _text: "reverse" in attributes(terminal, "✗ error"))
        assert "reverse" in attributes(terminal, "Flow")
        assert len(grounds(terminal, "✗ error")) == 1, "the signs of a reversed row are no patches"
        assert "reverse" not in attributes(terminal, "✓ ok")
        assert "reverse" not in attributes(terminal, "Services")
        terminal.press("enter")
        terminal.wait_for(lambda _text: "reverse" not in attributes(terminal, "Flow"))
        assert "underscore" in attributes(terminal, "✗ error"), "what is selected in a pane without the keyboard"
        assert attributes(terminal, "Response") > attributes(terminal, "Request"), "the chosen tab"
        assert "reverse" in attributes(terminal, "Response")
        terminal.press("escape")
        terminal.wait_for(lambda _text: "reverse" in attributes(terminal, "Flow"))
        terminal.type("Y")
        terminal.wait_for(told_apart(terminal, "JSON, with every message", "JSON lines, an exchange a line"))
        terminal.press("escape")
        terminal.wait_for(gone("JSON, with every message"))
        terminal.type(CTRL_P)
        terminal.wait_for(told_apart(terminal, "Flow: Details", "Flow: Tab Request"))
        terminal.press("escape", "ctrl+q")
        assert terminal.wait_end() == 0
