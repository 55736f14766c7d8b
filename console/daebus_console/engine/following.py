"""What the tap reads by name: where answers to us come, and where patterns show nothing, what there is.

Patterns show nothing where the server refuses them, and where channels belong to nodes (sharded Pub/Sub).
"""

from __future__ import annotations

from collections.abc import Iterable

from daebus_console.engine.live import glob
from daebus_console.engine.live.discovery import Poll
from daebus_console.engine.live.shards.tap import ShardTap
from daebus_console.engine.live.tap import Tap
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.pairing.taken import Taken

_SEEN_WITHIN = 0.5
"""Seconds for which a channel of our own is waited for to be read."""


class Following:
    """Tells the tap what to read by name. Where the session's lock is needed, whoever calls holds it."""

    def __init__(self, tap: Tap | ShardTap) -> None:
        self._tap = tap
        self._found: set[str] = set()

    def see_answers(self, channel: str) -> None:
        """Have a channel read on which answers to us are about to come, where the patterns may not show it.

        Or what we are about to publish there, where patterns show nothing. For any thread, without the lock.
        """
        tap = self._tap
        if isinstance(tap, ShardTap):
            tap.hear_of([channel], any_name=True)
            tap.await_seen(channel, _SEEN_WITHIN)
        elif "*" not in tap.patterns or tap.refused:
            tap.follow([channel])

    def receivers(self, channel: str) -> int:
        """How many of those that Redis gives what is published there are the tap itself, while it reads."""
        tap = self._tap
        return sum(glob.matches(one, channel) for one in tap.patterns if one not in tap.lacking)

    def taken(self, taken: Taken) -> None:
        """Requests came: the channels are read on which their answers are to come, be they announced or not."""
        tap = self._tap
        if not isinstance(tap, ShardTap):
            return
        asked: list[Exchange] = [request for requests in taken.requests.values() for request in requests]
        channels = {request.reply_to for request in (*asked, *taken.opened) if request.reply_to}
        unknown = [channel for channel in channels if not tap.follows(channel)]
        if unknown:
            tap.hear_of(unknown)

    def polled(self, poll: Poll) -> None:
        """Read what the patterns would show that show nothing; where only we are left, no longer.

        Else it would seem to everybody as if somebody served there.
        """
        tap = self._tap
        if isinstance(tap, ShardTap):
            if poll.listed is not None:
                tap.polled(poll.listed, poll.subscribers)
            return
        lacking = tap.lacking
        if not lacking and not self._found:
            return
        here = {name for name, count in poll.subscribers.items() if count and _matches(lacking, name)}
        if poll.complete:
            gone = self._found - here
        else:
            gone = {name for name in self._found if not poll.subscribers.get(name, 1)}
        self._found = (self._found | here) - gone
        tap.follow(here)
        tap.unfollow(gone)

    def whole(self) -> None:
        """The patterns show all of it by now."""
        self._tap.unfollow_shown()
        self._found = set()

    def counts(self, name: str) -> bool:
        """Whether it is to be known how many subscribe to a channel, to see if only we are left."""
        return self._tap.sharded and self._tap.follows(name)


def _matches(patterns: Iterable[str], name: str) -> bool:
    return any(glob.matches(pattern, name) for pattern in patterns)
