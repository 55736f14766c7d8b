"""Asks the broker who is subscribed, at most once a second, and services on this framework what they are.

The answers to `info` are not waited for here: they come through the tap like every message. Nothing is ever sent to a
channel that is not a control channel.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import redis

from daebus.connection import RedisAddress
from daebus_console import naming
from daebus_console.engine.envelope import CONTROL_PREFIX

POLL_EVERY = 1.0
"""Seconds between two polls, at the least."""
REFRESH_EVERY = 10.0
"""Seconds after which every service is asked for its `info` again, for its counts."""
_CHUNK = 500


class Discovery:
    """Polls the broker in a thread of its own.

    `on_poll(subscribers, patterns)` is given channel → NUMSUB and NUMPAT, and returns the services to ask for `info`.
    `on_ask(request_id)` is told each request before it goes out. `on_error(text)` is told what went wrong, once for
    each change. `reply_to` is the channel on which the answers will be seen.
    """

    def __init__(
        self,
        address: RedisAddress,
        *,
        on_poll: Callable[[Mapping[str, int], int], Iterable[str]],
        on_ask: Callable[[str], None],
        on_error: Callable[[str | None], None],
        reply_to: str,
        every: float = POLL_EVERY,
        quiet: bool = False,
    ) -> None:
        if every < POLL_EVERY:
            raise ValueError(f"polling more often than every {POLL_EVERY:g} s would burden the broker")
        self.address = address
        self.reply_to = reply_to
        self._on_poll, self._on_ask, self._on_error = on_poll, on_ask, on_error
        self._every = every
        self._quiet = quiet
        self._known: set[str] = set()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin polling; the first poll is made at once."""
        self._thread = threading.Thread(target=self._run, name="daebus-console-discovery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End polling and wait for the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)
            self._thread = None

    def _run(self) -> None:
        refreshed = time.monotonic()
        failing = False
        with self.address.client(socket_timeout=3.0, decode_responses=False) as client:
            while not self._stopping.is_set():
                try:
                    to_ask = set(self._poll(client))
                    if time.monotonic() - refreshed >= REFRESH_EVERY:
                        refreshed = time.monotonic()
                        to_ask |= self._known
                    if not self._quiet:
                        self._ask(client, to_ask)
                    if failing:
                        self._on_error(None)
                    failing = False
                except (redis.RedisError, OSError) as error:
                    if not failing:
                        self._on_error(f"cannot list channels on {self.address}: {error}")
                    failing = True
                self._stopping.wait(self._every)

    def _poll(self, client: redis.Redis) -> Iterable[str]:
        names = cast("list[bytes]", client.pubsub_channels("*"))
        subscribers: dict[str, int] = {}
        for start in range(0, len(names), _CHUNK):
            for name, count in client.pubsub_numsub(*names[start : start + _CHUNK]):
                subscribers[naming.from_bytes(cast("bytes", name))] = int(count)
        patterns = int(client.pubsub_numpat())
        self._known = {
            name[len(CONTROL_PREFIX) :]
            for name, count in subscribers.items()
            if count and name.startswith(CONTROL_PREFIX)
        }
        return self._on_poll(subscribers, patterns)

    def _ask(self, client: redis.Redis, services: Iterable[str]) -> None:
        pipeline = client.pipeline(transaction=False)
        for service in sorted(services):
            request_id = uuid.uuid4().hex
            self._on_ask(request_id)
            request = {"action": "info", "payload": {}, "reply_to": self.reply_to, "request_id": request_id}
            pipeline.publish(
                naming.to_bytes(CONTROL_PREFIX + service),
                json.dumps({**request, "service": "daebus-console", "timeout": 5}),
            )
        if len(pipeline):
            pipeline.execute()
