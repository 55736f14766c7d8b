"""ctrl+z stops the program for the shell it was started from, and `fg` brings it back as it was."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from pathlib import Path

import pytest

from tests.support.programs.terminal import Terminal
from tests.support.redis_server import RedisServer
from tests.terminal.left import keyboards_left, modes_left
from tests.terminal.test_ending import PROGRAM, publish, start
from tests.terminal.test_repl import wait_for_prompt

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(120)]

SHELL = ["bash", "--norc", "--noprofile", "-i"]
CTRL_Z, CTRL_UNDERSCORE = "\x1a", "\x1f"


def shell(server: RedisServer, directory: Path, *arguments: str) -> Terminal:
    """A shell with job control in which the program was started."""
    terminal = start(server.url, directory, SHELL)
    terminal.type("bind 'set enable-bracketed-paste off'; PS1='at the shell> '\r")
    terminal.wait_for(r"at the shell>\s*\Z")
    del terminal.output[:]
    terminal.type(f"{shlex.join([*PROGRAM, *arguments])}\r")
    return terminal


def wait_for_shell(terminal: Terminal, what: str = "") -> None:
    """Wait until the shell asks for a command, below the screen that was there before the program's own."""

    def shown(_text: str) -> bool:
        output = terminal.output.rpartition(b"\x1b[?1049h")[2].rpartition(b"\x1b[?1049l")[2]
        # No pattern: from each place of all that was drawn to its end takes minutes, in which nobody reads.
        return output.endswith(b"at the shell> ") and what.encode() in output

    terminal.wait_for(shown)


def suspend(terminal: Terminal) -> None:
    terminal.type(CTRL_Z)
    wait_for_shell(terminal, "Stopped")
    assert modes_left(bytes(terminal.output)) == {}
    assert keyboards_left(bytes(terminal.output)) == 0


def leave(terminal: Terminal, *keys: str) -> None:
    """Leave the program, and then the shell."""
    terminal.press(*keys)
    wait_for_shell(terminal)
    terminal.type("echo ended with $?; exit\r")
    assert terminal.wait_end(within=30) == 0
    assert "ended with 0" in terminal.text


def test_the_flow_stops_for_the_shell_and_comes_back(own_redis: RedisServer, tmp_path: Path) -> None:
    with shell(own_redis, tmp_path) as terminal:
        terminal.wait_for("● live")
        publish(own_redis, 3)
        terminal.wait_for("3 messages")
        for _time in range(2):
            suspend(terminal)
            terminal.type("stty -a | tr ';' '\\n' | grep -w -e echo -e icanon\r")
            terminal.wait_for(r"\bicanon(.|\n)*\becho\b")
            publish(own_redis, 1)
            terminal.type("fg\r")
            terminal.wait_for(lambda _text: terminal.output.rfind(b"Pause") > terminal.output.rfind(b"1049h"))
        terminal.wait_for("5 messages")
        terminal.type("?")
        terminal.wait_for("escape closes")
        leave(terminal, "escape", "ctrl+q")


def test_the_command_line_stops_too_and_keeps_what_was_typed(own_redis: RedisServer, tmp_path: Path) -> None:
    with shell(own_redis, tmp_path) as terminal:
        terminal.wait_for("● live")
        terminal.type(":")
        terminal.wait_for("Complete")
        terminal.type("set a 1")
        terminal.wait_for("set a 1")
        suspend(terminal)
        terminal.type("fg\r")
        terminal.wait_for(lambda _text: terminal.output.rfind(b"Complete") > terminal.output.rfind(b"1049h"))
        terminal.type(CTRL_UNDERSCORE)
        terminal.wait_for(lambda text: "set a 1" not in text)
        leave(terminal, "escape", "ctrl+q")


def test_it_is_no_sign_in_the_line_of_the_prompt(own_redis: RedisServer, tmp_path: Path) -> None:
    with shell(own_redis, tmp_path, "repl") as terminal:
        terminal.screen.write_process_input = terminal.process.send
        terminal.wait_for("daebus>")
        terminal.type("set a 1")
        terminal.wait_for("daebus> set a 1")
        suspend(terminal)
        terminal.type("fg\r")
        terminal.wait_for(r"fg\n(.|\n)*daebus> set a 1")
        terminal.press("enter")
        terminal.wait_for(r"\$a +1")
        wait_for_prompt(terminal)
        leave(terminal, "ctrl+d")


@pytest.mark.parametrize("verb", [("tail",), ("record", "kept.jsonl")], ids=lambda verb: verb[0])
def test_verbs_stop_and_go_on(own_redis: RedisServer, tmp_path: Path, verb: tuple[str, ...]) -> None:
    arguments = [verb[0], *(str(tmp_path / name) for name in verb[1:])]
    with shell(own_redis, tmp_path, *arguments) as terminal:
        publish_until = r"news|[1-9]\d* messages"
        terminal.wait_for(lambda text: publish(own_redis, 1) or re.search(publish_until, text))
        suspend(terminal)
        # What it said before it stopped is no sign that it goes on.
        del terminal.output[:]
        terminal.type("fg\r")
        terminal.wait_for(lambda text: publish(own_redis, 1) or re.search(publish_until, text))
        terminal.press("ctrl+c")
        terminal.wait_for(r"at the shell>\s*\Z")
        terminal.type("exit\r")
        terminal.wait_end(within=30)


def test_where_no_shell_could_bring_it_back_it_goes_on(own_redis: RedisServer, tmp_path: Path) -> None:
    with start(own_redis.url, tmp_path, PROGRAM) as terminal:
        terminal.wait_for("● live")
        terminal.type(CTRL_Z)
        terminal.wait_for("Not suspended")
        publish(own_redis, 2)
        terminal.wait_for("2 messages")
        terminal.press("ctrl+q")
        assert terminal.wait_end(within=30) == 0


def test_after_a_stop_that_nobody_is_told_of_the_screen_is_taken_again(own_redis: RedisServer, tmp_path: Path) -> None:
    with shell(own_redis, tmp_path) as terminal:
        terminal.wait_for("● live")
        terminal.type(":")
        terminal.wait_for("Complete")
        children = Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGSTOP)
        terminal.wait_for("Stopped")
        terminal.type("\rfg\r")
        # All of it is drawn anew, after the one mode that a shell does not know of was taken back.
        terminal.wait_for(lambda _text: re.search(rb"(?s)Stopped.*1049l.*1049h.*Complete", terminal.output))
        leave(terminal, "escape", "ctrl+q")
        assert modes_left(bytes(terminal.output)) == {}


def test_the_size_is_that_of_the_terminal_whatever_the_environment_says(own_redis: RedisServer, tmp_path: Path) -> None:
    command = ["env", "COLUMNS=61", "LINES=13", sys.executable, "-m", "daebus_console"]
    with start(own_redis.url, tmp_path, command) as terminal:
        terminal.wait_for(r"Commands")
        terminal.wait_for(lambda text: max(map(len, text.split("\n"))) > 100)
        for rows, columns in ((1, 1), (2, 1), (1, 2), (35, 2)):
            terminal.process.setwinsize(rows, columns)
            terminal.read(0.5)
        terminal.process.setwinsize(20, 90)
        terminal.screen.resize(20, 90)
        terminal.wait_for(lambda text: 80 < max(map(len, text.split("\n"))) <= 90)
        terminal.press("ctrl+q")
        assert terminal.wait_end(within=30) == 0
