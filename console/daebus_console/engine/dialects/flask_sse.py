"""flask-sse: events for browsers, on their way to the server that holds the connection. Nothing answers."""

from __future__ import annotations

import msgspec
from msgspec import Raw

from daebus_console.engine.message.dialect import Dialect, Sighting, json_reader
from daebus_console.engine.message.exchange import Kind


class _Event(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    data: Raw
    type: str | None = None
    id: Raw | None = None
    retry: int | None = None


_read = json_reader(_Event)


class Spoken(Dialect):
    """Flask-SSE."""

    name = "flask-sse"
    title = "Flask-SSE 1.0, on its usual channel"
    unknown = "who is connected; on channels of other names it looks like any JSON, and is taken for plain"

    def owns(self, channel: str) -> bool:
        """The channel that it has unless told otherwise."""
        return channel == "sse"

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """Data, and nothing that an event has not."""
        event = _read(data) if channel == "sse" else None
        return None if event is None else Sighting(Kind.BROADCAST, event.type)
