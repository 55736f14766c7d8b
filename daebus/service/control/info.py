"""`info`: what a service is, has and does."""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from daebus.service.chain.arrival import Arrival
from daebus.service.registry import Registry
from daebus.service.work.crews import Crews
from daebus.transport.bus import Bus
from daebus.transport.listener import Listener
from daebus.transport.publisher import Publisher
from daebus.version import __version__

from .describing import describe_handlers
from .running import Queue


def queue_of(crews: Crews[Arrival], oldest: int) -> Queue:
    """What waits, with so many of the oldest messages."""
    now = time.monotonic()
    waiting = sorted(crews.oldest(oldest), key=lambda arrival: arrival.at)[:oldest]
    counts = crews.info()["queue"]
    told = [(arrival.channel, arrival.data, now - arrival.at) for arrival in waiting]
    return Queue(counts["size"], counts["max"], told)


def where_connected(bus: Bus, listener: Listener, publisher: Publisher) -> dict[str, Any]:
    """Where it is connected, and what the latest heartbeat told; times in seconds, None where it told nothing."""
    heart, told = listener.heart, publisher.greeting
    proof = None if heart is None else heart.proof
    if proof is not None and proof.greeting.role:
        told = proof.greeting
    proven_at = None if proof is None else proof.proven_at
    return {
        "at": str(listener.node or bus),
        "mode": told.mode or None,
        "role": told.role or None,
        "round_trip": None if proof is None or proof.round_trip is None else round(proof.round_trip, 6),
        "proven": None if proven_at is None else round(time.monotonic() - proven_at, 3),
    }


class Info:
    """Answers with the schemas of the actions, too, where `schemas` is true. `state()` says what changes."""

    def __init__(
        self,
        about: Mapping[str, Any],
        registry: Registry,
        crews: Crews[Arrival],
        features: Callable[[], list[str]],
        state: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._about = {
            **about,
            "version": __version__,
            "pid": os.getpid(),
            "host": platform.node() or socket.gethostname(),
        }
        self._registry = registry
        self._crews = crews
        self._features = features
        self._state = state

    def __call__(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """All of it."""
        crews = self._crews.info()
        waiting = queue_of(self._crews, 1).oldest
        if waiting:
            crews["queue"] = {**crews["queue"], "oldest": round(waiting[0][2], 6)}
        return {
            **self._about,
            "features": self._features(),
            **describe_handlers(self._registry, schemas=payload.get("schemas") is True),
            **crews,
            **self._state(),
        }
