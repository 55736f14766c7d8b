"""Picks the messages out of what a server says to a subscriber, each of them once. Pure: it is given replies, parsed.

The server delivers a message once for each subscription that matches, and what it delivers by one of them it delivers
by it always: so those count that come by the first that brought one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from daebus_console import naming
from daebus_console.engine.live.subscriptions import Subscriptions

Batch = list[tuple[str, bytes]]
"""Messages that arrived together: (channel, data) in the order of arrival."""

_MOST_CHANNELS = 65_536
_DIRECT = b""
"""Stands for the subscription to a channel by its name, where that to a pattern stands for itself."""


class Sieve:
    """For one tap; what is no message is for its `subscriptions`."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self.subscriptions = subscriptions
        self._names = Names()
        self._owners: dict[str, bytes] = {}
        self._is_single = len(subscriptions.patterns) == 1

    def forget(self) -> None:
        """What is subscribed to has changed: a message may come by other ways than before."""
        self._owners.clear()

    def gather(self, replies: Iterator[Any], at: float, batch: Batch) -> None:
        """Add the messages among the replies to the batch."""
        if not self._is_single or self.subscriptions.is_mixed:
            batch += self.pick(replies, at)
            return
        append, names = batch.append, self._names
        # One at a time, so that what the parser made of each is given back, and is still in the cache for the next.
        for reply in replies:
            try:
                # Of four parts are only messages.
                _kind, _pattern, channel, data = reply
            except (TypeError, ValueError):
                batch += self.pick((reply,), at)
            else:
                append((names[channel], data))

    def pick(self, replies: Iterable[Any], at: float) -> Batch:
        """The messages among the replies; confirmations and errors are dealt with."""
        batch: Batch = []
        names = self._names
        for reply in replies:
            kind = reply[0] if reply.__class__ is list else None
            if kind == b"pmessage":
                name = names[reply[2]]
                if self._is_first(name, reply[1]):
                    batch.append((name, reply[3]))
            elif kind == b"message":
                name = names[reply[1]]
                if self._is_first(name, _DIRECT):
                    batch.append((name, reply[2]))
            else:
                self.subscriptions.take(reply, at, time.monotonic())
        return batch

    def _is_first(self, name: str, subscription: bytes) -> bool:
        """Whether a message on that channel counts, which came by that subscription of ours."""
        if len(self._owners) >= _MOST_CHANNELS and name not in self._owners:
            # The copies of one message stand together, so none of them is torn from the others here.
            self._owners.clear()
        return self._owners.setdefault(name, subscription) == subscription


class Names(dict[bytes, str]):
    """The names of channels by their bytes, decoded once."""

    def __missing__(self, channel: bytes) -> str:
        if len(self) >= _MOST_CHANNELS:
            self.clear()
        name = self[channel] = naming.from_bytes(channel)
        return name
