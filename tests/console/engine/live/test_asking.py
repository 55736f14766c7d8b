"""Which services are asked for what they recorded, and that those that are forgotten take no room."""

from __future__ import annotations

import pytest

from daebus_console.engine.directory import Directory
from daebus_console.engine.live.asking import Asking


def told(directory: Directory, now: float, *services: str) -> None:
    """Just these services are there, and have told of themselves."""
    directory.poll(now, {f"daebus.control.{name}": 1 for name in services})
    for name in services:
        directory.info(now, {"service": name, "instance": "i-1", "features": ["recent", "watch"]})


def test_a_service_that_the_directory_leaves_out_makes_room_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus_console.engine.directory.MOST", 1)
    monkeypatch.setattr("daebus_console.engine.live.asking.MOST", 1)
    directory = Directory()
    asking = Asking(directory)
    told(directory, 1.0, "first")
    assert asking.due(1.0) == [("first", "recent", {}), ("first", "watch", {"lease": 30.0})]
    told(directory, 2.0)
    told(directory, 3.0, "second")
    assert asking.due(3.0) == [("second", "recent", {}), ("second", "watch", {"lease": 30.0})]
    assert list(asking.watched) == ["second"]
