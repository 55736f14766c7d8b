"""The story of the demo in a real terminal: by four keys from the badge to the cause."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.programs.terminal import Terminal
from tests.terminal.test_demo import environment

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(180)]


def test_the_first_bug_is_found_by_following_the_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "daebus_console", "demo", "--story"]
    with Terminal(command, rows=24, columns=80, environment=environment(tmp_path)) as terminal:
        terminal.wait_for(r"Story 1/4", within=60)
        terminal.press("!")
        terminal.wait_for(r"✗.*the listener count_points of notifier raised")
        terminal.wait_for(r"Story 2/4  ↑ ↓ go to “the listener count_points")
        terminal.press("enter")
        terminal.wait_for(r"Story 3/4")
        terminal.type("V")
        terminal.wait_for(r"Story 4/4  Drawn over time")
        terminal.wait_for(r"KeyError: 'u-\d'  arose here, nobody was told")
        terminal.press("escape")
        terminal.wait_for(r"enter, then 5 opens the tab Logs")
        terminal.press("enter")
        terminal.wait_for(r"Story 4/4  5 opens the tab Logs")
        terminal.type("5")
        terminal.wait_for(r"That was it: the notifier looks up a card")
        terminal.type("z")
        terminal.wait_for(r"card = CARDS\[order\[\"user_id\"\]\]  # the bug: not every customer has one")
        terminal.press("escape")
        terminal.wait_for(r"Commands")
        terminal.press("f6")
        terminal.wait_for(lambda text: "Story" not in text)
        terminal.press("ctrl+q")
        assert terminal.wait_end() == 0
