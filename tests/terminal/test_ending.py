"""Signals and mistakes of our own: the terminal is as it was, a recording is complete, the status is 128 + n."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.programs.terminal import Terminal
from tests.support.redis_server import RedisServer
from tests.terminal.left import assert_as_before

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(120)]

ROOT = Path(__file__).resolve().parents[2]
ENDING = [signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM]
PROGRAM = [sys.executable, "-m", "daebus_console"]


def start(url: str, directory: Path, command: Sequence[str], *, real: bool = False) -> Terminal:
    """A command on a terminal of its own, with nobody's settings."""
    environment = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "console")]),
        **{f"XDG_{name}_HOME": str(directory / name) for name in ("CONFIG", "DATA", "STATE")},
        "DAEBUS_REDIS_URL": url,
    }
    terminal = Terminal(command, environment=environment, real=real)
    terminal.screen.write_process_input = terminal.process.send
    return terminal


def publish(server: RedisServer, count: int) -> None:
    with server.client() as client:
        for number in range(count):
            client.publish("news", b'{"n":%d}' % number)


def recorded(path: Path) -> list[int]:
    """The messages of a capture, each line of which must be whole."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [json.loads(line["data"])["n"] for line in lines if "n" in line.get("data", "")]


@pytest.mark.parametrize("number", [*ENDING, signal.SIGINT], ids=lambda number: number.name)
def test_the_full_screen_leaves_the_terminal_as_it_was(
    own_redis: RedisServer, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "kept.jsonl"
    with start(own_redis.url, tmp_path, PROGRAM, real=number is signal.SIGTERM) as terminal:
        terminal.wait_for("● live")
        terminal.type(":")
        terminal.wait_for("Complete")
        terminal.type(f"record {path}")
        terminal.press("enter")
        terminal.wait_for("recording to")
        publish(own_redis, 20)
        terminal.wait_for("20 messages")
        os.kill(terminal.process.pid, number)
        assert terminal.wait_end(within=30) == 128 + number
        assert_as_before(terminal)
        assert "Traceback" not in terminal.output.decode(errors="replace")
    assert recorded(path) == list(range(20))


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_prompt_leaves_the_terminal_as_it_was(own_redis: RedisServer, tmp_path: Path, number: signal.Signals) -> None:
    with start(own_redis.url, tmp_path, [*PROGRAM, "repl"], real=number is signal.SIGTERM) as terminal:
        terminal.wait_for("daebus>")
        terminal.type("half a li")
        terminal.wait_for("half a li")
        os.kill(terminal.process.pid, number)
        assert terminal.wait_end(within=30) == 128 + number
        assert_as_before(terminal)
        assert "Traceback" not in terminal.output.decode(errors="replace")


AT_WORK = """
import os, signal, sys
from concurrent.futures import ThreadPoolExecutor
from daebus_console.__main__ import main
submit = ThreadPoolExecutor.submit

def completing(self, *args):
    os.kill(os.getpid(), signal.SIGTERM)
    return submit(self, *args)

