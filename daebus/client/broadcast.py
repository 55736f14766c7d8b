"""broadcast.send: tell a channel something, from a handler, a background task, a thread or a plain script."""

from __future__ import annotations

import threading
from typing import Any

from daebus import context, telemetry
from daebus.errors import PayloadError
from daebus.transport.bus import boards, chosen_bus
from daebus.transport.fork import begins_anew, mind_the_end
from daebus.transport.publisher import Publisher
from daebus.wire import checks
from daebus.wire.limits import resolve_max_message, sized
from daebus.wire.writing import encode_object

from .noting import note_published


class Broadcast:
    """Publishes through the service at hand (or the one running in this process), else through a connection of its own.

    That connection is to the Redis of the environment, and made when it is first needed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._publisher: Publisher | None = None
        begins_anew(self)
        boards(self)

    def after_fork(self) -> None:
        """Where the threads are gone that there were; the publisher sees to itself."""
        self._lock = threading.Lock()

    def leave_bus(self) -> None:
        """See `Passenger`."""
        self.close()

    def send(self, channel: str, payload: dict[str, Any]) -> int:
        """Publish the payload, as it is, on the channel; returns how many received it.

        Raises PayloadError for a payload that is no dict, that JSON cannot carry or that is too large (the
        `max_message` of the app, without one DAEBUS_MAX_MESSAGE of the environment, else 16 MiB), RedisUnavailable
        (or its subclass ConnectionLost) where Redis cannot be reached.
        """
        checks.name(channel, "the channel", PayloadError)
        data = encode_object(payload, default=context.written)
        runtime = context.current_runtime()
        if runtime is None and self._publisher is None:
            telemetry.look()
        with telemetry.sending(channel):
            if runtime is not None:
                received = runtime.publisher.publish(channel, sized(data, runtime.max_message))
                note_published(channel, data)
                return received
            return self._own().publish(channel, sized(data, resolve_max_message()))

    def close(self) -> None:
        """Close the connection of its own, if there is one; the next `send` opens another."""
        mind_the_end()
        with self._lock:
            publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.close()

    def _own(self) -> Publisher:
        mind_the_end()
        with self._lock:
            if self._publisher is None:
                self._publisher = chosen_bus().publisher(context.asking_name())
            return self._publisher


broadcast = Broadcast()
"""What the programs of this process broadcast through."""
