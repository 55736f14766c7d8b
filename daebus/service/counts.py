"""How a service fares, in numbers."""

from __future__ import annotations

import threading


class Counts:
    """How many messages met which fate.

    `errors` are handlers that raised; `busy` and `expired` are refusals; `dropped` are those among what was refused
    that nobody waited for (one-way messages, broadcasts); `elsewhere` were handled by another instance;
    `undelivered` are answers that could not be sent; `misfits` messages whose payload did not fit their handler.
    """

    NAMES = (
        "received",
        "handled",
        "errors",
        "misfits",
        "busy",
        "expired",
        "dropped",
        "elsewhere",
        "undelivered",
        "unreadable",
    )

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values = dict.fromkeys(self.NAMES, 0)

    def add(self, name: str) -> None:
        """Count one."""
        with self._lock:
            self._values[name] += 1

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def snapshot(self) -> dict[str, int]:
        """All the counts, now."""
        with self._lock:
            return dict(self._values)
