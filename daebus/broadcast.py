"""broadcast.send: tell a channel something, from a handler, a background task, a thread or a plain script."""

from __future__ import annotations

import threading
from typing import Any

from . import checks, context
from .bus import RedisBus
from .envelope import encode_object
from .errors import PayloadError
from .limits import resolve_max_message, sized
from .publisher import Publisher
from .threads import era
from .url import resolve_url


class Broadcast:
    """Publishes through the service at hand (or the one running in this process), else through a connection of its own.

    That connection is to the Redis of the environment, and made when it is first needed.
    """

    def __init__(self) -> None:
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._era = era()
        self._lock = threading.Lock()
        self._publisher: Publisher | None = None

    def _heed_era(self) -> None:
        """Where the threads are gone that there were (see `era`), the lock may be held for ever."""
        if self._era != era():
            self._begin_anew()

    def send(self, channel: str, payload: dict[str, Any]) -> int:
        """Publish the payload, as it is, on the channel; returns how many received it.

        Raises PayloadError for a payload that is no dict, that JSON cannot carry or that is too large (the
        `max_message` of the app, without one DAEBUS_MAX_MESSAGE of the environment, else 16 MiB), RedisUnavailable
        (or its subclass ConnectionLost) where Redis cannot be reached.
        """
        checks.name(channel, "the channel", PayloadError)
        data = encode_object(payload)
        runtime = context.current_runtime()
        if runtime is not None:
            return runtime.publisher.publish(channel, sized(data, runtime.max_message))
        return self._own().publish(channel, sized(data, resolve_max_message()))

    def close(self) -> None:
        """Close the connection of its own, if there is one; the next `send` opens another."""
        self._heed_era()
        with self._lock:
            publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.close()

    def _own(self) -> Publisher:
        self._heed_era()
        with self._lock:
            if self._publisher is None:
                self._publisher = RedisBus(resolve_url()).publisher(context.asking_name())
            return self._publisher


broadcast = Broadcast()
"""What the programs of this process broadcast through."""
