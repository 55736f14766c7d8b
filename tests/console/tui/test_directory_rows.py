"""The rows of the directory pane."""

from __future__ import annotations

import pytest

from daebus_console.engine.directory import Directory
from daebus_console.tui.rows.directory import directory_rows
from tests.console.engine.bus import Bus, request


def test_names_that_had_no_room_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("engine.directory.MOST", "tui.rows.directory.ROOM"):
        monkeypatch.setattr(f"daebus_console.{module}", 5)
    bus, directory = Bus(), Directory()
    directory.saw([bus >> request(f"s{number}", id=f"s{number}") for number in range(7)])
    assert [row.name for row in directory_rows(directory, ())][-1] == "2 had no room"
    directory.saw([bus >> request(f"t{number}", id=f"t{number}") for number in range(9)])
    assert [row.name for row in directory_rows(directory, ())][-1] == "5 or more had no room"
