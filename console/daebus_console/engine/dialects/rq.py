"""rq: commands to RQ's workers. Nothing answers them."""

from __future__ import annotations

import msgspec

from daebus_console.engine.message.dialect import Dialect, Sighting, json_reader
from daebus_console.engine.message.exchange import Kind

_CHANNEL = "rq:pubsub:"


class _Command(msgspec.Struct, gc=False):
    command: str


_read = json_reader(_Command)


class Spoken(Dialect):
    """RQ."""

    name = "rq"
    title = "RQ 2.12, 3.0"
    unknown = "who sent a command, and whether the worker obeyed; jobs themselves, which are not on the bus"

    def owns(self, channel: str) -> bool:
        """A channel for each worker."""
        return channel.startswith(_CHANNEL)

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """A command on the channel of a worker."""
        found = _read(data) if channel.startswith(_CHANNEL) else None
        return None if found is None else Sighting(Kind.ONE_WAY, found.command, target=channel[len(_CHANNEL) :])
