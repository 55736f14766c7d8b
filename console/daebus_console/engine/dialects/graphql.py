"""graphql: subscriptions of graphql-redis-subscriptions. Nothing answers."""

from __future__ import annotations

import re

from msgspec import Raw

from daebus_console.engine.message.dialect import Dialect, Sighting, json_reader
from daebus_console.engine.message.exchange import Kind

_CHANNEL = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+").fullmatch
_read = json_reader(dict[str, Raw])


class Spoken(Dialect):
    """graphql-redis-subscriptions."""

    name = "graphql"
    title = "graphql-redis-subscriptions 2.7, where a trigger is named after its field"
    unknown = "who is subscribed to what; triggers of other names look like any JSON, and are taken for plain"

    def owns(self, channel: str) -> bool:
        """A trigger as the manual has it: POST_ADDED."""
        return _CHANNEL(channel) is not None

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """One field, which has the name of the channel: postAdded."""
        if not data.startswith(b"{") or _CHANNEL(channel) is None:
            return None
        first, *others = channel.lower().split("_")
        field = first + "".join(one.capitalize() for one in others)
        if field.encode() not in data[: len(field) + 8]:
            return None
        fields = _read(data)
        return Sighting(Kind.BROADCAST, field) if fields is not None and list(fields) == [field] else None
