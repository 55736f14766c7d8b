"""sentinel: what Redis Sentinel says: of the servers it watches, and to other sentinels."""

from __future__ import annotations

import re

from daebus_console.engine.message.dialect import Dialect, Sighting
from daebus_console.engine.message.exchange import Kind

HELLO = "__sentinel__:hello"
_HELLO = re.compile(rb"[^,]+,\d+,[0-9a-f]{40},\d+,[^,]+,[^,]+,\d+,\d+").fullmatch
_CHANNEL = re.compile(r"[+-][a-z]+(?:-[a-z]+)*").fullmatch
_TOLD = re.compile(rb"(?:(?:master|slave|sentinel) \S+ \S+ \d+\b.*|\S+ \S+ \d+ \S+ \d+)", re.DOTALL).fullmatch


class Spoken(Dialect):
    """Redis Sentinel."""

    name = "sentinel"
    title = "Redis Sentinel"
    unknown = "whether clients have followed a switch of the master"
    once = "only sentinels say it"

    def owns(self, channel: str) -> bool:
        """Events such as +sdown, and the greetings of sentinels."""
        return channel == HELLO or _CHANNEL(channel) is not None

    def sight(self, channel: str, data: bytes) -> Sighting | None:
        """A line that names a server."""
        if channel == HELLO:
            return Sighting(Kind.BROADCAST, "hello", quiet=True) if _HELLO(data[:1000]) else None
        return Sighting(Kind.BROADCAST, channel) if len(data) < 1000 and _TOLD(data) else None
