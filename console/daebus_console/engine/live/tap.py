"""The tap: a thread that reads every message off the bus, as fast as the socket gives them, and tells of every gap.

The framework makes the connection (URL, TLS, user, password); the reading is a loop of our own over its socket with
hiredis, several times as fast as going through a client. It hands out batches and knows nothing of what they mean.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import hiredis

from daebus.errors import DaebusError, PermissionDenied, RedisRefused
from daebus.transport.address import RedisAddress
from daebus.transport.link import Link
from daebus.transport.places.dialing import Dialled, link_to
from daebus_console.engine.live import glob
from daebus_console.engine.live.cause import Witness
from daebus_console.engine.live.rights import user_of
from daebus_console.engine.live.sieve import Batch, Sieve
from daebus_console.engine.live.subscriptions import PING, Refused, Subscriptions
from daebus_console.engine.pairing.clock import Clock

PING_AFTER = 5.0
"""Seconds of silence after which the tap pings."""
DEAD_AFTER = 10.0
"""Seconds of silence after which the connection is given up."""
PROVEN_WITHIN = 0.5
"""Seconds that the server is given, at the end of a recording, to say that there was no more."""
_CHANCE = random.Random()
"""Of our own: what a program has seeded is not to depend on when a connection is lost."""
_TICK = 0.1
_MOMENT = 0.01
_RECEIVE = 256 * 1024
_FEED = 16 * 1024
"""Bytes for the parser at a time: it moves what it has not parsed yet about after each few messages."""


class Listener(Protocol):
    """Who is told what the tap sees. All calls come from the tap's thread; `at` is epoch seconds."""

    def on_batch(self, at: float, batch: Batch) -> None:
        """Messages arrived."""

    def on_up(self, at: float) -> None:
        """Subscribed: from now on nothing is missed."""

    def on_down(self, at: float, reason: str) -> None:
        """Not connected, or no longer, for that reason. Called for each attempt that failed.

        What was read from is lost since the last sign of life, where it was not closed in order.
        """

    def on_idle(self, at: float) -> None:
        """Nothing arrived for a tenth of a second."""

    def on_refused(self, at: float, reason: str) -> None:
        """The server refuses patterns, or followed channels; the reason names the rule that is missing.

        Called before `on_up` where that is so from the start.
        """

    def on_whole(self, at: float) -> None:
        """What was refused is granted: everything asked for is read."""

    def on_cause(self, at: float, cause: str) -> None:
        """Why the connection was lost that is about to be replaced, as far as the server tells. Before `on_up`."""

    def on_part_lost(self, at: float, reason: str) -> None:
        """Of several servers that are read from, one is lost, or what it had is on its way to another one."""

    def on_part_back(self, at: float) -> None:
        """All of them are read from again."""


