"""Claims of messages that have come together: all of them with one round trip, made by whoever is first in need of one.

While that goes on the others wait, each on a thread of its own or not begun yet. A message that cannot be taken by
this instance is withdrawn, and is not claimed with the others. One that has been claimed is handled here whatever
comes, also while the service stops, since no other instance has it any more; if the process dies, it is lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from daebus.errors import ConnectionLost, RedisUnavailable, again
from daebus.wire.envelope import Request

Ask = Callable[[Sequence[bytes]], list[Any]]
"""Gives commands to Redis and returns a reply to each; raises RedisUnavailable."""


_UNTOLD = ConnectionLost("interrupted while claiming")


class Together:
    """Messages that have come together. `ask` asks Redis; `judge(reply)` is whether a claim was made, or raises.

    `check(at)` raises RedisUnavailable where nothing is certain of claims of what came at that time.
    """

    def __init__(
        self, ask: Ask, judge: Callable[[Any], bool], check: Callable[[float], None] = lambda _at: None
    ) -> None:
        self.ask = ask
        self.judge = judge
        self.check = check
        self.at = time.monotonic()
        self.lock = threading.Lock()
        self.mates: list[Mate] = []

    def add(self, message: Request, command: bytes) -> Mate:
        """One of them, which that command claims."""
        mate = Mate(self, message, command)
        self.mates.append(mate)
        return mate

    def settle(self) -> None:
        """Ask for all, unless that has been done. Called with `lock` held."""
        mates, self.mates = self.mates, []
        if not mates:
            return
        try:
            self.check(self.at)
            replies = self.ask([mate.command for mate in mates])
            self.check(self.at)
            for mate, reply in zip(mates, replies, strict=True):
                mate.reply, mate.error = reply, None
        except RedisUnavailable as error:
            for mate in mates:
                mate.error = error
        finally:
            for mate in mates:
                mate.asked = True


class Mate:
    """The claim of one of them; `message` is what it says."""

    __slots__ = ("_all", "asked", "command", "error", "message", "reply")

    def __init__(self, together: Together, message: Request, command: bytes) -> None:
        self._all = together
        self.message = message
        self.command = command
        self.asked = False
        self.reply: Any = None
        self.error: RedisUnavailable | None = _UNTOLD
        """Why nobody knows whether it was made, where that is so."""

    def take(self) -> bool:
        """Claim it; False where another instance has it. Raises RedisUnavailable, as `Claims.take` does."""
        with self._all.lock:
            self._all.settle()
        if self.error is not None:
            raise again(self.error)
        return self._all.judge(self.reply)

    def is_ours(self) -> bool | None:
        """Whether we have claimed it, or another has; None where it was not asked for, and is not to be any more."""
        with self._all.lock:
            if not self.asked:
                if self in self._all.mates:
                    self._all.mates.remove(self)
                return None
        if self.error is not None:
            return None
        try:
            return self._all.judge(self.reply)
        except RedisUnavailable:
            return None
