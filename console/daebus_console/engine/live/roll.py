"""Which channels there are, and how many subscribe to each, as far as servers have told. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from daebus.wire.names import encoded
from daebus.wire.sharded import ANNOUNCED, WATCHED, watched
from daebus_console import naming

_OURS = (encoded(WATCHED), encoded(ANNOUNCED))


class Roll:
    """`keeps(name)` tells whether the subscribers of a channel are of interest.

    `listing` and `counting` are the questions to ask, `counting` with the channels of `words(names)`.
    """

    listing, counting = "CHANNELS", "NUMSUB"

    def __init__(self, keeps: Callable[[str], bool]) -> None:
        self._keeps = keeps
        self.names: dict[bytes, str] = {}
        """All channels."""
        self.counts: dict[bytes, int] = {}
        """Those of which it is known how many subscribe."""
        self.to_count: deque[bytes] = deque()
        """Those to be counted next."""

    def list(self, names: Sequence[bytes], least: int) -> None:
        """These are all channels that there are, each with so many subscribers at the least."""
        old, counts = self.names, self.counts
        self.names = {name: old.get(name) or naming.from_bytes(name) for name in names}
        self.counts = {name: max(counts.get(name, least), least) for name in names}
        self._count_first(name for name in names if name not in old)

    def _count_first(self, names: Iterable[bytes]) -> None:
        self.to_count.extendleft(name for name in names if self._keeps(self.names[name]))

    def fill(self) -> None:
        """Have all of interest counted, where nothing is to be."""
        if not self.to_count:
            self.to_count.extend(name for name, text in self.names.items() if self._keeps(text))

    def words(self, names: Sequence[bytes]) -> Sequence[bytes]:
        """What to ask to learn how many subscribe to each."""
        return names

    def count(self, reply: Sequence[Any], ours: Collection[str]) -> None:
        """What was replied to that; of the channels that are `ours` one subscriber is us."""
        for name, count in zip(reply[::2], reply[1::2], strict=True):
            self.counts[name] = max(0, int(count) - (self.names[name] in ours))


class ShardRoll(Roll):
    """The same of sharded Pub/Sub, where those who only watch are told apart."""

    listing, counting = "SHARDCHANNELS", "SHARDNUMSUB"

    def list(self, names: Sequence[bytes], least: int) -> None:
        """See `Roll`: where somebody watches, there may be nobody else."""
        there = set(names)
        old, counts = self.names, self.counts
        self.names = {name: old.get(name) or naming.from_bytes(name) for name in names if not name.startswith(_OURS)}
        self.counts = {}
        for name in self.names:
            sure = least if watched(name) not in there else 0
            if (count := max(counts.get(name, sure), sure)) or name in counts:
                self.counts[name] = count
        self._count_first(name for name in self.names if name not in old)

    def words(self, names: Sequence[bytes]) -> Sequence[bytes]:
        """See `Roll`."""
        return [word for name in names for word in (name, watched(name))]

    def count(self, reply: Sequence[Any], ours: Collection[str]) -> None:  # noqa: ARG002 - see below
        """See `Roll`: who watches has said so, we ourselves among them."""
        told = dict(zip(reply[::2], map(int, reply[1::2]), strict=True))
        for name in reply[::4]:
            self.counts[name] = max(0, told[name] - told[watched(name)])
