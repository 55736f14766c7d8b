"""A replay and its origin know each other: where both are seen by the same session, each names the number of the other.

What is sent is also announced as the console's own. A session that does not look at a Redis is told what passes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from daebus_console.engine.bounded import remember
from daebus_console.engine.message.exchange import Exchange, Message
from daebus_console.engine.replay.item import Resend

if TYPE_CHECKING:
    from daebus_console.engine.session import Session

_MOST_EXPECTED = 20_000
_LINGER = 0.5


class Links:
    """Who is told what a replay sends and hears; here nobody is, as for a Redis that no session looks at."""

    def open(self, reply_to: str) -> None:
        """It begins; answers will come on that channel."""

    def hear(self, channel: str) -> None:
        """Answers will come on that channel as well."""

    def expect(self, origin: Exchange, item: Resend, request_id: str | None, data: bytes) -> None:
        """These bytes are about to be published; a request bears that id."""

    def give_up(self, item: Resend, request_id: str, data: bytes) -> None:
        """They were not published after all."""

    def heard(self, channel: str, data: bytes) -> None:
        """An answer came. Called on another thread than the rest."""

    def receivers(self, channel: str) -> int:  # noqa: ARG002 - as the others have it
        """How many of those that get what is published there only look on for us."""
        return 0

    def close(self) -> None:
        """It is over."""


_Key = tuple[str, str | bytes]


class SessionLinks(Links):
    """For a replay on the Redis that `session` looks at. With `origins`, the exchanges are the session's own."""

    def __init__(self, session: Session, *, origins: bool = True) -> None:
        self._session = session
        self._origins = origins
        self._expected: dict[_Key, Exchange] = {}
        self._unwatch: Callable[[], None] | None = None

    def open(self, reply_to: str) -> None:
        """Have the tap see the answers too."""
        self.hear(reply_to)
        if self._origins:
            self._unwatch = self._session.watch(self._watch)

    def hear(self, channel: str) -> None:
        """Have the tap see what comes there, where its patterns would show the questions alone."""
        self._session.see_answers(channel)

    def expect(self, origin: Exchange, item: Resend, request_id: str | None, data: bytes) -> None:
        """Announce it as our own, and remember whose replay it is."""
        with self._session.lock:
            _announce(self._session, item.channel, request_id, data)
            if self._origins:
                remember(self._expected, _key(item.channel, request_id, data), origin, _MOST_EXPECTED)

    def give_up(self, item: Resend, request_id: str, data: bytes) -> None:
        """Take it back."""
        with self._session.lock:
            self._session.correlator.give_up(item.channel, data, request_id)
            for key in (_key(item.channel, request_id, data), _key(item.channel, None, data)):
                self._expected.pop(key, None)

    def receivers(self, channel: str) -> int:
        """The tap, where it reads."""
        return self._session.own_receivers(channel) if self._session.status.up else 0

    def close(self) -> None:
        """Wait a moment for what is still on its way, then stop looking."""
        if self._unwatch is not None:
            self._session.wait_for(lambda: not self._expected or not self._session.status.up, _LINGER)
            self._unwatch()

    def _watch(self, message: Message, exchange: Exchange) -> None:
        """On the tap's thread, under the session's lock."""
        if exchange.opened is not message or not self._expected:
            return
        expected, channel = self._expected, message.channel
        origin = expected.pop(_key(channel, exchange.request_id, message.data), None)
        if origin is None:
            # Questions of others are known by their bytes.
            origin = expected.pop(_key(channel, None, message.data), None)
        if origin is not None:
            link(self._session, origin, exchange)


class MirrorLinks(Links):
    """For a session that looks at no Redis, but at a capture: it is shown what is sent and heard."""

    def __init__(
        self,
        session: Session,
        show: Callable[[float, str, bytes], tuple[Message, Exchange]],
        *,
        origins: bool = True,
    ) -> None:
        self._session = session
        self._show = show
        self._origins = origins

    def expect(self, origin: Exchange, item: Resend, request_id: str | None, data: bytes) -> None:
        """Show it at once: its answer may be heard before `publish` returns."""
        session = self._session
        with session.lock:
            _announce(session, item.channel, request_id, data)
            exchange = self._show(time.time(), item.channel, data)[1]
            if self._origins:
                link(session, origin, exchange)

    def heard(self, channel: str, data: bytes) -> None:
        """Show the answer."""
        with self._session.lock:
            self._show(time.time(), channel, data)


def link(session: Session, origin: Exchange, replayed: Exchange) -> None:
    """Let two exchanges of the session know each other. Called under its lock."""
    replayed.set_aside().origin = origin.number
    aside = origin.set_aside()
    aside.replays = [*(aside.replays or ()), replayed.number]
    session.journal.touch(origin)
    session.journal.touch(replayed)


def _announce(session: Session, channel: str, request_id: str | None, data: bytes) -> None:
    """Say that what is about to be published is our own. Called under the session's lock."""
    if request_id is not None:
        session.correlator.expect(request_id)
    else:
        session.correlator.expect_data(channel, data)


def _key(channel: str, request_id: str | None, data: bytes) -> _Key:
    return (channel, data if request_id is None else request_id)
