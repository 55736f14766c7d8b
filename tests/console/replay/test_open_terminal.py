"""A capture opened in a real terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from daebus import DaebusCaller
from tests.console.replay.conftest import Shop
from tests.console.replay.test_replay import Record
from tests.support.framework_services import ROOT
from tests.support.programs.terminal import Terminal
from tests.support.waiting import eventually

pytestmark = pytest.mark.terminal


def test_a_capture_is_looked_at_and_replayed_from(
    shop: Shop, caller: DaebusCaller, capture: Record, tmp_path: Path
) -> None:
    path = capture(lambda: [caller.send_request("echo", {"n": index}) for index in range(3)])
    shop.asked.clear()
    environment = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "console")]),
        **{f"XDG_{name}_HOME": str(tmp_path / name) for name in ("CONFIG", "DATA", "STATE")},
    }
    command = [sys.executable, "-m", "daebus_console", "open", str(path), "--redis", shop.url]
    with Terminal(command, environment=environment, columns=140, real=True) as terminal:
        terminal.wait_for(path.name)
        terminal.wait_for(rf"{shop.name}\s+echo")
        terminal.type(":")
        terminal.wait_for("Complete")
        terminal.type("replay #1 n:=77")
        terminal.wait_for("replay #1 n:=77")
        terminal.press("enter")
        eventually(lambda: shop.asked == [{"n": 77}], within=30, what="it is sent again")
        terminal.wait_for(r'"n": 77')
        terminal.press("escape", "ctrl+q")
        assert terminal.wait_end() == 0
