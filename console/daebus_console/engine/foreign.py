"""Asking a service of another framework in its own dialect, and hearing its answers until their end."""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from daebus.errors import DaebusError, RedisUnavailable, RequestTimeout
from daebus.transport.subscription import Subscription
from daebus_console import naming
from daebus_console.engine.message.control import NAME
from daebus_console.engine.message.dialect import Dialect, Sighting
from daebus_console.engine.message.envelope import CALLER_PREFIX
from daebus_console.engine.message.exchange import Kind
from daebus_console.engine.sender import Cancelled, Delivery, Sender

_CONNECT_WITHIN = 5.0


class NotAsked(DaebusError):
    """In that dialect nothing can be asked from outside; the text says why."""


@dataclass(frozen=True)
class Heard:
    """One answer. `content` is what it carries, as JSON or a text; None for nothing."""

    content: bytes | None
    final: bool
    error: bool
    code: str | None
    latency: float


class Question:
    """A question under way: `answers` gives each answer as it comes, `close` ends the waiting. Not for several threads,
    but `cancel` is for any."""

    def __init__(self, sender: Sender, dialect: Dialect, channel: str, content: bytes, timeout: float) -> None:
        self.dialect, self.channel, self.timeout = dialect, channel, timeout
        # As long as those of NestJS itself, which are of hexadecimal digits, too.
        self.id = uuid.uuid4().hex[:21]
        asked = dialect.ask(channel, content, self.id, f"{CALLER_PREFIX}{uuid.uuid4().hex}")
        if asked is None:
            raise NotAsked(f"nothing can be asked in the dialect {dialect.name}: {dialect.unable}")
        self._data, self._reply_to = asked
        self._sender = sender
        self._heard: queue.SimpleQueue[bytes | RedisUnavailable | None] = queue.SimpleQueue()
        self._subscription = Subscription(
            sender.session.address,
            NAME,
            [self._reply_to],
            lambda _channel, data: self._heard.put(data),
            on_lost=self._heard.put,
        )

    def send(self) -> Delivery:
        """Publish it, once its answers can be heard. Raises RedisUnavailable, ReadOnly."""
        self._sender.check()
        self._subscription.ensure(time.monotonic() + _CONNECT_WITHIN)
        self._begun = time.monotonic()
        return self._sender.publish(self.channel, self._data)

    def answers(self) -> Iterator[Heard]:
        """Each answer, the last of them final. Raises RequestTimeout, RedisUnavailable, or Cancelled."""
        deadline = self._begun + self.timeout
        while True:
            try:
                data = self._heard.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                why = self.dialect.silence
                told = f"no answer from {naming.quoted(self.channel)} within {self.timeout:g} s"
                raise RequestTimeout(f"{told} ({why})" if why else told) from None
            if data is None:
                raise self.given_up()
            if isinstance(data, RedisUnavailable):
                raise data
            said = self.dialect.sight(self._reply_to, data)
            if said is not None and said.kind is Kind.RESPONSE and said.id == self.id:
                yield self._answer(said, data)
                if said.final:
                    return

    def _answer(self, said: Sighting, data: bytes) -> Heard:
        latency = time.monotonic() - self._begun
        return Heard(self.dialect.content(data), said.final, said.error, said.code, latency)

    def given_up(self) -> Cancelled:
        """What is to be said where nobody waits any more."""
        return Cancelled(f"stopped waiting for {naming.quoted(self.channel)}; it was not told")

    def cancel(self) -> None:
        """Stop waiting: whoever reads the answers gets Cancelled."""
        self._heard.put(None)

    def close(self) -> None:
        """Listen no more."""
        self._subscription.close()
