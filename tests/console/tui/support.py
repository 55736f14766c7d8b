"""What the tests of the TUI share: a console driven by keys, and its screen as lines of text."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import redis
from textual.events import Paste
from textual.pilot import Pilot

from daebus_console.engine.session import Session
from daebus_console.tui.app import ConsoleApp
from tests.support.waiting import eventually


def grid(app: ConsoleApp) -> list[str]:
    """The screen as it stands, a string a line."""
    # Textual has no public way to ask for the text of the screen; this is the only place that reaches inside.
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


@dataclass
class Driver:
    """A running console, and a publisher on its Redis."""

    app: ConsoleApp
    pilot: Pilot[int]
    client: redis.Redis

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(grid(self.app))

    def line(self, part: str) -> str:
        """The first line of the screen that holds the text; empty where none does."""
        return next((line for line in grid(self.app) if part in line), "")

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Type a text."""
        names = {
            " ": "space",
            "_": "underscore",
            ":": "colon",
            "=": "equals_sign",
            "-": "minus",
            ">": "greater_than_sign",
            ".": "full_stop",
        }
        await self.pilot.press(*(names.get(sign, sign) for sign in text))

    async def command(self, text: str) -> None:
        """Enter a command in the command pane."""
        await self.press("escape", "escape", "colon")
        await self.until(lambda: self.app.main.repl.line.has_focus)
        self.app.post_message(Paste(text))
        await self.until(lambda: self.app.main.repl.line.value == text)
        await self.press("enter")

    async def until(self, probe: Callable[[], Any], within: float = 10.0) -> None:
        """Wait until the probe is true; with the screen in the message where it never is."""
        deadline = time.monotonic() + within
        while not probe():
            assert time.monotonic() < deadline, f"never came:\n{self.text}"
            await self.pilot.pause(0.02)

    async def sees(self, *parts: str) -> None:
        """Wait until all of these stand on the screen."""
        await self.until(lambda: all(part in self.text for part in parts))

    async def loses(self, part: str) -> None:
        """Wait until this no longer stands on the screen."""
        await self.until(lambda: part not in self.text)

    def publish(self, channel: str, message: Any) -> None:
        """Publish an object (or exact bytes) as some program would."""
        self.client.publish(channel, message if isinstance(message, bytes) else json.dumps(message))

    def request(
        self, service: str, action: str, number: int | str, payload: Any = None, caller: str = "shop", **fields: Any
    ) -> None:
        """Publish a request as that caller would."""
        message = {"action": action, "payload": payload or {}, "request_id": f"r{number}", "service": caller}
        self.publish(service, {**message, "reply_to": "caller:test", **fields})

    def answer(self, number: int | str, payload: Any = None, status: str = "success", **fields: Any) -> None:
        """Publish an answer to such a request."""
        self.publish("caller:test", {"status": status, "payload": payload or {}, "request_id": f"r{number}", **fields})


Story = Callable[[Driver], Awaitable[None]]


def fed(now: float) -> Session:
    """A session that looks at no Redis and whose clock stands still: feed it with `on_batch`."""
    session = Session("redis://localhost:6379")
    session.clock = lambda: now  # type: ignore[assignment, misc]  # a clock is what can be called for a time
    session.on_up(now - 3600)
    return session


def drive(
    where: str | Session,
    story: Story,
    size: tuple[int, int] = (120, 35),
    *,
    notifications: bool = False,
    **keywords: Any,
) -> None:
    """Run a story on a console that looks at that Redis, or on a session that was `fed`, which has no publisher.

    What the console notifies of is on the screen only with `notifications`, for it hides what is below.
    """

    async def on(session: Session, client: redis.Redis) -> None:
        app = ConsoleApp(session, **keywords)
        async with app.run_test(size=size, notifications=notifications) as pilot:
            await pilot.pause()
            await story(Driver(app, pilot, client))

    async def play() -> None:
        if isinstance(where, Session):
            with redis.Redis(port=1) as nobody:
                await on(where, nobody)
            return
        url = where
        with Session(url) as session, redis.Redis.from_url(url, socket_timeout=10) as client:
            eventually(lambda: session.status.up, what="the session is up")
            await on(session, client)

    run(play())


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end."""
    asyncio.run(main)
