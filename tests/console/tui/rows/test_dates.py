"""Times that a clock on the wall would not tell apart: another day, and the hour that an October night has twice."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daebus_console.commands.terms.entries import Entry, Liner
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.offline import OfflineSession
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.render import to_text
from daebus_console.tui.app import ConsoleApp
from tests.console.tui.support import grid

TWICE = 1_792_888_200.0
"""02:30 in summer time on 2026-10-25 in Berlin; an hour later it is 02:30 again."""
DAY = 86_400.0


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    _forget()
    yield
    monkeypatch.undo()
    time.tzset()
    _forget()


def _forget() -> None:
    from daebus_console import dates
    from daebus_console.tui.rows import format as fmt

    dates._local.cache_clear()
    fmt._second.cache_clear()


def capture(directory: Path, times: list[float]) -> Path:
    """A capture with a broadcast at each of the times."""
    lines = [{"daebus_capture": 1, "redis": "redis://127.0.0.1", "started": times[0]}]
    lines += [{"at": at, "channel": "news", "data": '{"event":"e"}'} for at in times]  # type: ignore[dict-item]  # JSON
    path = directory / "days.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def shown(path: Path, size: tuple[int, int], *keys: str) -> list[str]:
    """The screen on that capture, after those keys."""
    return asyncio.run(_shown(path, size, *keys))


async def _shown(path: Path, size: tuple[int, int], *keys: str) -> list[str]:
    with OfflineSession(path) as session:
        assert session.wait_up(10)
        app = ConsoleApp(session)
        async with app.run_test(size=size) as pilot:
            for _turn in range(100):
                await pilot.pause(0.02)
                # The channel stands in the directory, too, and perhaps before its messages are in the flow.
                if any("» news" in line and line.rstrip().endswith("B") for line in grid(app)):
                    break
            await pilot.press(*keys)
            await pilot.pause(0.1)
            return grid(app)


@pytest.mark.parametrize(
    ("size", "first", "second"), [((150, 40), "2026-10-24", "10-25 02:30"), ((104, 40), "10-24", "10-25")]
)
def test_a_capture_of_two_days_tells_where_the_second_begins(
    tmp_path: Path, size: tuple[int, int], first: str, second: str
) -> None:
    path = capture(tmp_path, [TWICE - DAY, TWICE - DAY + 1, TWICE, TWICE + 1])
    screen = shown(path, size)
    head = next(line for line in screen if "from" in line and "took" in line)
    assert f" {first} " in head
    found = [line for line in screen if "» news" in line]
    assert sum(second in line for line in found) == 1
    assert sum("02:30:01" in line for line in found) == 2


def test_the_hour_that_comes_twice_is_told_by_its_offset(tmp_path: Path) -> None:
    path = capture(tmp_path, [TWICE, TWICE + 1, TWICE + 3600, TWICE + 3601])
    screen = shown(path, (150, 40))
    found = [line for line in screen if "» news" in line]
    assert sum("02:30:00 +01" in line for line in found) == 1
    assert sum("02:30:00.000" in line for line in found) == 1


def test_the_detail_has_date_offset_and_zone(tmp_path: Path) -> None:
    path = capture(tmp_path, [TWICE, TWICE + 3600])
    screen = "\n".join(shown(path, (150, 50), "G", "k", "enter", "1"))
    assert "2026-10-25 02:30:00.000 +01:00 CET" in screen
    screen = "\n".join(shown(path, (150, 50), "g", "enter", "1"))
    assert "2026-10-25 02:30:00.000 +02:00 CEST" in screen


def test_lines_at_the_shell_are_parted_by_dates_and_offsets() -> None:
    correlator = Correlator(Journal())
    liner = Liner(120, Redactor(()))
    said = []
    for at in (TWICE - DAY, TWICE - DAY + 5, TWICE, TWICE + 5, TWICE + 3600, TWICE + 3605):
        message, exchange = correlator.feed(at, "news", b'{"event":"e"}')
        day = liner.day(Entry.of(message, exchange))
        said.append(None if day is None else to_text(day))
    assert said == [None, None, "-- 2026-10-25 +02:00", None, "-- 2026-10-25 +01:00", None]
