"""The tap: a thread that reads every message off the bus, as fast as the socket gives them, and tells of every gap.

The framework makes the connection (URL, TLS, user, password); the reading is a loop of our own over its socket with
hiredis, several times as fast as going through a client. It hands out batches and knows nothing of what they mean.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import hiredis

from daebus.connection import Link, RedisAddress
from daebus.errors import DaebusError, PermissionDenied
from daebus.resp import pack
from daebus_console.engine import glob
from daebus_console.engine.clock import Clock

Batch = list[tuple[str, bytes]]
"""Messages that arrived together: (channel, data) in the order of arrival."""

PING_AFTER = 5.0
"""Seconds of silence after which the tap pings."""
DEAD_AFTER = 10.0
"""Seconds of silence after which the connection is given up."""
_TICK = 0.1
_RECEIVE = 256 * 1024
_FEED = 16 * 1024
"""Bytes for the parser at a time: it moves what it has not parsed yet about after each few messages."""
_MOST_CHANNELS = 65_536


class Listener(Protocol):
    """Who is told what the tap sees. All calls come from the tap's thread; `at` is epoch seconds."""

    def on_batch(self, at: float, batch: Batch) -> None:
        """Messages arrived."""

    def on_up(self, at: float) -> None:
        """Subscribed: from now on nothing is missed."""

    def on_down(self, at: float, reason: str) -> None:
        """Not connected, or no longer, for that reason. Called for each attempt that failed."""

    def on_idle(self, at: float) -> None:
        """Nothing arrived for a tenth of a second."""

    def on_refused(self, at: float, reason: str) -> None:
        """The server refuses the patterns, or one followed channel; the reason names the rule that is missing."""


