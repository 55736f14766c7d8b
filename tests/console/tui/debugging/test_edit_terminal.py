"""The editor of messages in a real terminal: lent to the user's own editor, and quick hands."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.tui.test_outage_terminal import environment
from tests.console.tui.test_safety import unsafe
from tests.support.programs.terminal import Terminal
from tests.support.waiting import eventually

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(120)]

PROGRAM = """
import json, sys
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.replay.item import Resend
from daebus_console.engine.session import Session
from daebus_console.tui.app import ConsoleApp
from daebus_console.tui.screens.edit import EditScreen

class Editing(ConsoleApp):
    def on_mount(self):
        super().on_mount()
        body = {"action": "greet", "payload": {"name": "Ann", "token": "s3cret"}}
        self.push_screen(EditScreen(Resend(Kind.REQUEST, "hall", "greet", body, 12)), self.done)

    def done(self, item):
        with open(sys.argv[1], "w") as file:
            json.dump(None if item is None else item.payload, file)
        self.exit(0)

Editing(Session("redis://localhost:1"), redact=Redactor(["token"])).run()
"""
EDITOR = """
import os, pathlib, signal, sys
path = pathlib.Path(sys.argv[1])
assert "s3cret" not in path.read_text(), "what is hidden is not written to a disk"
path.write_bytes({changed})
"""


class Editing:
    """The program on a terminal, and what it sends."""

    def __init__(self, terminal: Terminal, result: Path) -> None:
        self.terminal, self.result = terminal, result

    def sent(self) -> object:
        """What it was dismissed with, once it is."""
        assert self.terminal.wait_end() == 0
        return json.loads(self.result.read_text())


@pytest.fixture
def editing(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Editing]:
    """The program; what its editor leaves in the file is the parameter, as an expression of `path`."""
    script = tmp_path / "editor.py"
    script.write_text(EDITOR.format(changed=getattr(request, "param", "path.read_bytes()")))
    own = {**environment(tmp_path), "VISUAL": f"{sys.executable} {script}"}
    result = tmp_path / "result.json"
    with Terminal([sys.executable, "-c", PROGRAM, str(result)], environment=own) as terminal:
        terminal.wait_for("may be sent: request to hall.greet")
        yield Editing(terminal, result)


@pytest.mark.parametrize("editing", ["path.read_bytes().replace(b'Ann', b'Bob')"], indirect=True)
def test_what_the_users_editor_makes_of_it_is_taken_back(editing: Editing) -> None:
    editing.terminal.type("\x0f")
    editing.terminal.wait_for('"name": "Bob"')
    editing.terminal.type("\x13")
    assert editing.sent() == {"name": "Bob", "token": "s3cret"}


@pytest.mark.parametrize("editing", ["path.read_bytes().replace(b'\"Ann\"', b'\\xffoops')"], indirect=True)
def test_it_is_taken_back_even_if_it_is_no_json_any_more(editing: Editing) -> None:
    terminal = editing.terminal
    terminal.type("\x0f")
    terminal.wait_for(r"✗ line 5, column 13: expecting value")
    assert "\\xffoops" in terminal.text, "nothing of it is lost"
    terminal.type("\x13")
    terminal.wait_for("✗ not sent: line 5")
    terminal.type("\x1a")
    terminal.wait_for("✓ may be sent")
    terminal.type("\x13")
    assert editing.sent() == {"name": "Ann", "token": "s3cret"}


@pytest.mark.parametrize(
    "editing", ["os.kill(os.getppid(), signal.SIGINT) or path.read_bytes().replace(b'Ann', b'Bob')"], indirect=True
)
def test_ctrl_c_in_the_editor_does_not_end_the_console(editing: Editing) -> None:
    editing.terminal.type("\x0f")
    editing.terminal.wait_for('"name": "Bob"')
    editing.terminal.type("\x13")
    assert editing.sent() == {"name": "Bob", "token": "s3cret"}


@pytest.mark.parametrize("editing", ["sys.exit(3)"], indirect=True)
def test_an_editor_that_gives_up_changes_nothing(editing: Editing) -> None:
    editing.terminal.type("\x0f")
    editing.terminal.wait_for("status 3|taken over")
    editing.terminal.type("\x13")
    assert editing.sent() == {"name": "Ann", "token": "s3cret"}


def test_keys_of_a_quick_hand_are_all_in_what_is_sent(editing: Editing) -> None:
    editing.terminal.type("\x1b[F\x1b[D\x1b[D" + "a" * 50 + "\x13")
    assert editing.sent() == {"name": "Ann" + "a" * 50, "token": "s3cret"}


def test_what_is_pasted_commands_no_terminal(editing: Editing) -> None:
    terminal = editing.terminal
    terminal.type("\x1b[F\x1b[D\x1b[D")
    terminal.type("\x1b[200~\u202e\u009b5n\x07\x1b[201~")
    terminal.wait_for(r"Ann\\u202e\\u009b5n")
    assert unsafe(terminal.text) == []
    assert b"\xe2\x80\xae" not in terminal.output
    assert b"\xc2\x9b" not in terminal.output


def test_nothing_is_sent_by_leaving(editing: Editing) -> None:
    editing.terminal.type("\x1b[Fx")
    editing.terminal.wait_for("✗ line 5")
    editing.terminal.press("escape")
    editing.terminal.wait_for("escape again throws your changes away")
    editing.terminal.press("escape")
    assert editing.sent() is None
    eventually(lambda: b"\x1b[?1049l" in editing.terminal.output, what="the terminal is as it was")
