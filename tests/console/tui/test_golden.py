"""The screens as text at three sizes, beside what they were when somebody last looked at them and found them good.

To accept how they are now, run with DAEBUS_GOLDEN=write, and look at what that changed in golden/.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.tui.scene import scene
from tests.console.tui.support import Driver, drive, grid

GOLDEN = Path(__file__).with_name("golden")
SIZES = ((80, 24), (120, 35), (200, 60))
LAST_ERROR = ("left_square_bracket",) * 4
"""Past what has no answer and what nobody can read."""
SCREENS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    # How to get there from the one before, what is seen there, and how to leave it.
    "help": (("question_mark",), "escape closes", ("escape",)),
    "statistics": (("S",), "all together", ("escape",)),
    "main": (LAST_ERROR, "card refused", ()),
    "sequence": (("D",), "Sequence", ("escape",)),
    "groups": (("W",), "exchanges in", ("escape",)),
    "contrast": (("u",), "against", ("escape",)),
    "shape": (("s",), "learned from", ("escape",)),
    "conversation": (("V",), "Conversation", ("escape",)),
    "compare": (("d", "G"), "object of 1 field → object of 2 fields", ("escape",)),
    "edit": (("e",), "may be sent", ("escape",)),
    "timeline": (("enter", "3"), "asked by", ()),
}


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times on the screen are local: here, those of UTC."""
    from daebus_console.tui.rows import format as fmt

    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    fmt._second.cache_clear()
    yield
    if before is None:
        monkeypatch.delenv("TZ")
    else:
        monkeypatch.setenv("TZ", before)
    time.tzset()
    fmt._second.cache_clear()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_screens_are_as_they_were_found_good(size: tuple[int, int]) -> None:
    """One console a size, on one screen after the other; all that differ are told."""
    told: list[str] = []

    async def story(console: Driver) -> None:
        await console.until(lambda: console.app.main.flow.count() >= 18)
        for screen, (keys, seen, leave) in SCREENS.items():
            path = GOLDEN / f"{screen}-{size[0]}x{size[1]}.txt"
            await console.press(*keys)
            await console.sees(seen)
            await look(console, path)
            await console.press(*leave)
            await console.until(lambda: console.app.screen is console.app.main, what=f"{screen} is left")

    async def look(console: Driver, path: Path) -> None:
        if os.environ.get("DAEBUS_GOLDEN") == "write":
            # What it becomes in a while is what it stays.
            await console.pilot.pause(1.5)
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(grid(console.app)) + "\n", encoding="utf-8")
            return
        wanted = path.read_text(encoding="utf-8").splitlines()

        def differing() -> list[str]:
            return [f"- {old}\n+ {new}" for old, new in zip(wanted, grid(console.app), strict=True) if old != new]

        try:
            await console.until(lambda: not differing())
        except AssertionError:
            told.append(f"{path.name} differs; see the head of this file:\n" + "\n".join(differing()))

    drive(scene(), story, size=size)
    if told:
        pytest.fail("\n".join(told), pytrace=False)
