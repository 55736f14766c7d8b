"""Whether what is published arrives: a probe that is sent to one's own channel with each heartbeat, and what it proves.

That a socket is open says little. A proxy may swallow what comes, a subscription may have been lost without a word, or
the server is not the master any more. So each heartbeat publishes a probe to the channel that one listens to oneself,
and asks the server what it is. Pure: no socket and no clock; times are those of the driver, for threads or asyncio.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from daebus.wire.names import encoded
from daebus.wire.resp import ErrorReply, pack, pack_publish

BEAT_EVERY = 2.0
"""Seconds between two heartbeats."""
FIRST_AFTER = 0.1
"""Seconds after connecting for the first one: whatever one has connected for is not to wait for it."""
GRACE = 0.25
"""Seconds in which a reader that was itself held up takes in what has come."""
PROBE = b'{"daebus_probe":'
"""What every probe begins with; the rest is its number."""
_MISMATCHES = 3
"""After so many in a row it is not believed any more that connecting again helps: something in between counts wrong."""
_HELLO = pack(b"HELLO")


class Greeting(NamedTuple):
    """What a server says it is, empty where it does not say: `mode` is standalone, cluster or sentinel.

    `role` is master or replica.
    """

    mode: str = ""
    role: str = ""

    @property
    def is_replica(self) -> bool:
        """Whether it follows a master outside a cluster: what is published here stays here."""
        return self.role == "replica" and self.mode != "cluster"


def hello() -> bytes:
    """The command whose reply is a `greeting`. Any user may give it, and it changes nothing."""
    return _HELLO


def greeting(reply: Any) -> Greeting:
    """What a server says of itself in reply to `hello`; nothing where it does not know it."""
    if not isinstance(reply, list):
        return Greeting()
    told = {name: value for name, value in zip(reply[::2], reply[1::2], strict=False) if isinstance(name, bytes)}
    mode, role = (told.get(name) for name in (b"mode", b"role"))
    return Greeting(_text(mode), "replica" if role == b"slave" else _text(role))


def _text(value: Any) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else ""


def _is_forbidden(reply: Any) -> bool:
    return isinstance(reply, ErrorReply) and reply.code == "NOPERM"


class Fault(NamedTuple):
    """What is wrong. With `moved` the server is a replica, so that there may be a better one at the address."""

    reason: str
    moved: bool = False


class Proof:
    """The probes to one channel, one at a time.

    `begin` gives what to send on the connection that publishes, whose replies go to `confirmed`; a message on the
    channel that `is_probe` goes to `arrived`; `fault` says what is wrong by then.
    """

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._name = encoded(channel)
        self._number = 0
        self._data = b""
        self._listening: object = None
        self._sent_at = 0.0
        self._confirmed_at: float | None = None
        self._last_chance: float | None = None
        self._receivers: int | None = None
        self._counts = self._publishes = True
        self._mismatches = 0
        self.under_way = False
        """Whether a probe has been sent and has not come back."""
        self.greeting = Greeting()
        """What the server said it is, with the latest probe."""
        self.round_trip: float | None = None
        """Seconds that the latest probe took that came back; None where none has."""
        self.proven_at: float | None = None
        """When it came back."""

    def begin(self, now: float, listening: object) -> bytes:
        """The commands of a new probe; `listening` is the connection on which it is to come back."""
        self._number += 1
        self._data = b"%b%d}" % (PROBE, self._number)
        if listening is not self._listening:
            self._counts = self._publishes = True
        self._listening = listening
        self._sent_at = now
        self._confirmed_at = self._last_chance = self._receivers = None
        self.under_way = True
        counting = self._counting() if self._counts else b""
        publishing = self._publishing() if self._publishes else b""
        return counting + publishing + hello()

    def _counting(self) -> bytes:
        return pack(b"PUBSUB", b"NUMSUB", self._name)

    def _receivers_in(self, counted: list[Any]) -> int:
        """How many listen to the channel, as the server has counted."""
        return int(counted[1])

    def _publishing(self) -> bytes:
        return pack_publish(self._name, self._data)

    @property
    def wanted(self) -> int:
        """How many replies there are to what `begin` gave: what this user may not do is not tried again."""
        return self._counts + self._publishes + 1

    @property
    def counted(self) -> bytes | None:
        """The channel whose subscribers they ask for first, where they do."""
        return self._name if self._counts else None

    def confirmed(self, number: int, replies: list[Any], now: float) -> None:
        """What the server replied to the probe of that `number`."""
        if number != self._number or len(replies) != self.wanted:
            return
        counted = replies[0] if self._counts else None
        received = replies[-2] if self._publishes else None
        self.greeting = greeting(replies[-1])
        self._counts = self._counts and not _is_forbidden(counted)
        if received is None or isinstance(received, ErrorReply):
            # By our rights, or since it is at work on a script: nothing can be proven so.
            self._publishes = self._publishes and not _is_forbidden(received)
            self.under_way = False
            return
        self._confirmed_at = now
        if isinstance(counted, list) and counted and self._tells_all():
            self._receivers = self._receivers_in(counted)
            if self._receivers:
                self._mismatches = 0

    def _tells_all(self) -> bool:
        """Whether the server that one publishes at knows all who listen to the channel."""
        return self.greeting.mode != "cluster"

    def lost(self, number: int) -> None:
        """The probe of that `number` did not get out, or nobody knows."""
        if number == self._number:
            self.under_way = False

    def awaits(self, listening: object) -> bool:
        """Whether a probe is due on that connection yet."""
        return self.under_way and self._listening is listening

    def look_at(self, now: float) -> float:
        """When to ask for a `fault` next, other than with the next probe."""
        return math.inf if self._last_chance is None or not self.under_way else max(now, self._last_chance)

    @property
    def number(self) -> int:
        """Which one it is."""
        return self._number

    def is_probe(self, channel: bytes, data: bytes) -> bool:
        """Whether a message is a probe of ours, be it an older one."""
        return channel == self._name and data.startswith(PROBE)

    def arrived(self, data: bytes, now: float) -> None:
        """A probe came back."""
        if data == self._data and self.under_way:
            self.under_way = False
            self.round_trip = now - self._sent_at
            self.proven_at = now

    def fault(self, now: float, listening: object, heard_at: float) -> Fault | None:
        """What is wrong by now. `heard_at` is when anything came last on the connection that listens."""
        if listening is not self._listening:
            # It has been made again meanwhile.
            self.under_way = False
            return None
        if self.greeting.is_replica:
            return Fault("it is a replica, and what is published there reaches nobody elsewhere", moved=True)
        if self._receivers == 0 and self._mismatches < _MISMATCHES:
            self._mismatches += 1
            return Fault("messages are published at another server than the one that is listened to")
        confirmed_at = self._confirmed_at
        if not self.under_way or confirmed_at is None or now < confirmed_at + BEAT_EVERY - GRACE:
            return None
        if heard_at > confirmed_at and now < heard_at + BEAT_EVERY:
            # A lot is on its way, and the probe stands behind it.
            return None
        if self._last_chance is None:
            # If it was us who were held up, it is there already, and is read now.
            self._last_chance = now + GRACE
        if now < self._last_chance:
            return None
        return Fault("what is published does not arrive, though the connection is open")
