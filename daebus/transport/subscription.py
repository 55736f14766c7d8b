"""A listener with a thread of its own that reads, for whoever has none to spare."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from daebus.errors import RedisUnavailable

from .address import RedisAddress
from .bus import redis_at
from .threads import begin


class Subscription:
    """Calls `on_message(channel, data)` for each message of the channels. The options are those of `Listener`."""

    def __init__(
        self,
        address: RedisAddress,
        name: str,
        channels: Iterable[str],
        on_message: Callable[[str, bytes], None],
        **options: Any,
    ) -> None:
        self._listener = redis_at(address.url).listener(name, channels, **options)
        self._on_message = on_message
        self._thread: threading.Thread | None = None

    def ensure(self, deadline: float) -> None:
        """Return once every channel is subscribed; see `Listener.ensure`. Not for several threads at once."""
        if self._thread is None or not self._thread.is_alive():
            # Known before it begins: where an interrupt comes then, no other one is to read as well.
            self._thread = threading.Thread(target=self._run, name=f"daebus-{self._listener.name}", daemon=True)
            try:
                begin(self._thread)
            except RuntimeError as error:
                raise RedisUnavailable(f"cannot read from Redis at {self._listener.address}: {error}") from error
        self._listener.ensure(deadline)

    def close(self, timeout: float = 2.0) -> None:
        """Give the connection up, and end the thread."""
        self._listener.close()
        thread = self._thread
        if thread is not None and thread.is_alive() and thread is not threading.current_thread():
            thread.join(timeout)

    def _run(self) -> None:
        self._listener.lead(self._on_message, lambda: False)
