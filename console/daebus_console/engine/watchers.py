"""Those who are told of each message, of requests whose time ran out, and of answers to control questions. Pure.

They come and go under the lock of the session, and are told under it, on the thread of the tap.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from daebus_console.engine.message.exchange import Exchange, Message

Watcher = Callable[[Message, Exchange], None]
"""Told of each message, under the lock, on the tap's thread; also of gaps, when they begin and when they end."""
Told = Callable[[str, Message], None]
"""Told of each answer on a control channel, with the id of the question; under the lock, on the tap's thread."""


class Watchers:
    """Who watches a session; `lock` is that of the session."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._of_messages: tuple[Watcher, ...] = ()
        self._of_expired: tuple[Callable[[Exchange], None], ...] = ()
        self._of_unknown: tuple[Callable[[Exchange], None], ...] = ()
        self._of_answers: tuple[Told, ...] = ()

    def watch(
        self,
        watcher: Watcher,
        on_expired: Callable[[Exchange], None] | None = None,
        on_unknown: Callable[[Exchange], None] | None = None,
    ) -> Callable[[], None]:
        """Call `watcher` for every message from now on, and `on_expired` for each request whose time ran out.

        `on_unknown` is called for each whose fate is unknown by a gap, before that is told. Returns the function that
        ends it.
        """
        self._of_messages = (*self._of_messages, watcher)
        if on_expired is not None:
            self._of_expired = (*self._of_expired, on_expired)
        if on_unknown is not None:
            self._of_unknown = (*self._of_unknown, on_unknown)

        def unwatch() -> None:
            with self._lock:
                self._of_messages = tuple(one for one in self._of_messages if one != watcher)
                self._of_expired = tuple(one for one in self._of_expired if one != on_expired)
                self._of_unknown = tuple(one for one in self._of_unknown if one != on_unknown)

        return unwatch

    def hear(self, told: Told) -> Callable[[], None]:
        """Call `told` for each answer to a control question from now on. Returns the function that ends it."""
        self._of_answers = (*self._of_answers, told)

        def unhear() -> None:
            with self._lock:
                self._of_answers = tuple(one for one in self._of_answers if one != told)

        return unhear

    @property
    def teller(self) -> Watcher | None:
        """What is to be told of each message; None while nobody watches."""
        return self.tell if self._of_messages else None

    def tell(self, message: Message, exchange: Exchange) -> None:
        """A message came, or a gap began or ended."""
        for watcher in self._of_messages:
            watcher(message, exchange)

    def expired(self, exchanges: Iterable[Exchange]) -> None:
        """Their time ran out."""
        for exchange in exchanges:
            for watcher in self._of_expired:
                watcher(exchange)

    def unknown(self, exchanges: Iterable[Exchange]) -> None:
        """Nobody knows what becomes of them, for a gap."""
        for exchange in exchanges:
            for watcher in self._of_unknown:
                watcher(exchange)

    def answered(self, exchange: Exchange | None, answer: Message) -> None:
        """A control question was answered."""
        if exchange is not None:
            for told in self._of_answers:
                told(exchange.request_id or "", answer)
