"""What a thread that reads does between messages, so that the answers that it sent are seen to have arrived."""

from __future__ import annotations

import math

from daebus.transport.publisher import Publisher

LOOK_EVERY = 0.005
"""Seconds between two looks at what Redis replied to answers, while messages come."""
QUIET = 0.01
"""Seconds without a message after which Redis' replies are looked at again."""


class Between:
    """The answers of one instance, which go out by that publisher. For any thread."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def idle(self) -> float:
        """Before a thread waits for messages; returns how many seconds it may: not long while there are answers of
        which nothing is known yet.
        """
        self._publisher.flush()
        if not self._publisher.in_flight:
            return math.inf
        self._publisher.look(LOOK_EVERY)
        return QUIET

    def done(self) -> None:
        """Before a thread rests: see what became of the answer that it has sent."""
        self._publisher.flush()
        self._publisher.settle(QUIET)