class Tap:
    """Reads what is published on `patterns` (Redis globs) at `address` until it is stopped, reconnecting for ever.

    Channels named with `follow` are read too; that is what is left where the server refuses the patterns. A message
    that several of the subscriptions match is handed out once.
    """

    sharded = False
    """Whether it reads from several servers at once, each of which has channels of its own; see `ShardTap`."""
    shards = 1
    """How many those are."""
    tick = _TICK
    """Seconds after which it looks at what else is to be done, where nothing arrives."""

    def __init__(
        self,
        address: RedisAddress,
        listener: Listener,
        *,
        patterns: Sequence[str] = ("*",),
        clock: Callable[[], float] | None = None,
        longest_wait: float = 2.0,
        sieve: Sieve | None = None,
    ) -> None:
        self.address = address
        self.patterns = tuple(dict.fromkeys(patterns))
        self.answering = False
        """Whether the server answered at the latest attempt, be it with a refusal."""
        self._listener = listener
        self._clock = clock or Clock()
        self._longest_wait = longest_wait
        self._stopping = threading.Event()
        self._sieve = sieve or Sieve(Subscriptions(self.patterns, user_of(address.url)))
        self._subscriptions = self._sieve.subscriptions
        self._subscriptions.changed = self._changed
        self._subscribing = False
        self._told: str | None = None
        self._closed: _Closed | None = None
        self._witness = Witness()
        self._link: Link | None = None
        self._heard: float | None = None
        """When the server last gave a sign of life (monotonic seconds); None where it is not read from."""
        self._to_prove = False
        self._left: str | None = None
        self.node: RedisAddress | None = None
        """The one of several servers that is read from."""
        self.in_cluster = False
        """Whether that is a node of a cluster, where what others publish comes in any order."""
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin reading in a thread of its own; the listener hears when it is up."""
        self._thread = threading.Thread(target=self._run, name="daebus-console-tap", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End reading and wait for the thread. Harmless when it never started."""
        self._stopping.set()
        link = self._link
        if link is not None:
            link.shut()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5)
            self._thread = None

    @property
    def is_over(self) -> bool:
        """Whether it has been stopped; asked by the `Lookout` that guards it."""
        return self._stopping.is_set()

    @property
    def silence(self) -> float:
        """Seconds for which the server has given no sign of life: what passed since then may be lost on the way."""
        heard = self._heard
        return 0.0 if heard is None else max(0.0, time.monotonic() - heard)

    def prove(self, within: float = 0.0) -> None:
        """Have the server give a sign of life soon, by which all is known to have come until then. For any thread.

        It is waited for that many seconds, not by the tap's own thread.
        """
        begun = time.monotonic()
        self._to_prove = True
        while self.silence > time.monotonic() - begun and time.monotonic() < begun + within:
            self._stopping.wait(_MOMENT)

    def move(self, reason: str) -> None:
        """Connect anew, for that reason: to another server, where the address leads to one. For any thread."""
        link = self._link
        if link is not None:
            self._left = f"moving to another server: at {link.address} {reason}"
            link.shut()

    @property
    def lacking(self) -> tuple[str, ...]:
        """The patterns that the server refuses; of what they match only followed channels are read."""
        return self._subscriptions.lacking

    @property
    def refused(self) -> bool:
        """Whether the server refuses patterns."""
        return bool(self._subscriptions.lacking)

    @property
    def partly(self) -> bool:
        """Whether some of what there is is not read."""
        return self.refused

    @property
    def missing(self) -> str | None:
        """Why some of what there is is not read, where it is not that the server refuses it; None where it is so."""
        return None

    def follow(self, channels: Iterable[str]) -> None:
        """Read these channels by name as well, from the next tenth of a second on. For any thread."""
        self._subscriptions.follow(channels)

    def unfollow(self, channels: Iterable[str]) -> None:
        """Read these channels by name no more. For any thread."""
        self._subscriptions.unfollow(channels)

    def unfollow_shown(self) -> None:
        """Read by name no more what the patterns show anyway. For any thread."""
        shown = [name for name in self._subscriptions.wanted() if any(glob.matches(one, name) for one in self.patterns)]
        self.unfollow(shown)

    def followed(self) -> frozenset[str]:
        """The channels that are read by name now: NUMSUB counts us there. For any thread."""
        return frozenset(self._subscriptions.named.copy())

    def follows(self, channel: str) -> bool:
        """Whether a channel is read by name."""
        return channel in self._subscriptions.named

    def stepped(self, seconds: float) -> None:
        """See `Subscriptions`."""
        self._subscriptions.stepped(seconds)

    def seen_since(self, channel: str) -> float | None:
        """Since when everything on that channel is seen; None where it is not."""
        return self._subscriptions.seen_since(channel)

    # The thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        wait = _TICK
        while not self._stopping.is_set():
            try:
                self._left = None
                self._link, dialled = self._connect()
                self.node = dialled.node if dialled.lookout is not None else None
                self.in_cluster = dialled.cluster is not None
                dialled.guard(self.move)
                reader = hiredis.Reader()
                self._subscribe(self._link, reader, None if dialled.place is None else str(dialled.place))
                self._heard = time.monotonic()
                self._listener.on_up(self._clock())
                wait = _TICK
                self._read(self._link.socket, reader)
            except (DaebusError, OSError, hiredis.ProtocolError) as error:
                self.answering = isinstance(error, Refused | RedisRefused)
                # Why we left it is known.
                self._closed = None if self._left else _closed(error) or self._closed
                if not self._stopping.is_set():
                    # Before it is closed in order all has come; else nobody knows what was under way.
                    unsure = 0.0 if isinstance(error, _Closed) else self.silence
                    self._listener.on_down(self._clock() - unsure, self._left or str(error) or type(error).__name__)
                    if isinstance(error, PermissionDenied):
                        wait = self._longest_wait
            finally:
                self._heard = None
                link, self._link = self._link, None
                if link is not None:
                    link.close()
            self._pause(wait * _CHANCE.uniform(0.7, 1.0))
            wait = min(wait * 2, self._longest_wait)

    def _connect(self) -> tuple[Link, Dialled]:
        return link_to(self.address, "console")

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._stopping.wait(min(_TICK, left)):
            self._listener.on_idle(self._clock())

    def _subscribe(self, link: Link, reader: hiredis.Reader, place: str | None) -> None:
        """Ask for all subscriptions and wait until each pattern is confirmed or refused.

        Before that the server is asked for what tells, if it closes the connection, why: a subscriber may not ask.
        """
        sock, subscriptions = link.socket, self._subscriptions
        sock.settimeout(DEAD_AFTER)
        self._subscribing = True
        # A command for each pattern: a refused one then does not take the others with it.
        sock.sendall(subscriptions.begin(self._witness.questions(place, time.monotonic())))
        early: Batch = []
        while subscriptions.waiting:
            reply = reader.gets()
            if reply is False:
                received = sock.recv(_RECEIVE)
                if not received:
                    raise _Closed("the server closed the connection")
                reader.feed(received)
            else:
                early += self._sieve.pick((reply,), self._clock())
        self._subscribing = False
        self._tell_cause()
        self._changed()
        if early:
            self._listener.on_batch(self._clock(), early)

    def _tell_cause(self) -> None:
        """Tell why the connection before this one was lost, if the server lets us know."""
        closed, self._closed = self._closed, None
        cause = self._witness.cause(
            closed=closed is not None, cut=closed is not None and closed.cut, refused=self.refused and not self._told
        )
        if cause is not None:
            self._listener.on_cause(self._clock(), cause)

    def _changed(self) -> None:
        """A pattern or a channel was granted or refused, or a channel is read by name no more."""
        self._sieve.forget()
        refusal = self._subscriptions.refusal
        if self._subscribing or refusal == self._told:
            return
        self._told = refusal
        if refusal is None:
            self._listener.on_whole(self._clock())
        else:
            self._listener.on_refused(self._clock(), refusal)

    def _read(self, sock: socket.socket, reader: hiredis.Reader) -> None:
        """The tight loop: from the socket into batches until the connection ends."""
        sock.settimeout(self.tick)
        buffer = bytearray(_RECEIVE)
        view = memoryview(buffer)
        subscriptions, sieve = self._subscriptions, self._sieve
        heard = self._heard = pinged = unanswered = time.monotonic()
        while not self._stopping.is_set():
            if subscriptions.due(heard):
                self._write(sock, subscriptions.orders(heard))
            try:
                size = sock.recv_into(view)
            except TimeoutError:
                self._listener.on_idle(self._clock())
                now = time.monotonic()
                asked = pinged > heard
                # Where this process stood still, nothing was asked meanwhile.
                if asked and now - heard > DEAD_AFTER and now - unanswered > DEAD_AFTER - PING_AFTER:
                    raise ConnectionResetError(f"no sign of life for {DEAD_AFTER:.0f} s") from None
                if now - max(heard, pinged) > PING_AFTER or (self._to_prove and not asked):
                    self._to_prove = False
                    self._write(sock, subscriptions.ask(PING))
                    pinged = now
                    unanswered = unanswered if asked else now
                if subscriptions.due(now):
                    self._write(sock, subscriptions.orders(now))
                continue
            if not size:
                raise _Closed("the server closed the connection", cut=reader.has_data())
            at = self._clock()
            heard = self._heard = time.monotonic()
            batch: Batch = []
            for start in range(0, size, _FEED):
                reader.feed(buffer, start, min(_FEED, size - start))  # type: ignore[arg-type]  # any buffer will do
                sieve.gather(iter(reader.gets, False), at, batch)
            if batch:
                self._listener.on_batch(at, batch)

    def _write(self, sock: socket.socket, command: bytes) -> None:
        sock.settimeout(DEAD_AFTER)
        sock.sendall(command)
        sock.settimeout(self.tick)


class _Closed(ConnectionResetError):
    """The server closed the connection; `cut` tells that it did so in the middle of a message."""

    def __init__(self, text: str, *, cut: bool = False) -> None:
        super().__init__(text)
        self.cut = cut


def _closed(error: Exception) -> _Closed | None:
    """The error, if it says that the server closed the connection."""
    if isinstance(error, _Closed):
        return error
    gone = isinstance(error, ConnectionResetError | BrokenPipeError) and error.errno is not None
    return _Closed(str(error)) if gone else None
