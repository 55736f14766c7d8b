"""keyspace: what Redis itself tells of its keys, where notify-keyspace-events has it do so."""

from __future__ import annotations

import re

from daebus_console.engine.message.dialect import Dialect, Sighting
from daebus_console.engine.message.exchange import Kind

_CHANNEL = re.compile(r"__key(?:(?P<space>space)|event)@\d+__:(?P<name>.*)", re.DOTALL).fullmatch
_EVENT = re.compile(rb"[a-z_]{1,40}").fullmatch


class Spoken(Dialect):
    """Keyspace notifications."""

    name = "keyspace"
    title = "Keyspace events of Redis and Valkey"
    unknown = "who changed the key"
    once = "Redis says it itself"

    def owns(self, channel: str) -> bool:
        """__keyspace@0__:KEY and __keyevent@0__:EVENT."""
        return _CHANNEL(channel) is not None

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """The event on the channel of the key, or the key on that of the event."""
        found = _CHANNEL(channel)
        if found is None:
            return None
        if found["space"] is None:
            # Keys may begin with a brace, for clusters, but hardly as objects do.
            return None if data.startswith(b'{"') else Sighting(Kind.BROADCAST, found["name"], quiet=True)
        return Sighting(Kind.BROADCAST, data.decode(), quiet=True) if _EVENT(data) else None
