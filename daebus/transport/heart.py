"""The heartbeat of a pair of connections, one that publishes and one that listens: `Proof`, driven by threads.

Beats on the thread that reads. It waits for nothing there; what may take long, to connect, is done aside.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from daebus.errors import RedisUnavailable
from daebus.wire.protocol import Message

from .address import RedisAddress
from .commands import Pending, probing
from .places.dialing import dial
from .proof import BEAT_EVERY, Proof
from .sockets.connection import Connection
from .threads import begin

log = logging.getLogger("daebus")

_LOOK_AFTER = 0.05
"""Seconds after a probe in which what the server replies to it has come, as a rule."""
_CONNECT_WITHIN = 3.0


class Mover(Protocol):
    """What listens, and may have to move."""

    def move(self, reason: str) -> None:
        """Connect anew, for that reason."""

    @property
    def finished(self) -> bool:
        """Whether it listens no more, ever."""


class Prover(Protocol):
    """What publishes probes: a `Publisher`, or what it has for one channel."""

    address: RedisAddress
    name: str
    on_replica: Callable[[], object]

    def look(self, after: float = 0.0) -> None:
        """See `Commander`."""

    def beat(self, command: Pending) -> bool:
        """See `Commander`."""

    def connect(self, deadline: float | None = None) -> None:
        """See `Commander`."""

    def move(self, reason: str) -> None:
        """See `Commander`."""

    def close(self) -> None:
        """See `Commander`."""

    def is_at_replica(self, within: float) -> bool:
        """See `Publisher`."""


class Heart:
    """Proves that what `publisher` sends to `channel` arrives at whoever listens there; see `Proof`."""

    def __init__(self, publisher: Prover, listener: Mover, channel: str, proof: Proof | None = None) -> None:
        self.proof = Proof(channel) if proof is None else proof
        self._publisher = publisher
        self._listener = listener
        self._number = 0
        self._beat_at = 0.0
        self._aside: threading.Thread | None = None
        self.beside: Callable[[], object] = lambda: None
        """Called with each beat: for other connections that are to live. Must be quick."""
        publisher.on_replica = self._look_elsewhere

    def beat(self, now: float, connection: Connection) -> tuple[str | None, float]:
        """What is wrong with the connection that listens, if anything, and when to call this again."""
        proof = self.proof
        self._publisher.look()
        fault = proof.fault(now, connection, connection.heard_at)
        if fault is not None and not fault.moved:
            return fault.reason, now
        if fault is not None:
            self._look_elsewhere()
        if now >= self._beat_at:
            if not proof.awaits(connection):
                self._send(now, connection)
            self.beside()
            # What is due is due now; who was held up does not catch up.
            self._beat_at = now + BEAT_EVERY
            return None, now + _LOOK_AFTER
        return None, min(self._beat_at, proof.look_at(now))

    def took(self, message: Message) -> bool:
        """Whether a message that came is a probe; then it has been dealt with."""
        if not self.proof.is_probe(message.channel, message.data):
            return False
        self.proof.arrived(message.data, time.monotonic())
        return True

    def _send(self, now: float, connection: Connection) -> None:
        data = self.proof.begin(now, connection)
        number = self.proof.number

        def ended(command: Pending) -> None:
            if command.error is None:
                self.proof.confirmed(number, command.replies, time.monotonic())
            else:
                self.proof.lost(number)

        if not self._publisher.beat(probing(self.proof, data, ended)):
            self.proof.lost(number)
            self._do_aside(self._connect)

    def _connect(self) -> None:
        self._publisher.connect(time.monotonic() + _CONNECT_WITHIN)
        if self._listener.finished:
            # What listens is closed first: nobody closes this one any more.
            self._publisher.close()

    def _look_elsewhere(self) -> None:
        """The server is a replica: move, if its address leads to a master."""
        self._do_aside(self._move)

    def _move(self) -> None:
        found = dial(self._publisher.address, self._publisher.name)
        found.sock.close()
        # It may have been one for a moment, and be the master again that was found.
        if found.greeting.role == "master" and self._publisher.is_at_replica(_CONNECT_WITHIN):
            reason = "it is a replica now, and a master is to be had"
            self._publisher.move(reason)
            self._listener.move(reason)

    def _do_aside(self, what: Callable[[], Any]) -> None:
        """On a thread of its own, unless that is at something already."""
        if self._aside is not None and self._aside.is_alive():
            return

        def run() -> None:
            try:
                what()
            except RedisUnavailable as error:
                log.debug("%s: %s", self._publisher.name, error)
            except Exception:
                log.exception("%s: what a heartbeat had begun aside failed", self._publisher.name)

        self._aside = threading.Thread(target=run, name="daebus-heart", daemon=True)
        try:
            begin(self._aside)
        except RuntimeError:
            self._aside = None
