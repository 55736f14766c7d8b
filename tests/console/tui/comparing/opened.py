"""Two exchanges and the screen on which they are compared, as tests open it."""

from __future__ import annotations

import json
from typing import Any

from daebus_console.engine.session import Session
from daebus_console.tui.compare.rows import Entry
from daebus_console.tui.screens.comparing.compare import CompareScreen
from tests.console.tui.scene import NOON
from tests.console.tui.support import Driver, drive, fed

USER = {"name": "Ann Miller", "age": 31, "tags": ["new", "vip"], "at": 1, "bio": "long walks\nand short meetings"}
LATER = {"name": "Ann Smith", "age": 32, "tags": ["vip", "new"], "at": 2, "bio": "long walks\nand no meetings"}
PATHS = ["name", "age", "tags[0]", "tags[1]", "at", "bio"]


def pair(before: Any = USER, after: Any = LATER, *, asked: Any = None, pending: bool = False) -> Session:
    """A session that has seen two exchanges, answered with these payloads; of `pending`, the second is not."""
    session = fed(NOON)
    for number, payload in enumerate((before, after)):
        ask(session, 9.0 - number, f"r{number}", asked or {"id": 7})
        if number == 0 or not pending:
            tell(session, 8.988 - number - number * 0.019, f"r{number}", payload)
    return session


def ask(session: Session, ago: float, number: str, payload: Any) -> None:
    message = {"action": "get_user", "payload": payload, "request_id": number, "service": "web", "reply_to": "caller:w"}
    session.on_batch(NOON - ago, [("users", json.dumps(message).encode())])


def tell(session: Session, ago: float, number: str, payload: Any, **more: Any) -> None:
    message = {"status": "success", "payload": payload, "request_id": number, **more}
    session.on_batch(NOON - ago, [("caller:w", json.dumps(message).encode())])


async def opened(console: Driver, before: int = 0, after: int = 1) -> CompareScreen:
    """Compare two exchanges of the session, by their places."""
    found = list(console.app.session.journal.exchanges)
    screen = CompareScreen(found[before], found[after])
    console.app.push_screen(screen)
    await console.until(lambda: console.app.screen is screen and screen.compared is not None)
    await console.pilot.pause()
    return screen


def compared(story: Any, session: Session | None = None, size: tuple[int, int] = (120, 35), **keywords: Any) -> None:
    """Drive a story that is given the console and its compare screen."""

    async def play(console: Driver) -> None:
        await story(console, await opened(console))

    drive(session or pair(), play, size=size, **keywords)


def chosen(screen: CompareScreen) -> str:
    """The path of the selected difference, within the payload of the answer."""
    entry = screen.differences.raw()
    return entry.change.path.removeprefix("response.payload.") if entry else ""


def paths(screen: CompareScreen) -> list[str]:
    return [
        row.change.path.removeprefix("response.payload.") for row in screen.differences.rows if isinstance(row, Entry)
    ]
