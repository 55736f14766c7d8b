"""From the old code to the new without a message lost or handled twice: where one process ends and the next begins.

Both are subscribed for a moment, and Redis gives both the same messages in the same order. So the new one publishes a
mark, and what comes before it is the old one's, what comes after it the new one's. What comes while the old one still
finishes waits here. The mark goes over the service's control channel and holds a secret of this one occasion: nobody
else can end a service with it, and one that nobody supervises knows no such thing.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from daebus.errors import RedisUnavailable
from daebus.service.control.channel import CONTROL_PREFIX
from daebus.transport.bus import RedisBus
from daebus.transport.listener import Listener
from daebus.wire.envelope import Request
from daebus.wire.reading import read_request
from daebus.wire.writing import write_one_way

ACTION = "handover"
LOOK_EVERY = 0.02
"""Seconds between two looks at whether the old one has ended."""
PATIENCE = 5.0
"""Seconds after which a mark that has not come back is taken for lost."""
MOST_HELD = 10_000
"""Messages; further ones wait in Redis."""

Take = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Takeover:
    """How a process takes over from another: with a mark of that secret. `cut(marked)` is called when it is settled
    which messages are whose, with whether it is the mark that says so, and `begun()` asked whether the other one has
    ended."""

    secret: str
    cut: Callable[[bool], None]
    begun: Callable[[], bool]


class Mark:
    """The mark at which the messages of a process end that hands over."""

    def __init__(self) -> None:
        self.expected: str | None = None
        """Its secret. It is to be known here before the other process begins: the mark comes once."""
        self.given_up = threading.Event()
        """It has come: what comes from now on is another process's."""
        self._final = False

    def keep(self) -> None:
        """Nobody has taken over: go on."""
        self.expected, self._final = None, False
        self.given_up.clear()

    def wait(self, listener: Listener | None, seconds: float) -> None:
        """Wait until it has come, as it has to the other process. What is on a connection that is lost is lost."""
        self._final = True
        if listener is not None and not listener.connected:
            self.given_up.set()
        self.given_up.wait(seconds)

    def lost(self) -> None:
        """The connection is lost on which it was to come."""
        if self._final:
            self.given_up.set()


class HandoverListener(Listener):
    """A listener that passes only those messages on that are for this process."""

    def __init__(self, mark: Mark, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._mark = mark
        self._held: deque[tuple[float, str, bytes]] = deque()

    @property
    def has_more(self) -> bool:
        """See `Listener`."""
        return bool(self._held) or super().has_more

    def lead(self, take: Take, over: Callable[[], bool], idle: Callable[[], float] = lambda: math.inf) -> None:
        """See `Listener`; what has waited comes first."""
        while self._held and not over():
            at, channel, data = self._held.popleft()
            if not _is_over(data, time.monotonic() - at):
                take(channel, data)
        if not over():
            super().lead(lambda channel, data: self._pass(take, channel, data), over, idle)

    def more(self, most: int) -> list[tuple[str, bytes]]:
        """See `Listener`: each is looked at by itself, for it may be the mark."""
        del most
        return []

    def lose(self, error: RedisUnavailable) -> None:
        """See `Listener`."""
        super().lose(error)
        self._mark.lost()

    def _pass(self, take: Take, channel: str, data: bytes) -> None:
        mark = self._mark
        if mark.expected is not None and _is_mark(channel, data, mark.expected):
            mark.given_up.set()
        elif not mark.given_up.is_set():
            take(channel, data)

    def take_over(self, takeover: Takeover, publish: Callable[[str], object]) -> None:
        """Subscribe, have the mark published on a channel, and hold what comes after it until the other has ended.

        Raises RedisUnavailable where that is not to be had. Where nobody may subscribe to the control channel, or the
        mark gets lost, what comes until then is the old one's: nothing is handled twice.
        """
        error = self.connect()
        if error is not None:
            raise error
        control = next((name for name in self._channels.values() if name.startswith(CONTROL_PREFIX)), None)
        marked = False
        if control is not None:
            publish(control)
            until = time.monotonic() + PATIENCE
            while not marked and time.monotonic() < until:
                message = self._next()
                marked = message is not None and _is_mark(*message, takeover.secret)
        takeover.cut(marked)
        while not takeover.begun():
            message = None
            if len(self._held) < MOST_HELD:
                message = self._next()
            else:
                time.sleep(LOOK_EVERY)
            if message is None:
                continue
            if marked:
                self._held.append((time.monotonic(), *message))
            # Late, but the other one goes by it as well.
            marked = marked or _is_mark(*message, takeover.secret)

    def _next(self) -> tuple[str, bytes] | None:
        try:
            if not self.connected and self.connect() is not None:
                time.sleep(LOOK_EVERY)
                return None
            message = self.next_message(time.monotonic() + LOOK_EVERY)
            self.handed()
            return message
        except RedisUnavailable as lost:
            self.lose(lost)
            return None


def _is_mark(channel: str, data: bytes, secret: str) -> bool:
    if not channel.startswith(CONTROL_PREFIX) or secret.encode() not in data:
        return False
    message = read_request(data)
    return isinstance(message, Request) and message.action == ACTION and message.payload.get("secret") == secret


def _is_over(data: bytes, waited: float) -> bool:
    """Whether nobody waits for an answer any more."""
    message = read_request(data)
    return isinstance(message, Request) and message.timeout is not None and waited > message.timeout


class HandoverBus(RedisBus):
    """The Redis of a supervised service, which may take over from another process, and hand over to the next."""

    def __init__(self, url: str, takeover: Takeover | None = None, mark: Mark | None = None) -> None:
        super().__init__(url)
        self._takeover = takeover
        self.mark = mark or Mark()
        self.heard: HandoverListener | None = None
        """The listener of the service, once there is one."""

    def listener(self, name: str, channels: Iterable[str], **options: Any) -> Listener:
        """See `Bus`. The first is that of the service: where it takes over, it is here when the other has ended."""
        if self.heard is not None:
            return super().listener(name, channels, **options)
        listener = self.heard = HandoverListener(self.mark, self.address, name, channels, **options)
        if self._takeover is not None:
            mark = write_one_way(ACTION, {"secret": self._takeover.secret}, service=name)
            publisher = self.publisher(name)
            try:
                listener.take_over(self._takeover, lambda channel: publisher.publish(channel, mark))
            except BaseException:
                listener.close()
                self.heard = None
                raise
            finally:
                publisher.close()
        return listener
