"""What a service that may be debugged has for that: its gates, and threads for what they let go."""

from __future__ import annotations

from collections.abc import Callable

from daebus.gates.gates import Gates
from daebus.service.work.aside import Aside

from .arrival import Arrival


class Holding:
    """The gates of one instance. Whoever lets something go waits for nothing.

    `put(arrival)` has something done that has been taken before; where it returns True, a thread is to `serve`. There
    are at most so many `threads`, which begin when there is something to do.
    """

    def __init__(
        self, name: str, instance: str, threads: int, put: Callable[[Arrival], bool], serve: Callable[[], object]
    ) -> None:
        self._put = put
        self._serve = serve
        self._serving = Aside(f"daebus-{name}-released", threads)
        self._sending = Aside(f"daebus-{name}-held", 1)
        self.gates = Gates(name, instance, self._sending.submit)

    def put(self, arrival: Arrival) -> None:
        """Have something done that was set aside; where there is no thread for it, on this one."""
        if self._put(arrival):
            try:
                self._serving.submit(self._serve)
            except RuntimeError:
                self._serve()

    def later(self, function: Callable[[], object]) -> None:
        """Have a function called on a thread that may wait for Redis; where there is none, on this one."""
        try:
            self._sending.submit(function)
        except RuntimeError:
            function()

    def end(self, within: float) -> None:
        """The service ends: all goes on, and what is to be sent for that is waited for so many seconds."""
        self.gates.end()
        self._serving.end()
        self._sending.end(within)
