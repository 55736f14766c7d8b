"""The screen on which a message is edited, as tests open it."""

from __future__ import annotations

from typing import Any

from textual.events import Paste

from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.replay.item import Resend
from daebus_console.tui.screens.edit import EditScreen
from tests.console.tui.support import Driver

BROADCAST = Resend(Kind.BROADCAST, "orders", None, {"event": "placed", "order": 5}, 14)
VALID = "✓ may be sent"


def request(payload: Any = None, service: str = "users", action: str = "get_user") -> Resend:
    """A request to be edited."""
    payload = {"id": 7} if payload is None else payload
    return Resend(Kind.REQUEST, service, action, {"action": action, "payload": payload}, 12)


class Opened:
    """The screen on a console, and what it was dismissed with."""

    def __init__(self, console: Driver, resend: Resend, title: str = "Edit #12 and send again") -> None:
        self.console = console
        self.results: list[Resend | None] = []
        self.screen = EditScreen(resend, title)
        self.area = self.screen.area
        console.app.push_screen(self.screen, self.results.append)

    @classmethod
    async def on(cls, console: Driver, resend: Resend | None = None, title: str = "Edit #12 and send again") -> Opened:
        """Open it, and wait until it can be typed in."""
        opened = cls(console, resend or request(), title)
        await console.until(lambda: opened.area.has_focus and "may be sent" in console.text)
        return opened

    @property
    def open(self) -> bool:
        """Whether it is still there."""
        return self.console.app.screen is self.screen

    async def write(self, text: str) -> None:
        """Have this in place of what stands there, as if pasted."""
        await self.console.press("f7")
        self.console.app.post_message(Paste(text))
        await self.console.until(lambda: self.area.text == text)

    async def sent(self) -> Resend:
        """Send it, and return what that is."""
        await self.console.press("ctrl+s")
        await self.console.until(lambda: self.results)
        assert isinstance(self.results[0], Resend)
        assert not self.open
        return self.results[0]
