"""channels: groups and channels of Django Channels on its Pub/Sub layer. Nothing answers."""

from __future__ import annotations

import re

import msgspec

from daebus_console.engine.message.dialect import Dialect, Sighting, json_reader, msgpack_reader
from daebus_console.engine.message.exchange import Kind

_CHANNEL = re.compile(r"(?P<group>.+?__group__.+)|.*specific\.[0-9a-f]{32}(?:!.*)?", re.DOTALL).fullmatch
_ENCRYPTED = re.compile(rb"gAAAA[\w=-]{60,}").fullmatch


class _Message(msgspec.Struct, gc=False):
    type: str


_readers = json_reader(_Message), msgpack_reader(_Message)


class Spoken(Dialect):
    """channels_redis."""

    name = "channels"
    title = "Django Channels 4, channels_redis 4.3 (RedisPubSubChannelLayer)"
    unknown = "who sent it; what is within messages that it encrypts"

    def owns(self, channel: str) -> bool:
        """A group, or the channel of one connection."""
        return _CHANNEL(channel) is not None

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """A message has a type, in MessagePack or JSON; or it is a token of Fernet."""
        found = _CHANNEL(channel)
        if found is None:
            return None
        kind = Kind.ONE_WAY if found["group"] is None else Kind.BROADCAST
        if _ENCRYPTED(data):
            return Sighting(kind)
        message = _readers[not data.startswith(b"{")](data)
        return None if message is None else Sighting(kind, message.type)

    def remark(self, channel: str, data: bytes) -> str | None:
        """A token can only be read with its key."""
        del channel
        return "it is encrypted (Fernet); only those that have the key can read it" if _ENCRYPTED(data) else None
