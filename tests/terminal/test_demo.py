"""The first minutes with the program, in a real terminal: the demo, a look at the flow, a request of one's own."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.support.programs.terminal import Terminal
from tests.support.waiting import eventually

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(120)]

ROOT = Path(__file__).resolve().parents[2]
PAIRED = r"gateway\s+→ (users|stock|payment)\s+\w+.*ok\s+[\d.]+(µs|ms|s)"


def environment(directory: Path) -> dict[str, str]:
    """The tree's own packages, and settings and history of nobody's."""
    return {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "console")]),
        "XDG_CONFIG_HOME": str(directory / "config"),
        "XDG_DATA_HOME": str(directory / "data"),
        "XDG_STATE_HOME": str(directory / "state"),
        "DEMO_SEED": "7",
    }


def _descendants(pid: int) -> set[int]:
    """All processes below that one, as the kernel lists them."""
    found: set[int] = set()
    todo = [pid]
    while todo:
        parent = todo.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            for child in task.read_text().split():
                if int(child) not in found:
                    found.add(int(child))
                    todo.append(int(child))
    return found


def _running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return re.search(r"\) (\w)", state)[1] not in "ZX"  # type: ignore[index]  # every stat line has it


def test_the_demo_shows_paired_exchanges_and_answers_a_request(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "daebus_console", "demo"]
    with Terminal(command, environment=environment(tmp_path), real=True) as terminal:
        terminal.wait_for(r"Services 6")
        terminal.wait_for(PAIRED)
        children = _descendants(terminal.process.pid)
        assert len(children) >= 7, "six services and their Redis"

        terminal.type(":")
        terminal.type("request users get_user id=u-1")
        terminal.press("enter")
        terminal.wait_for(r"users answered in")
        # The shop's own messages may have carried the row out of sight.
        terminal.press("escape")
        terminal.wait_for(lambda text: "tab Complete" not in text)
        terminal.type("/")
        terminal.type("is:ours kind:request")
        terminal.wait_for(r"you\s+→ users\s+get_user.*ok")

        terminal.press("escape", "ctrl+q")
        assert terminal.wait_end() == 0
        assert b"\x1b[?1049l" in terminal.output, "the screen of before is back"
    eventually(lambda: not [pid for pid in children if _running(pid)], what="every process of the demo has ended")
