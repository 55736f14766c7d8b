"""Who is on the bus, listed: what the list itself says of what it lacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daebus_console.commands.context import Exit
from daebus_console.engine.directory import MOST
from daebus_console.engine.session import Session
from tests.console.commands.prompt import prompting


@pytest.fixture
def session(redis_url: str) -> Iterator[Session]:
    with Session(redis_url) as session:
        assert session.wait_up(5)
        yield session


@pytest.mark.parametrize(
    ("beyond", "told"), [(0, None), (3, "3 other names"), (MOST + 5, "10,000 or more other names")]
)
def test_names_there_was_no_room_for_are_counted(session: Session, beyond: int, told: str | None) -> None:
    with session.lock:
        found = {f"daebus.control.one-of-many-{number}": 1 for number in range(MOST + beyond)}
        session.directory.poll(session.clock(), found)
    with prompting(session) as prompt:
        assert prompt("services") == Exit.DONE
        notes = [note for note in prompt.heard.notes if "are not listed" in note]
    assert len(notes) == (told is not None)
    assert told is None or notes[0].startswith(told)