class Tap:
    """Reads what is published on `patterns` (Redis globs) at `address` until it is stopped, reconnecting for ever.

    Channels named with `follow` are read too; that is what is left where the server refuses the patterns. A message
    that several of the subscriptions match is handed out once.
    """

    def __init__(
        self,
        address: RedisAddress,
        listener: Listener,
        *,
        patterns: Sequence[str] = ("*",),
        clock: Callable[[], float] | None = None,
        longest_wait: float = 2.0,
    ) -> None:
        self.address = address
        self.patterns = tuple(dict.fromkeys(patterns))
        self.refused = False
        """Whether the server refuses the patterns, so that only followed channels are read."""
        self._listener = listener
        self._clock = clock or Clock()
        self._longest_wait = longest_wait
        self._stopping = threading.Event()
        self._followed: dict[str, None] = {}
        self._to_follow: deque[str] = deque()
        self._asked: deque[str] = deque()
        self._owners: dict[str, bytes] = {}
        self._link: Link | None = None
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

    def follow(self, channels: Iterable[str]) -> None:
        """Read these channels by name as well, from the next tenth of a second on. For any thread."""
        for channel in channels:
            if channel not in self._followed:
                self._followed[channel] = None
                self._to_follow.append(channel)

    # The thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        wait = _TICK
        while not self._stopping.is_set():
            try:
                self._link = self.address.connect("console")
                reader = hiredis.Reader()
                self._subscribe(self._link, reader)
                self._listener.on_up(self._clock())
                wait = _TICK
                self._read(self._link.socket, reader)
            except (DaebusError, OSError, hiredis.ProtocolError) as error:
                if not self._stopping.is_set():
                    self._listener.on_down(self._clock(), str(error) or type(error).__name__)
                    if isinstance(error, PermissionDenied):
                        wait = self._longest_wait
            finally:
                link, self._link = self._link, None
                if link is not None:
                    link.dispose()
            self._pause(wait * random.uniform(0.7, 1.0))
            wait = min(wait * 2, self._longest_wait)

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._stopping.wait(min(_TICK, left)):
            self._listener.on_idle(self._clock())

    def _subscribe(self, link: Link, reader: hiredis.Reader) -> None:
        """Ask for all subscriptions and wait until each pattern is confirmed or refused."""
        sock = link.socket
        sock.settimeout(DEAD_AFTER)
        self._asked.clear()
        self._owners.clear()
        self._to_follow = deque(self._followed)
        waiting = len(self.patterns)
        if self.patterns:
            # One command each: a refused pattern then does not take the others with it.
            sock.sendall(b"".join(pack(b"PSUBSCRIBE", pattern.encode()) for pattern in self.patterns))
        refusals = 0
        early: Batch = []
        while waiting:
            reply = reader.gets()
            if reply is False:
                received = sock.recv(_RECEIVE)
                if not received:
                    raise ConnectionResetError("closed by the server")
                reader.feed(received)
            elif isinstance(reply, hiredis.ReplyError):
                refusals += 1
                waiting -= 1
                self._listener.on_refused(self._clock(), missing_rule(str(reply), self.patterns))
            elif reply[0] == b"psubscribe":
                waiting -= 1
            elif reply[0] == b"pmessage":
                early.append((_name(reply[2]), reply[3]))
        self.refused = bool(self.patterns) and refusals == len(self.patterns)
        if early:
            self._listener.on_batch(self._clock(), early)

    def _read(self, sock: socket.socket, reader: hiredis.Reader) -> None:
        """The tight loop: from the socket into batches until the connection ends."""
        sock.settimeout(_TICK)
        buffer = bytearray(_RECEIVE)
        view = memoryview(buffer)
        names = _Names()
        heard = pinged = time.monotonic()
        while not self._stopping.is_set():
            if self._to_follow:
                self._ask_for_followed(sock)
            try:
                size = sock.recv_into(view)
            except TimeoutError:
                self._listener.on_idle(self._clock())
                now = time.monotonic()
                if now - heard > DEAD_AFTER:
                    raise ConnectionResetError(f"no sign of life for {DEAD_AFTER:.0f} s") from None
                if now - max(heard, pinged) > PING_AFTER:
                    sock.sendall(pack(b"PING"))
                    pinged = now
                continue
            if not size:
                raise ConnectionResetError("the server closed the connection")
            at = self._clock()
            heard = time.monotonic()
            batch: Batch = []
            for start in range(0, size, _FEED):
                reader.feed(buffer, start, min(_FEED, size - start))  # type: ignore[arg-type]  # any buffer will do
                self._gather(iter(reader.gets, False), names, at, batch)
            if batch:
                self._listener.on_batch(at, batch)

    def _gather(self, replies: Iterator[Any], names: _Names, at: float, batch: Batch) -> None:
        """Add the messages among the replies to the batch, each once."""
        if len(self.patterns) != 1 or self._followed:
            batch += self._pick(replies, names, at)
            return
        append = batch.append
        # One at a time, so that what the parser made of each is given back, and is still in the cache for the next.
        for reply in replies:
            try:
                # Of four parts are only messages.
                _kind, _pattern, channel, data = reply
            except (TypeError, ValueError):
                batch += self._pick((reply,), names, at)
            else:
                append((names[channel], data))

    def _pick(self, replies: Iterable[Any], names: _Names, at: float) -> Batch:
        """The messages among the replies, each once; confirmations and errors are dealt with."""
        batch: Batch = []
        for reply in replies:
            kind = reply[0] if reply.__class__ is list else None
            if kind == b"pmessage":
                name = names[reply[2]]
                if reply[1] == self._owner(name):
                    batch.append((name, reply[3]))
            elif kind == b"message":
                name = names[reply[1]]
                if not self._owner(name):
                    batch.append((name, reply[2]))
            else:
                self._confirm(reply, at)
        return batch

    def _owner(self, name: str) -> bytes:
        """Which of our subscriptions counts for that channel: the first pattern that matches, else its name (empty).

        The server delivers a message once for each subscription that matches.
        """
        owner = self._owners.get(name)
        if owner is None:
            if len(self._owners) >= _MOST_CHANNELS:
                self._owners.clear()
            patterns = () if self.refused else self.patterns
            owner = next((pattern.encode() for pattern in patterns if glob.matches(pattern, name)), b"")
            self._owners[name] = owner
        return owner

    def _ask_for_followed(self, sock: socket.socket) -> None:
        command = bytearray()
        while self._to_follow:
            channel = self._to_follow.popleft()
            self._asked.append(channel)
            # One command each, since one forbidden channel fails the whole of a SUBSCRIBE.
            command += pack(b"SUBSCRIBE", channel.encode())
        sock.settimeout(DEAD_AFTER)
        sock.sendall(command)
        sock.settimeout(_TICK)

    def _confirm(self, reply: Any, at: float) -> None:
        """A reply that is no message: a confirmation, a pong, or an error."""
        if isinstance(reply, hiredis.ReplyError):
            channel = self._asked.popleft() if self._asked else None
            self._listener.on_refused(at, missing_rule(str(reply), [channel] if channel else self.patterns))
        elif reply.__class__ is list and reply[0] == b"subscribe" and self._asked:
            self._asked.popleft()


class _Names(dict[bytes, str]):
    """The names of channels by their bytes, decoded once."""

    def __missing__(self, channel: bytes) -> str:
        if len(self) >= _MOST_CHANNELS:
            self.clear()
        name = self[channel] = _name(channel)
        return name


def _name(channel: bytes) -> str:
    return channel.decode("utf-8", "backslashreplace")


def missing_rule(text: str, names: Sequence[str]) -> str:
    """What the server's refusal of those patterns or channels means, and the ACL rule that would allow it."""
    if "NOPERM" not in text and "permission" not in text:
        return f"the server refuses to subscribe to {' '.join(names)}: {text}"
    rules = " ".join(f"&{name}" for name in names)
    return (
        f"this Redis user may not subscribe to {' '.join(names)}: it lacks the rule {rules} "
        f"(ACL SETUSER name {rules}). A pattern must stand in the rules literally; name one that does with --channels"
    )
