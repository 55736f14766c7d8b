"""What a service hears beside its main connection: where the bus has channels in groups (sharded Pub/Sub), the others.

Each group has a connection, and a thread that reads it. What it reads is dealt with by readers of their own, as what
comes on the main one; what the service is asked about itself at once.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence

from daebus.errors import RedisUnavailable
from daebus.transport.bus import Bus
from daebus.transport.listener import Listener
from daebus.transport.threads import begin

from .readers import AGAIN_AFTER, LOOK_AGAIN_AFTER, Readers

log = logging.getLogger("daebus")

_MOST_WAITING = 1000
"""Messages that have been read and not been taken; then no more is read."""
_LONGEST_WAIT = 1.0


class _Heard:
    """What has been read, for `Readers`: a listener of several connections, as far as they need one."""

    def __init__(self, name: str, address: object) -> None:
        self.name = name
        self.address = address
        self._messages: queue.Queue[tuple[str, bytes] | None] = queue.Queue(_MOST_WAITING)
        self._closed = False

    def put(self, channel: str, data: bytes) -> None:
        """A message has been read; waits where many do."""
        while not self._closed:
            try:
                self._messages.put((channel, data), timeout=_LONGEST_WAIT)
                return
            except queue.Full:
                continue

    @property
    def has_more(self) -> bool:
        """See `Listener`."""
        return not self._messages.empty()

    def lead(
        self,
        take: Callable[[str, bytes], None],
        over: Callable[[], bool],
        idle: Callable[[], float] = lambda: math.inf,
    ) -> None:
        """See `Listener`."""
        while not (over() or self._closed):
            try:
                message = self._messages.get(timeout=min(idle(), _LONGEST_WAIT))
            except queue.Empty:
                continue
            if message is not None:
                take(*message)

    def more(self, most: int) -> list[tuple[str, bytes]]:
        """See `Listener`."""
        del most
        return []

    def lose(self, error: RedisUnavailable) -> None:
        """See `Listener`: there is no connection to lose."""

    def close(self) -> None:
        """See `Listener`."""
        self._closed = True
        try:
            self._messages.put_nowait(None)
        except queue.Full:
            pass


class Sides:
    """The other groups of a service's channels. `take` and the others are those of `Readers`; `control` is a channel.

    What comes on that goes to `asked(data)`.
    """

    def __init__(
        self,
        bus: Bus,
        name: str,
        groups: Sequence[Sequence[str]],
        control: str,
        asked: Callable[[bytes], None],
        take: Callable[[str, bytes, int, None], None],
        idle: Callable[[], float],
        done: Callable[[], object],
        threads: int,
    ) -> None:
        self._control = control
        self._asked = asked
        self._listeners = [bus.listener(name, group, optional=[control]) for group in groups]
        self._heard = _Heard(f"{name}-beside", bus)
        busy = any(channel != control for group in groups for channel in group)
        self._readers = Readers(self._heard, threads if busy else 0, take, idle, done)
        self._threads = [
            threading.Thread(target=self._read, args=(listener,), name=f"daebus-{name}-beside", daemon=True)
            for listener in self._listeners
        ]

    def start(self, until: float) -> None:
        """Return when all channels are subscribed. Raises RedisUnavailable."""
        try:
            for thread in self._threads:
                begin(thread)
        except RuntimeError as error:
            raise RedisUnavailable(f"cannot read: {error}; nothing was sent") from error
        if self._threads:
            self._readers.start()
        for listener in self._listeners:
            listener.ensure(until)

    def _read(self, listener: Listener) -> None:
        while not listener.finished:
            try:
                listener.lead(self._take, lambda: False)
            except Exception as error:
                log.exception("%s: reading failed in a way it should not; going on", listener.name)
                listener.lose(RedisUnavailable(f"an error of our own: {error!r}"))
                time.sleep(AGAIN_AFTER)

    def _take(self, channel: str, data: bytes) -> None:
        if channel == self._control:
            self._asked(data)
        else:
            self._heard.put(channel, data)

    def drain(self, until: float) -> None:
        """Unsubscribe, and let what had come by then be taken."""
        for listener in self._listeners:
            listener.drain(until)
        while self._heard.has_more and time.monotonic() < until:
            time.sleep(LOOK_AGAIN_AFTER)

    def rest(self, until: float) -> bool:
        """See `Readers.rest`."""
        return self._readers.rest(until)

    def close(self, overran: Collection[int] = ()) -> None:
        """End all of it; see `Readers.close`."""
        for listener in self._listeners:
            listener.close()
        self._readers.close(overran)
        for thread in self._threads:
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(2.0)
