"""RecordedBus: what went over a bus during a test, to be asked for and waited for."""

from __future__ import annotations

import difflib
import threading
import time
from collections.abc import Callable
from typing import Any

from daebus.errors import ConfigurationError
from daebus.wire import checks

from .messages import KINDS, Asked, BusMessage, read
from .recording import RecordingBus

MOST_LINES = 50
"""Lines that a timeline in an error has, at most: the last ones."""


HEADING = "what went over the bus:"


class NotOnBus(AssertionError):
    """What a test waited for did not go over the bus; its text says what did."""


class RecordedBus:
    """Everything that was published on `bus` since this was made.

    A name is `service.action` for requests and their responses, and may be the service alone; for broadcasts it is the
    channel. What is given back is in the order in which it was published.
    """

    def __init__(self, bus: RecordingBus) -> None:
        if not isinstance(bus, RecordingBus):
            raise ConfigurationError(f"bus must be a bus for tests, such as a LocalBus, not {checks.shown(bus)}")
        self.bus = bus
        self.started = time.time()
        """When the record begins, in epoch seconds."""
        self._lock = threading.Lock()
        self._next = len(bus.record.entries)
        self._messages: list[BusMessage] = []
        self._asked: Asked = {}
        self._cache: Any = None

    def __repr__(self) -> str:
        return f"<RecordedBus at {self.bus}, {len(self.messages)} messages>"

    @property
    def messages(self) -> list[BusMessage]:
        """All that went over the bus so far."""
        with self._lock:
            entries = self.bus.record.entries
            while self._next < len(entries):
                self._messages.append(read(entries[self._next], self._asked))
                self._next += 1
            return list(self._messages)

    @property
    def cache(self) -> Any:
        """A redis-py client of the Redis that handlers see as `cache`."""
        if self._cache is None:
            self._cache = self.bus.cache()
        return self._cache

    def close(self) -> None:
        """Close the client behind `cache`, if there is one. The record stays."""
        cache, self._cache = self._cache, None
        if cache is not None:
            cache.close()

    def requests(self, name: str | None = None) -> list[BusMessage]:
        """What was asked of an action, or told to it one-way; of all actions of a service, or of any."""
        return self._of(("request", "message"), name)

    def responses(self, name: str | None = None) -> list[BusMessage]:
        """What was answered, partial answers and errors as well."""
        return self._of(("response",), name)

    def broadcasts(self, channel: str | None = None) -> list[BusMessage]:
        """What was broadcast, on a channel or on any."""
        return self._of(("broadcast",), channel)

    def _of(self, kinds: tuple[str, ...], name: str | None) -> list[BusMessage]:
        checks.optional_name(name, "the name")
        return [each for each in self.messages if each.kind in kinds and (name is None or each.matches(name))]

    def wait_for(
        self,
        what: str | Callable[[BusMessage], object],
        timeout: float = 5.0,
        count: int = 1,
        *,
        kind: str | None = None,
    ) -> list[BusMessage]:
        """Wait until `count` messages of that name have gone over the bus, and return all that have so far.

        `what` is a name, or a function that is true of the messages meant. With a name and no `kind` requests, one-way
        messages and broadcasts are meant; with one, that alone: "request", "message", "response" or "broadcast".
        Raises NotOnBus, an AssertionError, after `timeout` seconds.
        """
        if callable(what):
            checks.plain_function(what, "the function of a message")
        else:
            checks.name(what, "what to wait for, where it is no function,")
        checks.duration(timeout, "timeout")
        checks.whole(count, "count", 10**9)
        if kind is not None and kind not in KINDS:
            raise ConfigurationError(f"kind must be one of {', '.join(KINDS)}, not {checks.shown(kind)}")
        __tracebackhide__ = True
        found: list[BusMessage] = []

        def there() -> bool:
            found[:] = [each for each in self.messages if _is_meant(each, what, kind)]
            return len(found) >= count

        if not self.bus.record.wait_for(there, timeout):
            raise NotOnBus(self._missed(what, kind, timeout, count, len(found)))
        return found

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until no message waits or is being handled. Raises NotOnBus after `timeout` seconds."""
        __tracebackhide__ = True
        checks.duration(timeout, "timeout")
        if not self.bus.settle(timeout):
            raise NotOnBus(f"messages were still being handled after {timeout:g} s\n{self.timeline()}")

    def timeline(self, most: int = MOST_LINES) -> str:
        """What went over the bus, a line for each message, with the seconds since the beginning; the last `most`."""
        checks.whole(most, "most", 10**9)
        messages = self.messages
        if not messages:
            return f"{HEADING} nothing"
        left_out = len(messages) - most
        lines = [f"  {each.at - self.started:7.3f} s  {each}" for each in messages[-most:]]
        if left_out > 0:
            lines.insert(0, f"  ... {left_out} more before")
        return "\n".join([HEADING, *lines])

    def _missed(self, what: object, kind: str | None, timeout: float, count: int, found: int) -> str:
        wanted = f"{kind or 'message'} {what!r}" if isinstance(what, str) else f"{kind or 'message'} that {_said(what)}"
        times = "" if count == 1 else f"{count} times "
        seen = "it did not" if not found else f"it did {found} time{'s' if found > 1 else ''}"
        text = f"expected {wanted} to go over the bus {times}within {timeout:g} s; {seen}"
        return f"{text}{self._like(what)}\n{self.timeline()}"

    def _like(self, what: object) -> str:
        names = {each.name for each in self.messages}
        close = difflib.get_close_matches(what, names - {what}, n=1) if isinstance(what, str) else []
        return f" (there was {close[0]!r})" if close else ""


def _is_meant(message: BusMessage, what: str | Callable[[BusMessage], object], kind: str | None) -> bool:
    if kind is not None and message.kind != kind:
        return False
    if callable(what):
        return bool(what(message))
    return message.matches(what) and (kind is not None or message.kind in ("request", "message", "broadcast"))


def _said(what: object) -> str:
    name = getattr(what, "__name__", "")
    return f"{name}() is true of" if name.isidentifier() else "the function is true of"
