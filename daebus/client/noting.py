"""What the recorder of a service is told of what the service itself asks others, and tells them; and its log, where it
runs with `debug`."""

from __future__ import annotations

import logging
import time
from typing import Any

from daebus import context
from daebus.errors import (
    ConnectionLost,
    RedisUnavailable,
    RequestCancelled,
    RequestTimeout,
    ServiceUnavailable,
    class_of,
)
from daebus.logs import note
from daebus.recorder.recorder import digest_of
from daebus.wire.envelope import RequestId, quoted

log = logging.getLogger("daebus")

_OUTCOMES: tuple[tuple[type[Exception], str], ...] = (
    (RequestTimeout, "timeout"),
    (ServiceUnavailable, "unavailable"),
    (ConnectionLost, "connection_lost"),
    (RedisUnavailable, "redis_unavailable"),
    (RequestCancelled, "cancelled"),
)


def outcome_of(ended: BaseException | str | None) -> str:
    """How a call ended, in a word: `ok`, the code of the error answer, or what kept an answer from coming."""
    if ended is None:
        return "ok"
    if isinstance(ended, str):
        return ended
    return next((word for kind, word in _OUTCOMES if issubclass(type(ended), kind)), "") or class_of(ended)


class Noted:
    """A call that a service makes, from before it is sent until its end. One thread at a time."""

    __slots__ = ("_asked", "_begun", "_recorder", "_told", "_waits", "action", "by", "gates", "id", "parent", "service")

    def __init__(
        self,
        runtime: context.Runtime,
        within: context.Context | None,
        id: str,
        service: str,
        action: str,
        parent: RequestId,
    ) -> None:
        self._recorder = runtime.recorder
        self._waits: list[context.Awaited] | None = None
        self._asked: Any = None
        if within is not None:
            self._asked = within.response
            self._waits = within.waits
            if self._waits is None:
                self._waits = within.waits = []
        self._begun = time.monotonic()
        self.id = id
        self.service = service
        self.action = action
        self.parent = parent
        self.by = runtime.name
        """The service that makes it."""
        self.gates = runtime.gates
        """Where it may be held by a debugger; None where the service may not be debugged."""
        self._told = ""

    def tell(self) -> None:
        """Write it into the log, and later its end."""
        self._told = f"{self.service} {quoted(self.action)} id={quoted(self.id)}"
        note(log, logging.DEBUG, "=> %s asks %s", self.by, self._told)

    def waits(self) -> None:
        """It is waited for."""
        if self._waits is not None:
            self._waits.append(self)

    def goes_on(self) -> None:
        """It is waited for no more, for the time being."""
        if self._waits is not None and self in self._waits:
            self._waits.remove(self)

    def held_up(self, seconds: float) -> None:
        """It is held up by a debugger for so many seconds more, and with it the answer of whoever makes it."""
        if self._asked is not None:
            self._asked.held_up(seconds)

    def end(self, outcome: BaseException | str | None) -> None:
        """It has come to its end; only the first time counts."""
        told, self._told = self._told, ""
        recorder, self._recorder = self._recorder, None
        if not told and recorder is None:
            return
        elapsed, word = time.monotonic() - self._begun, outcome_of(outcome)
        if told:
            note(log, logging.DEBUG, "<= %s %s %s after %.1f ms", self.by, told, word, elapsed * 1000)
        if recorder is not None:
            recorder.called(self.id, self.service, self.action, self.parent, elapsed, word)


def sender_of(name: str | None) -> context.Runtime | None:
    """The service that sends what is sent here; None where none does.

    `name` is who sends, where the program has said so: outside a handler that is then no service of this process.
    """
    return context.speaking() if name is None or context.current() is not None else None


def noted_by(
    runtime: context.Runtime, name: str | None, id: str, service: str, action: str, parent: RequestId
) -> Noted | None:
    """A call that is about to be made here, by that `sender_of`, where `runtime` is the service at hand; else None."""
    within = context.current()
    if within is None and name is not None:
        return None
    noted = Noted(runtime, within, id, service, action, parent)
    if runtime.debug:
        noted.tell()
    return noted


def note_published(channel: str, data: bytes) -> None:
    """A broadcast has gone out from here."""
    runtime = context.speaking()
    if runtime is None:
        return
    if runtime.debug:
        note(log, logging.DEBUG, "=> %s broadcasts on %s (%d bytes)", runtime.name, quoted(channel), len(data))
    if runtime.recorder is not None:
        runtime.recorder.published(channel, digest_of(data), context.origin()[0])


def note_sent(runtime: context.Runtime, service: str, action: str, id: str) -> None:
    """A one-way message is about to go out from that service."""
    if runtime.debug:
        note(log, logging.DEBUG, "=> %s tells %s %s id=%s", runtime.name, service, quoted(action), quoted(id))
