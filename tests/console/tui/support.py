"""What the tests of the TUI share: a console driven by keys, and its screen as lines of text."""

from __future__ import annotations

import asyncio
import json
import time
import unicodedata
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import redis
from textual._compositor import Compositor
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.events import Key, Paste
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.message_pump import MessagePump
from textual.pilot import Pilot

from daebus_console.engine.session import Session
from daebus_console.tui.app import ConsoleApp
from tests.support.waiting import eventually


def grid(app: ConsoleApp) -> list[str]:
    """The screen as it stands, a string a line."""
    # Textual has no public way to ask for the text of the screen; this is the only place that reaches inside.
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


class Hand(Pilot[int]):
    """A pilot that goes on as soon as the console has done what it was told.

    Textual's own waits after every key until the process has been idle for a while, which takes 40 ms and more.
    """

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other: each once the one before it has been carried out."""
        for key in keys:
            name = key if len(key) > 1 or key.isalnum() else _character_to_key(key)
            sign: str | None
            try:
                sign = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(name, name)))
            except KeyError:
                sign = name if len(name) == 1 else None
            self.app.post_message(Key(name, sign))
            await self._carried_out()
            await self.app._animator.wait_until_complete()
        if keys:
            await self._drawn()

    async def pause(self, delay: float | None = None) -> None:
        """Wait until the console has nothing more to do, or for that many seconds."""
        if delay is not None:
            await asyncio.sleep(delay)
        await self._drawn()

    async def _drawn(self) -> None:
        """Wait until all is carried out and what follows from drawing it is, too."""
        await self._carried_out()
        self.app.screen._on_timer_update()
        await self._carried_out()
        # Nobody sees what is drawn in between, so that it is drawn here, once.
        compositor = self.app.screen._compositor
        if compositor._dirty_regions and self.app._exception is None:
            _draw(compositor, screen_stack=self.app._background_screens)

    async def _carried_out(self) -> None:
        """Wait until every part of the console waits for its next message."""
        quiet = 0
        for turn in range(TURNS):
            await asyncio.sleep(0 if turn < TURNS // 2 else 0.001)
            quiet = 0 if any(map(_busy, self._parts())) else quiet + 1
            if quiet == 4 or self.app._exception is not None:
                return

    def _parts(self) -> list[MessagePump]:
        parts: list[MessagePump] = [self.app]
        nodes: list[DOMNode] = [self.app.screen]
        while nodes:
            node = nodes.pop()
            parts.append(node)
            nodes.extend(node._nodes)
        return parts


def _busy(part: MessagePump) -> bool:
    """Whether it does something, or has something to do: one that has not waits for what sets this event."""
    waiters: Iterable[asyncio.Future[bool]] = part._message_queue.ready_event._waiters  # type: ignore[attr-defined]
    return part.is_running and all(waiter.done() for waiter in waiters)


_PARSED: dict[Any, list[RuleSet]] = {}
"""What style sheets were parsed to for earlier consoles of this process: they are always the same few."""
_parse_rules = Stylesheet._parse_rules


def _rules(sheet: Stylesheet, css: str, **where: Any) -> list[RuleSet]:
    """What Textual parses this to with these variables, parsed once."""
    key = css, tuple(where.values()), _frozen(sheet)
    rules = _PARSED.get(key)
    if rules is None:
        rules = _PARSED[key] = _parse_rules(sheet, css, **where)
    return rules


def _frozen(sheet: Stylesheet) -> frozenset[Any]:
    """The variables of a sheet, which are set all at once."""
    if _FROZEN.get("of") is not sheet._variables:
        _FROZEN.update(of=sheet._variables, as_=frozenset(sheet._variables.items()))
    return _FROZEN["as_"]


_FROZEN: dict[str, Any] = {}
Stylesheet._parse_rules = _rules  # type: ignore[method-assign, assignment]  # no test is about parsing them


_draw = Compositor.render_update


def _not_yet(_compositor: Compositor, **_how: Any) -> None:
    """A console without a terminal draws for nobody: a third of the time of these tests. See `Hand._drawn`."""


Compositor.render_update = _not_yet  # type: ignore[method-assign, assignment]

TURNS = 400
"""Of the event loop, for a console that always has something to do."""


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
        await self.until(lambda: self.app.main.repl.line.text == text)
        await self.press("enter")

    async def until(self, probe: Callable[[], Any], within: float = 30.0, what: str = "") -> None:
        """Wait until the probe is true; with what it is and the screen in the message where it never is."""
        deadline = time.monotonic() + within
        while not probe():
            assert time.monotonic() < deadline, f"never came: {what}\n{self.text}"
            await self.pilot.pause(0.01)

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
    # Nor is it looked for how long a busy machine has let the test stand still.
    session._clock_step = lambda: None
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
        async with app.run_test(size=size, notifications=notifications):
            pilot = Hand(app)
            await pilot.pause()
            # What the session has already is in the rows before a key is pressed, however busy the machine is.
            app.main.flow.tick()
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
