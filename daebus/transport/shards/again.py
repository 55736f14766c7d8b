"""Sending once more, one after the other on a thread for that, what one node has refused since it is for another."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from daebus.errors import RedisUnavailable
from daebus.transport.threads import begin

log = logging.getLogger("daebus")

_IDLE_FOR = 5.0
"""Seconds after which the thread ends, where there is nothing to send."""

Failed = Callable[[RedisUnavailable], object]
_Again = tuple[int, Callable[[], None], Failed | None, Callable[[], object]]
"""What is to be sent: how often it had been closed then, how to, what to call where it is closed, and what closes."""


class OnceMore:
    """What a publisher is to send once more. `name` is for the log, `where` for the error of what is not sent."""

    def __init__(self, name: str, where: object) -> None:
        self._name = name
        self._where = where
        self._waiting: queue.SimpleQueue[_Again] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closes = 0
        self._thread: threading.Thread | None = None

    def closing(self) -> None:
        """The publisher is being closed: what waits is not sent any more."""
        self._closes += 1

    def put(self, send: Callable[[], None], failed: Failed | None, close: Callable[[], object]) -> None:
        """Have something sent; never waits.

        Where the publisher is closed before it has its turn, `failed` is called, and where it is meanwhile, `close`
        afterwards.
        """
        self._waiting.put((self._closes, send, failed, close))
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                thread = threading.Thread(target=self._run, name="daebus-redirecting", daemon=True)
                try:
                    begin(thread)
                except RuntimeError:
                    return
                self._thread = thread

    def _run(self) -> None:
        while True:
            try:
                closes, send, failed, close = self._waiting.get(timeout=_IDLE_FOR)
            except queue.Empty:
                with self._lock:
                    if self._waiting.empty():
                        self._thread = None
                        return
                continue
            if closes == self._closes:
                try:
                    send()
                except Exception:
                    log.exception("%s: something could not be sent once more", self._name)
                if closes != self._closes:
                    # Closed meanwhile, it may have connected again.
                    close()
            elif failed is not None:
                failed(RedisUnavailable(f"the connection to Redis at {self._where} was closed; nothing was sent"))