ThreadPoolExecutor.submit = completing
sys.exit(main())
"""


def test_a_signal_while_a_prompt_is_at_work_leaves_the_terminal_as_it_was(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    with start(own_redis.url, tmp_path, [sys.executable, "-c", AT_WORK, "repl"]) as terminal:
        terminal.wait_for("daebus>")
        # What is typed is completed in a thread, and the signal comes from where that is begun.
        terminal.type("half a li")
        assert terminal.wait_end(within=30) == 128 + signal.SIGTERM
        assert_as_before(terminal)
        assert "Traceback" not in terminal.output.decode(errors="replace")


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_recording_from_the_prompt_is_closed(own_redis: RedisServer, tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "kept.jsonl"
    with start(own_redis.url, tmp_path, [*PROGRAM, "repl"]) as terminal:
        terminal.wait_for("daebus>")
        terminal.type(f"record {path}\r")
        terminal.wait_for("recording to")
        publish(own_redis, 5)
        terminal.wait_for("5 messages")
        os.kill(terminal.process.pid, number)
        assert terminal.wait_end(within=30) == 128 + number
        assert_as_before(terminal)
        assert "Traceback" not in terminal.output.decode(errors="replace")
    assert recorded(path) == list(range(5))


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_verb_closes_its_recording(own_redis: RedisServer, tmp_path: Path, number: signal.Signals) -> None:
    path = tmp_path / "kept.jsonl.gz"
    with start(own_redis.url, tmp_path, [*PROGRAM, "record", str(path)], real=number is signal.SIGTERM) as terminal:
        terminal.wait_for("recording to")
        publish(own_redis, 5)
        terminal.wait_for("5 messages")
        os.kill(terminal.process.pid, number)
        assert terminal.wait_end(within=30) == 128 + number
        assert_as_before(terminal)
        assert "Traceback" not in terminal.text
    # An archive that was not closed ends in EOFError here.
    assert gzip.decompress(path.read_bytes()).count(b'"news"') == 5


def test_a_terminal_that_is_gone_ends_it_and_its_recording(own_redis: RedisServer, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl.gz"
    with start(own_redis.url, tmp_path, PROGRAM) as terminal:
        terminal.wait_for("● live")
        terminal.type(":")
        terminal.wait_for("Complete")
        terminal.type(f"record {path}")
        terminal.press("enter")
        terminal.wait_for("recording to")
        publish(own_redis, 20)
        terminal.wait_for("20 messages")
        # As when the window is closed: the terminal hangs up, and nothing can be written to it any more.
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, terminal.process.child_fd)
        os.close(nothing)
        assert terminal.wait_end(within=30) == 128 + signal.SIGHUP
    assert gzip.decompress(path.read_bytes()).count(b'"news"') == 20


def test_a_terminal_that_is_gone_ends_it_also_where_no_signal_tells_of_it(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    path = tmp_path / "kept.jsonl"
    # As in a container, or below a make that leads the session and waits for its children.
    command = ["/bin/sh", "-c", f"trap '' HUP; exec {shlex.join(PROGRAM)}"]
    with start(own_redis.url, tmp_path, command) as terminal:
        terminal.wait_for("● live")
        terminal.type(":")
        terminal.wait_for("Complete")
        terminal.type(f"record {path}")
        terminal.press("enter")
        terminal.wait_for("recording to")
        publish(own_redis, 20)
        terminal.wait_for("20 messages")
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, terminal.process.child_fd)
        os.close(nothing)
        assert terminal.wait_end(within=30) == 128 + signal.SIGHUP
    assert recorded(path) == list(range(20))


BROKEN = """
import sys
from daebus_console.tui.widgets.flow import FlowList
secret = "hunter2"

def fails(self):
    password = secret
    raise RuntimeError("no such luck")

FlowList.action_follow = fails
from daebus_console.__main__ import main
sys.exit(main())
"""


def test_a_mistake_of_ours_leaves_the_terminal_as_it_was(own_redis: RedisServer, tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    with start(own_redis.url, tmp_path, [sys.executable, "-c", BROKEN]) as terminal:
        terminal.wait_for("● live")
        terminal.type(":")
        terminal.wait_for("Complete")
        terminal.type(f"record {path}")
        terminal.press("enter")
        terminal.wait_for("recording to")
        publish(own_redis, 20)
        terminal.wait_for("20 messages")
        terminal.press("escape")
        terminal.wait_for("Pause")
        terminal.type("f")
        assert terminal.wait_end(within=30) == 1
        assert_as_before(terminal)
        told = terminal.output.decode(errors="replace").rpartition("\x1b[?1049l")[2]
        assert "no such luck" in told
        assert "hunter2" not in told
    assert recorded(path) == list(range(20))


def test_ctrl_c_at_the_shell_leaves_the_cursor_at_the_beginning_of_a_line(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    with start(own_redis.url, tmp_path, [*PROGRAM, "tail"]) as terminal, own_redis.client() as client:
        terminal.wait_for(lambda text: bool(client.publish("news", b"{}")) and "news" in text)
        terminal.press("ctrl+c")
        assert terminal.wait_end() == 130
        terminal.read_all()
        assert "^C" in terminal.text
        assert terminal.screen.cursor.x == 0
    with start(own_redis.url, tmp_path, [*PROGRAM, "logs", "--for", "60"]) as terminal:
        terminal.wait_for("looking, ")
        terminal.press("ctrl+c")
        assert terminal.wait_end() == 130
        terminal.read_all()
        # What was only transient has gone.
        assert "looking, " not in terminal.text
        assert terminal.screen.cursor.x == 0
