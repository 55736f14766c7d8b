"""The heartbeat of a pair of connections of an event loop: `Proof`, driven by the task that keeps watch over them."""

from __future__ import annotations

from collections.abc import Callable

from daebus.transport.commands import Pending, probing
from daebus.transport.proof import BEAT_EVERY, Proof
from daebus.wire.names import encoded

from .connection import AsyncConnection


class AsyncHeart:
    """Proves that what is published to `channel` arrives; see `Proof`. Of the thread of the event loop."""

    def __init__(self, channel: str, time: Callable[[], float], proof: Proof | None = None) -> None:
        self.proof = Proof(channel) if proof is None else proof
        self._time = time
        self._name = encoded(channel)
        self._beat_at = 0.0
        self.at_replica = False
        """Whether what was published last was published at a replica."""

    def took(self, data: bytes) -> bool:
        """Whether a message that came is a probe; then it has been dealt with."""
        if not self.proof.is_probe(self._name, data):
            return False
        self.proof.arrived(data, self._time())
        return True

    def beat(self, now: float, publisher: AsyncConnection, subscription: AsyncConnection) -> float:
        """Send a probe where one is due, and end a subscription that is none; returns when to call this again."""
        proof = self.proof
        fault = proof.fault(now, subscription, subscription.heard_at)
        self.at_replica = fault is not None and fault.moved
        if fault is not None and not fault.moved:
            subscription.end(fault.reason)
            return now + BEAT_EVERY
        if now < self._beat_at:
            return min(self._beat_at, proof.look_at(now))
        if not proof.awaits(subscription):
            data = proof.begin(now, subscription)
            number = proof.number

            def ended(command: Pending) -> None:
                if command.error is None:
                    proof.confirmed(number, command.replies, self._time())
                else:
                    proof.lost(number)

            publisher.send(probing(proof, data, ended))
        self._beat_at = now + BEAT_EVERY
        return self._beat_at
