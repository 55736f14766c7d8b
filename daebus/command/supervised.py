"""The process of a service that is supervised: it imports, says so, and serves when it is told to."""

from __future__ import annotations

import os
import queue
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

from daebus.service.app import Daebus
from daebus.service.signals import StopSignals

from .handover import HandoverBus, Mark, Takeover
from .line import Line
from .mistake import Mistake

Serve = Callable[[Daebus, HandoverBus, StopSignals], None]


class Supervised:
    """What the supervisor asks for is done on a thread of its own; the main thread imports and serves."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._line = Line(socket.socket(fileno=descriptor))
        self._orders: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        self._signals = StopSignals()
        self._app: Daebus | None = None
        self._bus: HandoverBus | None = None
        self._mark = Mark()
        self._begun = self._stopped = False

    def run(self, url: str, find: Callable[[], Daebus], serve: Serve) -> int:
        """Import by `find()`, wait for the word to serve, and do so; returns the exit status."""
        # Of a terminal they come to all processes; the supervisor says what to do about them.
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)
        threading.Thread(target=self._listen, name="daebus-supervised", daemon=True).start()
        try:
            app = self._app = find()
        except Mistake as mistake:
            self._line.tell("mistake", str(mistake))
            return 2
        self._line.tell("imported", min(app.options.grace, 1e9))
        order = self._orders.get()
        if order is None:
            return 0
        word, secret = order
        takeover = None
        if word == "take over":
            takeover = Takeover(secret, lambda marked: self._line.tell("cut", marked), self._has_begun)
        self._bus = HandoverBus(url, takeover, self._mark)
        with self._signals:
            serve(app, self._bus, self._signals)
        return 0

    def _has_begun(self) -> bool:
        if self._stopped and not self._begun:
            raise SystemExit(0)
        return self._begun

    def _listen(self) -> None:
        for word, value in self._line:
            if word in ("start", "take over"):
                self._orders.put((word, value))
            elif word == "begin":
                self._begun = True
            elif word == "end":
                self._end(value)
            elif word == "stop":
                self._stop()
            elif word == "expect":
                self._mark.expected = value
                self._line.tell("expecting", value)
            elif word == "keep":
                self._mark.keep()
        self._stop()
        if self._app is None:
            # It still imports, and nobody waits for that.
            os._exit(0)

    def _end(self, marked: bool) -> None:
        """Another one has taken over: finish what came until then, which may be in the socket still."""
        if self._bus is not None and self._bus.heard is not None and self._app is not None:
            if marked:
                self._mark.wait(self._bus.heard, min(self._app.options.grace, threading.TIMEOUT_MAX))
            self._app.finish()
        self._stop()

    def _stop(self) -> None:
        self._stopped = True
        self._orders.put(None)
        self._signals.wake()
