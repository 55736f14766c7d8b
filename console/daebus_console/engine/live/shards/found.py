"""Which channels to read by name where there are no patterns, as they are found, announced, and left again. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from daebus.wire.names import encoded
from daebus.wire.sharded import ANNOUNCED, WATCHED, watched
from daebus_console import naming
from daebus_console.engine.live import glob

GONE_AFTER = 3.0
"""Seconds for which a channel is read that nobody seems to be subscribed to: who comes back is not missed."""
_WILD = frozenset("*?[\\")


def is_exact(pattern: str) -> bool:
    """Whether a pattern is the name of one channel."""
    return _WILD.isdisjoint(pattern)


def is_ours(name: str) -> bool:
    """Whether a channel is there for the sake of those who watch."""
    return name == ANNOUNCED or name.startswith(WATCHED)


def companion(channel: str) -> str:
    """The channel that is subscribed to along with one that is only watched."""
    return naming.from_bytes(watched(encoded(channel)))


class Found:
    """The channels that any of the patterns match (Redis globs) and somebody is at. Times are of `time.monotonic()`."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(pattern for pattern in patterns if not is_exact(pattern))
        self._there: dict[str, float] = {}

    def matches(self, name: str) -> bool:
        """Whether a channel of that name is to be read."""
        if is_ours(name) or not naming.is_sendable(name):
            return False
        return any(glob.matches(pattern, name) for pattern in self._patterns)

    def heard(self, now: float, names: Iterable[str]) -> list[str]:
        """There is somebody at these channels, as was heard; those to be read from now on."""
        names = list(names)
        new = [name for name in names if name not in self._there]
        self._there.update(dict.fromkeys(names, now))
        return new

    def polled(self, now: float, listed: Collection[str], counts: Mapping[str, int]) -> tuple[list[str], list[str]]:
        """These are all the channels that there are, some of them counted; those to be read, and no longer to be."""
        there = {
            name
            for name in listed
            if counts.get(name) != 0 and (name in self._there or self.matches(name))
        }  # fmt: skip
        new = [name for name in there if name not in self._there]
        self._there.update(dict.fromkeys(there, now))
        gone = [name for name, since in self._there.items() if now > since + GONE_AFTER]
        for name in gone:
            del self._there[name]
        return new, gone
