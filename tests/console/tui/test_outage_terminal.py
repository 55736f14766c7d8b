"""In a real terminal: Redis dies and comes back, the console is left without Redis, or dies of a mistake of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.programs.terminal import Terminal
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(120)]

ROOT = Path(__file__).resolve().parents[3]
SCREEN_OF_BEFORE = b"\x1b[?1049l"
CRASHING = """
import sys
from daebus_console.engine.session import Session
from daebus_console.tui.app import ConsoleApp

class Crashing(ConsoleApp):
    def action_quit(self):
        raise RuntimeError("provoked on purpose")

with Session(sys.argv[1]) as session:
    app = Crashing(session)
    app.run()
    sys.exit(app.return_code)
"""


def environment(directory: Path) -> dict[str, str]:
    """The tree's own packages, and settings of nobody's."""
    return {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "console")]),
        **{f"XDG_{name}_HOME": str(directory / name) for name in ("CONFIG", "DATA", "STATE")},
    }


def console(url: str) -> list[str]:
    """The command that opens the console."""
    return [sys.executable, "-m", "daebus_console", "--redis", url]


def test_it_tells_of_a_lost_redis_and_of_the_gap_once_it_is_back(own_redis: RedisServer, tmp_path: Path) -> None:
    with Terminal(console(own_redis.url), environment=environment(tmp_path)) as terminal:
        terminal.wait_for("● live")
        own_redis.kill()
        terminal.wait_for("✗ not connected")
        terminal.wait_for("1 gap")
        own_redis.start()
        terminal.wait_for("● live")
        terminal.wait_for("unseen for")
        with own_redis.client() as client:
            client.publish("after", '{"event": 1}')
        terminal.wait_for("» after")
        terminal.press("ctrl+q")
        assert terminal.wait_end() == 0


def test_it_can_be_left_while_redis_is_gone(own_redis: RedisServer, tmp_path: Path) -> None:
    with Terminal(console(own_redis.url), environment=environment(tmp_path), real=True) as terminal:
        terminal.wait_for("● live")
        own_redis.kill()
        terminal.wait_for("✗ not connected")
        terminal.press("q")
        assert terminal.wait_end() == 0
        assert SCREEN_OF_BEFORE in terminal.output


def test_a_crash_gives_the_terminal_back_and_says_what_happened(redis_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CRASHING, redis_url]
    with Terminal(command, environment=environment(tmp_path), real=True) as terminal:
        terminal.wait_for("● live")
        terminal.press("ctrl+q")
        assert terminal.wait_end() == 1
        eventually(lambda: b"provoked on purpose" in terminal.output, what="the mistake is told")
        before, _left, after = bytes(terminal.output).partition(SCREEN_OF_BEFORE)
        assert before
        assert b"provoked on purpose" in after
        assert b"\x1b[?1000l" in terminal.output, "the mouse is the terminal's again"
        assert b"\x1b[?25h" in terminal.output, "the cursor is shown again"


def test_a_payload_is_edited_in_the_editor_of_the_user(redis_url: str, name: str, tmp_path: Path) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\np = pathlib.Path(sys.argv[1])\np.write_text(p.read_text().replace('7', '8'))"
    )
    own = {**environment(tmp_path), "EDITOR": f"{sys.executable} {script}", "VISUAL": ""}
    import redis

    with Terminal(console(redis_url), environment=own) as terminal, redis.Redis.from_url(redis_url) as client:
        terminal.wait_for("● live")
        client.publish(name, '{"id": 7}')
        terminal.wait_for(f"» {name[:6]}")
        terminal.press("up", "E")
        terminal.wait_for("may be sent")
        terminal.wait_for(r'"id": 8')
        terminal.press("ctrl+s")
        terminal.wait_for("Broadcast it again")
        terminal.press("escape", "ctrl+q")
        assert terminal.wait_end() == 0
