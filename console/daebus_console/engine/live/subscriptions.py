"""What the tap asks to read, what of it is granted, and since when. Pure: it makes commands and takes their replies.

Redis replies in order, so each reply that is no message belongs to the oldest command that has none yet. A pattern or
a channel that is refused for want of a right is asked for again from time to time, until it is granted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import hiredis

from daebus.errors import DaebusError
from daebus.wire.resp import pack
from daebus_console import naming
from daebus_console.engine.live import glob
from daebus_console.engine.live.rights import Refusal, is_missing_right, missing_rule, missing_rules

AGAIN_AFTER = 1.0
"""Seconds after which what was refused is asked for again; twice as long each time, up to MOST_AFTER."""
MOST_AFTER = 4.0
_MOST_AGAIN = 50
"""Channels that are asked for again at once: each refusal is a line in the server's ACL LOG."""

Taker = Callable[[Any], None]
"""What takes the reply to a command, an error included."""
PSUBSCRIBE, SUBSCRIBE, UNSUBSCRIBE, PING = "PSUBSCRIBE", "SUBSCRIBE", "UNSUBSCRIBE", "PING"


class Refused(DaebusError):
    """The server answers, but refuses to let us subscribe, for a reason that will pass."""


class Subscriptions:
    """The patterns, and channels that are read by name. For the tap's thread, but for `follow` and `unfollow`."""

    subscribing, unsubscribing = SUBSCRIBE, UNSUBSCRIBE

    def __init__(self, patterns: Iterable[str], user: str = "NAME") -> None:
        self.patterns = tuple(dict.fromkeys(patterns))
        self.held: dict[str, float] = {}
        """The patterns that are granted, and since when."""
        self.named: dict[str, float] = {}
        """The channels that are read by name, and since when."""
        self.lacking: tuple[str, ...] = ()
        """The patterns that are refused."""
        self.changed: Callable[[], None] = lambda: None
        """Called when a pattern or a channel is granted or refused, or a channel is read by name no more."""
        self._user = user
        self._texts: dict[str, str] = {}
        self._forbidden: dict[str, str] = {}
        self._wanted: dict[str, None] = {}
        self._orders: deque[tuple[str, str]] = deque()
        self._asked: deque[tuple[str, str, Taker | None]] = deque()
        self._again_after = AGAIN_AFTER
        self._again_at = float("inf")

    # For any thread --------------------------------------------------------------------------------------------

    def follow(self, channels: Iterable[str]) -> None:
        """Read these channels by name as well."""
        for channel in channels:
            if channel not in self._wanted:
                self._wanted[channel] = None
                self._orders.append((self.subscribing, channel))

    def unfollow(self, channels: Iterable[str]) -> None:
        """Read them by name no more."""
        for channel in channels:
            if channel in self._wanted:
                self._wanted.pop(channel, None)
                self._orders.append((self.unsubscribing, channel))

    def wanted(self) -> list[str]:
        """What is to be read by name."""
        return list(self._wanted.copy())

    def stepped(self, seconds: float) -> None:
        """The clock went that far at once, by which it is said since when something is read."""
        for since in (self.held, self.named):
            for name in list(since):
                since[name] += seconds

    def seen_since(self, channel: str) -> float | None:
        """Since when everything on that channel is seen; None where it is not."""
        times = [since for pattern, since in self.held.copy().items() if glob.matches(pattern, channel)]
        since = self.named.get(channel)
        if since is not None:
            times.append(since)
        return min(times, default=None)

    # What is to be written -------------------------------------------------------------------------------------

    def begin(self, questions: Iterable[tuple[Sequence[str], Taker]] = ()) -> bytes:
        """The commands to begin a new connection with: the questions, then the patterns, one command each.

        A refused pattern then does not take the others with it.
        """
        self._asked.clear()
        self.held.clear()
        self.named.clear()
        self._texts.clear()
        self._forbidden.clear()
        self._orders = deque((self.subscribing, channel) for channel in self._wanted.copy())
        self._again_after, self._again_at = AGAIN_AFTER, float("inf")
        asked = b"".join(self.ask(*words, then=then) for words, then in questions)
        return asked + b"".join(self.ask(PSUBSCRIBE, pattern) for pattern in self.patterns)

    def ask(self, command: str, *arguments: str, then: Taker | None = None) -> bytes:
        """A command to be written now; `then` is called with its reply, errors included."""
        self._asked.append((command, arguments[-1] if arguments else "", then))
        return pack(command.encode(), *(naming.to_bytes(argument) for argument in arguments))

    def _order(self, command: str, channel: str) -> bytes:
        """The command by which a channel is read, or no more."""
        return self.ask(command, channel)

    @property
    def is_mixed(self) -> bool:
        """Whether a message may come more than once, or what comes may be something else than of the one pattern."""
        return bool(self.named or self._wanted or self._texts)

    @property
    def waiting(self) -> bool:
        """Whether replies are yet to come."""
        return bool(self._asked)

    def due(self, now: float) -> bool:
        """Whether `orders` has something to write. `now` is a time of `time.monotonic()`."""
        return bool(self._orders) or now >= self._again_at

    def orders(self, now: float) -> bytes:
        """What is to be written now: what was ordered, and what was refused and is to be tried again."""
        command = bytearray()
        while self._orders:
            what, channel = self._orders.popleft()
            if what == self.subscribing or channel in self.named:
                # One command each, since one forbidden channel fails the whole of a SUBSCRIBE.
                command += self._order(what, channel)
            self._forbidden.pop(channel, None)
        if now >= self._again_at:
            self._again_at = float("inf")
            for pattern in self.lacking:
                command += self.ask(PSUBSCRIBE, pattern)
            for channel in list(self._forbidden)[:_MOST_AGAIN]:
                # Refused again it goes to the end of the line.
                del self._forbidden[channel]
                command += self._order(self.subscribing, channel)
            self._again_after = min(self._again_after * 2, MOST_AFTER)
        return bytes(command)

    # What comes back -------------------------------------------------------------------------------------------

    def take(self, reply: Any, at: float, now: float) -> None:
        """Take a reply that is no message: a confirmation, an error, or what a command gave.

        Raises Refused where a pattern is refused for another reason than a missing right, ConnectionResetError for an
        error that nobody asked for.
        """
        if not self._asked:
            if isinstance(reply, hiredis.ReplyError):
                raise ConnectionResetError(f"the server says: {reply}")
            return
        command, name, then = self._asked.popleft()
        refusal = str(reply) if isinstance(reply, hiredis.ReplyError) else None
        if then is not None:
            then(reply)
        elif command == PSUBSCRIBE:
            self._pattern(name, refusal, at, now)
        elif command == self.subscribing:
            if refusal is None:
                self.named[name] = at
            elif name in self._wanted:
                self._refused(name, refusal, now)
            self._tell()
        elif command == self.unsubscribing and refusal is None:
            self.named.pop(name, None)
            # What came by its name comes by a pattern from now on, where one matches.
            self._tell()
        # Whatever a PING is answered with is a sign of life.

    def _refused(self, channel: str, refusal: str, now: float) -> None:
        """A channel is not to be read by name."""
        self._forbidden[channel] = refusal
        self._try_again(now)

    def _pattern(self, pattern: str, refusal: str | None, at: float, now: float) -> None:
        if refusal is None:
            self.held[pattern] = at
            self._texts.pop(pattern, None)
        elif is_missing_right(refusal):
            self._texts[pattern] = refusal
            self._try_again(now)
        elif pattern in self._texts:
            # It is refused anyway: what is told of that stays.
            self._try_again(now)
        else:
            raise Refused(missing_rule(refusal, PSUBSCRIBE, [pattern]))
        self._tell()

    def _tell(self) -> None:
        self.lacking = tuple(pattern for pattern in self.patterns if pattern in self._texts)
        self.changed()

    def _try_again(self, now: float) -> None:
        self._again_at = min(self._again_at, now + self._again_after)

    @property
    def refusal(self) -> str | None:
        """What is refused, and the rule that is missing; None if nothing."""
        refused = self.refused
        return None if refused is None else missing_rules([refused], self._user)

    @property
    def refused(self) -> Refusal | None:
        """What is refused: patterns, else channels to be read by name.

        Where patterns are refused, it goes without saying that some channels are, too.
        """
        refused, command = self._texts, PSUBSCRIBE
        if not refused:
            seen = self.seen_since
            refused, command = (
                {name: text for name, text in self._forbidden.items() if seen(name) is None},
                self.subscribing,
            )
        for text in refused.values():
            alike = sorted(name for name, other in refused.items() if other == text)
            return Refusal(text, command, tuple(alike))
        return None
