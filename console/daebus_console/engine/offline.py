"""A capture in place of a live bus: a session with everything but a connection, to be held where a Session is.

It reads the capture in a thread of its own; its clock is that of the capture. What is replayed from it elsewhere is
shown in it.
"""

from __future__ import annotations

import math
import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from daebus.errors import RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.bus import redis_at
from daebus.transport.proof import Greeting
from daebus_console.engine.capture.format import CaptureError, Header
from daebus_console.engine.capture.reader import CaptureReader, told_warnings
from daebus_console.engine.message.exchange import Exchange, Message
from daebus_console.engine.message.frame import Alone, Gap, Seen
from daebus_console.engine.pairing.clock import Clock
from daebus_console.engine.sender import ReadOnly, Sender
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from daebus_console.files.reading import Stored

_MOST_AT_ONCE = 2_000
_NOWHERE = "redis://localhost:6379/0"
"""A URL that parses; nothing is ever connected to it."""


@dataclass(frozen=True)
class CaptureAddress(RedisAddress):
    """Stands where a Redis would: shown as the capture it is, and nothing can be connected to."""

    label: str = ""

    def __str__(self) -> str:
        return self.label

    def open(self, name: str, deadline: float | None = None) -> tuple[socket.socket, Greeting]:
        """Raises RedisUnavailable."""
        del name, deadline
        raise RedisUnavailable(f"{self.label} is a capture: it is connected to no Redis")


