"""What comes off the bus, or out of a capture, before anybody has looked inside: frames, and the gaps between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Frame(NamedTuple):
    """One message as the broker delivered it.

    `at` is the time of its arrival in epoch seconds, by the clock of the reader; `data` the exact bytes published.
    """

    at: float
    channel: str
    data: bytes


Alone = tuple[float, tuple[tuple[str, bytes]]]
"""A frame as a batch of its own, as the correlator takes it: (at, ((channel, data),))."""


CAUSE = "; cause: "
"""What stands in the reason of a gap before what became known of it later."""


class Seen(NamedTuple):
    """Until `at`, epoch seconds, nothing passed but what came before this."""

    at: float


class Gap(NamedTuple):
    """A stretch of time in which messages may have passed unseen.

    `start` and `end` are epoch seconds; `end` is None while the connection is still down. `partly` tells that there
    was a connection, and that what Redis let us read was seen. Where it was not `lost`, the clock has stepped: over
    nothing at all, unless the machine slept or this process stood still.
    """

    start: float
    end: float | None
    reason: str
    partly: bool = False
    lost: bool = True

    @property
    def seconds(self) -> float | None:
        """How long it lasted, or None while it lasts."""
        return None if self.end is None else self.end - self.start

    @property
    def saw(self) -> str | None:
        """What was seen meanwhile, in a word or two; None where there was no meanwhile."""
        if not self.lost and self.seconds == 0:
            return None
        return "not everything" if self.partly else "nothing"


def could_be_seen(gaps: Iterable[Gap]) -> str:
    """How much could be seen over such gaps, of which there is one at least."""
    return "not all" if all(gap.partly for gap in gaps) else "nothing"
