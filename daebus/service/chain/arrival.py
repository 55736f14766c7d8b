"""A message as it came in, and which part of it is dealt with where."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from daebus.service.response import Response
from daebus.wire.envelope import Request, Stray, Unreadable, quoted


@dataclass(slots=True)
class Arrival:
    """`at` is `time.monotonic()`; `response` is set while an action handles it.

    `turn` is that of the thread that read it, `reader`; see `Readers.hand_over`. `on_loop` is None where all of it is
    dealt with in one place. Where the app has async functions there are two: workers, and the event loop; then
    `message` is what was read of it already, and the other part of what is dealt with in both is `second`.
    """

    channel: str
    data: bytes
    at: float
    turn: int
    reader: int = field(default_factory=threading.get_ident)
    response: Response | None = None
    message: Request | Unreadable | Stray | None = None
    on_loop: bool | None = None
    asks: bool = True
    """Whether the action that it may name is dealt with here."""
    second: bool = False
    abandoned: bool = False
    """Whether its handler was told to end, as the service does."""

    def must_go_on(self, error: BaseException) -> None:
        """Raise what says that its task is just being freed, since its loop has left it behind."""
        if self.abandoned and type(error) is GeneratorExit:
            raise error


def describe(arrival: Arrival) -> str:
    """What is done about it, for a log line."""
    response = arrival.response
    return f"a message on {quoted(arrival.channel)}" if response is None else f"action {quoted(response.action)}"