class CaptureClock(Clock):
    """The time of the latest message."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class OfflineSession(Session):
    """The capture at `path` as a session. Raises CaptureError where it is none.

    `target` is the Redis to which what is in it may be replayed, if any. `start` begins to read and returns at once;
    `loaded` tells when it is all there, `warnings` what could not be read, `journal.evicted` what had no room.
    """

    recorded = True

    def __init__(
        self,
        path: str | os.PathLike[str] | Stored,
        settings: Settings | None = None,
        *,
        target: str | None = None,
    ) -> None:
        super().__init__(_NOWHERE, settings)
        self._reader = CaptureReader(path)
        self.path = self._reader.path
        self.target = redis_at(target).address if target is not None else None
        self.address = CaptureAddress(_NOWHERE, f"capture {self.path.name}")
        self.clock = self._time = CaptureClock()
        self.loaded = threading.Event()
        """Set when all of it is read, or reading has ended."""
        self.failed: str | None = None
        """Why it could not be read to its end."""
        self._whole_since = -math.inf
        self.correlator.answerable = self._answerable
        # Other ways of reading a capture know no such rows: the numbers of what is in it are the same for all.
        self.telling.rows_at_end = True
        self._ending = False
        self._loader: threading.Thread | None = None

    @property
    def passing(self) -> bool:
        """Whether there is a Redis that something may be replayed to, which is then shown here."""
        return self.target is not None

    @property
    def header(self) -> Header:
        """The first line of the capture."""
        return self._reader.header

    @property
    def stored(self) -> Stored:
        """The file itself."""
        return self._reader.stored

    @property
    def warnings(self) -> list[str]:
        """What could not be read, so far."""
        return self._reader.warnings

    @property
    def lacks(self) -> str:
        """The same in a few words; empty where that is nothing."""
        return ", ".join(filter(None, (self._reader.lacks, "broken off" if self.failed is not None else "")))

    def told_lacks(self) -> list[str]:
        """The same line by line, the first of it."""
        found = list(told_warnings(self.path.name, self.warnings))
        return found if self.failed is None else [*found, self.failed]

    def start(self) -> None:
        """Begin to read."""
        self.status.up = True
        self._loader = threading.Thread(target=self._load, name="daebus-console-loader", daemon=True)
        self._loader.start()

    def stop(self) -> None:
        """Read no further."""
        self._ending = True
        if self._loader is not None:
            self._loader.join()
        self._reader.close()

    def wait_up(self, timeout: float) -> bool:
        """Wait until all of it is read; False after `timeout` seconds."""
        return self.loaded.wait(timeout)

    def show(self, at: float, channel: str, data: bytes) -> tuple[Message, Exchange]:
        """Take a message that a replay has just sent or heard; returns it, and its exchange."""
        with self.lock:
            seq = self.journal.next_seq
            # A clock that went back would confuse whoever shows ages.
            self._step([(max(at, self._time.now), ((channel, data),))])
            message = self.journal.messages.get(seq)
            assert message is not None, "the newest message is never dropped"
            exchange = self.journal.exchange(message.exchange)
            if exchange is None:
                raise LookupError("the exchange of this message has been forgotten already")
            return message, exchange

    def _load(self) -> None:
        try:
            for run in self._reader.runs():
                if self._ending:
                    return
                if isinstance(run, Gap):
                    self._catch_up()
                    self._gap(run)
                elif isinstance(run, Seen):
                    self._seen(run.at)
                else:
                    for step in _steps(run):
                        self._step(step)
        except CaptureError as error:
            self.failed = str(error)
        finally:
            self.loaded.set()
            self._tell_end()

    def _step(self, step: Sequence[Alone]) -> None:
        at = step[-1][0]
        self._time.now = max(self._time.now, at)
        if not self.status.messages:
            self.status.since = step[0][0]
        self._take(at, step)

    def _look_at_clock(self, at: float) -> float:
        """What becomes of this machine's clock meanwhile is no part of the capture."""
        return at

    def _gap(self, gap: Gap) -> None:
        if not gap.lost and gap.end is not None:
            self._step_over(gap, gap.end)
            return
        self._time.now = max(self._time.now, gap.start)
        if gap.partly:
            self._seen_in_part(gap)
            return
        self.on_down(gap.start, gap.reason)
        self.on_up(gap.end if gap.end is not None else gap.start)
        if self._whole_since == math.inf:
            self._whole_since = self._time.now

    def _step_over(self, gap: Gap, after: float) -> None:
        """The clock stepped while it was recorded."""
        with self._changed:
            before, self._time.now = self._time.now, after
            if self._whole_since < math.inf:
                self._whole_since = min(self._whole_since, after)
            self._begin_anew(after - before)
            self._tell_gap(self.correlator.step_over(before, gap))
            self._changed.notify_all()

    def _seen(self, at: float) -> None:
        """Until then nothing more passed."""
        with self._changed:
            self._time.now = max(self._time.now, at)
            self._advance(self._time.now)
            self._changed.notify_all()

    def _seen_in_part(self, gap: Gap) -> None:
        """Where such a gap begins (it has no end then) or is over: of what was asked meanwhile nobody knows the end."""
        with self._changed:
            if gap.end is None:
                self._whole_since = math.inf
                self._lose_in_part(gap.start, gap.reason)
            else:
                self._time.now = self._whole_since = max(self._time.now, gap.end)
                self._tell_gap(self.correlator.resume(gap.end))
                self._advance(self._time.now)
            self._changed.notify_all()

    def _answerable(self, request: Exchange) -> bool:
        return request.opened.at >= self._whole_since

    def _catch_up(self) -> None:
        """Let time pass: where it goes back in the file it did so by the older ones, or what comes would seem late."""
        with self._changed:
            self._advance(self._time.now)

    def _tell_end(self) -> None:
        self._catch_up()
        with self._changed:
            self.telling.finish()
            self.findings.finish()
            self._changed.notify_all()


def _steps(run: list[Alone]) -> Iterator[list[Alone]]:
    """What is to be taken together: some thousand at most, of one whole second."""
    for _second, some in groupby(run, lambda one: one[0] // 1):
        within = list(some)
        for start in range(0, len(within), _MOST_AT_ONCE):
            yield within[start : start + _MOST_AT_ONCE]


class OfflineSender(Sender):
    """Stands where the sender would, and sends nothing."""

    def check(self) -> None:
        """Raises ReadOnly."""
        more = " but what is in it, again" if self.session.passing else ""
        raise ReadOnly(f"this is a capture: nothing can be sent from here{more}")

    def ask(self, service: str, action: str, payload: Mapping[str, Any]) -> str:
        """Raises ReadOnly."""
        del service, action, payload
        raise ReadOnly("this is a capture: nobody can be asked from here")

    def subscribers(self, channel: str) -> int | None:
        """Nobody knows."""
        del channel
        return None
