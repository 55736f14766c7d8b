"""How a service runs."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from daebus.errors import ConfigurationError
from daebus.recorder.recorder import COUNT
from daebus.wire import checks
from daebus.wire.limits import MAX_MESSAGE
from daebus.wire.values import Default, plain

MOST_WORKERS = 10_000
"""Each is a thread."""
MOST_ASYNC = 1_000_000
MOST_RECORDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Options:
    """How a service runs. `grace` is in seconds; `stands_in` says that it answers in the place of another process'
    service; the rest as `Daebus` explains it.
    """

    max_workers: int = 10
    max_queue: int = 1000
    grace: float = 10.0
    debug: bool = False
    unknown_action: str = "error"
    shared: bool = False
    max_message: int = MAX_MESSAGE
    json_default: Default = plain
    max_async: int = 100
    recorder: int = COUNT
    debugger: bool = False
    stands_in: bool = False

    def __post_init__(self) -> None:
        checks.whole(self.max_workers, "max_workers", MOST_WORKERS)
        checks.whole(self.max_async, "max_async", MOST_ASYNC)
        checks.whole(self.max_queue, "max_queue", sys.maxsize)
        checks.duration(self.grace, "grace")
        checks.whole(self.recorder, "recorder", MOST_RECORDS, least=0)
        if self.unknown_action not in ("error", "ignore"):
            raise ConfigurationError(
                f'unknown_action must be "error" or "ignore", not {checks.shown(self.unknown_action)}'
            )
