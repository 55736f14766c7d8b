"""What a connection by TLS trusts and shows: made once for all that connect within a second.

Making it reads all certificates of the system, which takes a processor some 30 ms, and longer where threads do so at
once. Who asks again and again while Redis is away would do nothing else. Imported where redis-py is; see `by_redis_py`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from redis.asyncio.connection import SSLConnection

from .fork import begins_anew

if TYPE_CHECKING:
    import ssl

KEPT_FOR = 1.0
"""Seconds for which one is taken again: so soon a file that was replaced counts."""


class Contexts:
    """Those of all servers that this process connects to."""

    def __init__(self) -> None:
        self.after_fork()
        begins_anew(self)

    def after_fork(self) -> None:
        """Begin anew: whoever had the lock may be gone."""
        self._lock = threading.Lock()
        self._made: dict[str, tuple[float, ssl.SSLContext]] = {}

    def of(self, options: Mapping[str, Any]) -> ssl.SSLContext:
        """The one for those options of redis-py. Raises what it does where a file is not there, or is none."""
        given = {name: value for name, value in options.items() if name.startswith("ssl_")}
        key = repr(sorted(given.items()))
        with self._lock:
            self._made = {one: made for one, made in self._made.items() if made[0] > time.monotonic() - KEPT_FOR}
            if key not in self._made:
                # Its connections for threads make one each time, and have no way to get at it.
                context: ssl.SSLContext = SSLConnection(**given).ssl_context.get()
                self._made[key] = time.monotonic(), context
            return self._made[key][1]


contexts = Contexts()
