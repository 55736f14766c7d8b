"""A message as it came in, and which part of it is dealt with where."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from daebus.gates.held import Mark
from daebus.service.answering.response import Response
from daebus.service.hooks import Route
from daebus.service.together import Mate
from daebus.wire.envelope import Request, Stray, Unreadable, quoted


@dataclass(slots=True)
class Admitted:
    """A request that is to be handled. `limit` is how many seconds whoever asked waits, from its arrival on."""

    request: Request
    route: Route
    limit: float | None


class Arrival:
    """A message on a channel. `at` is `time.monotonic()`.

    `turn` is that of the thread that read it, `reader`; see `Readers.hand_over`. Where the app has async functions, a
    message may be dealt with in two places, by a worker and on the event loop: each has a `part` of it then.
    """

    # What it comes to have, with what most have.
    response: Response | None = None
    """Set while an action handles it."""
    message: Request | Unreadable | Stray | None = None
    """What it says, where that has been read."""
    mate: Mate | None = None
    """Its claim, where it is claimed together with others."""
    on_loop: bool | None = None
    """Where this part of it is dealt with; None where it is all of it."""
    asks = True
    """Whether the action that it may name is dealt with here."""
    second = False
    """Whether there is another part, which tells of what is wrong with it."""
    abandoned = False
    """Whether its handler was told to end, as the service does."""
    heard = False
    """Whether it has been given to the listeners that are there for this part."""
    hears = True
    """Whether listeners are to hear it."""
    # Where a debugger has touched it:
    admitted: Admitted | None = None
    """What it was admitted as before it was held, or doubled."""
    released = False
    """Whether it was held, and has been let go."""
    held = 0.0
    """For how many seconds it was held, by which `at` is later than it came."""
    mark: Mark | None = None
    extra: str | None = None
    """What is done beside that it is handled, such as to drop its answer."""

    def __init__(self, channel: str, data: bytes, at: float, turn: int) -> None:
        self.channel = channel
        self.data = data
        self.at = at
        self.turn = turn
        self.reader = threading.get_ident()

    def part(self, *, on_loop: bool, asks: bool, second: bool) -> Arrival:
        """What of it is dealt with in one of the two places."""
        part = Arrival(self.channel, self.data, self.at, self.turn)
        part.message, part.on_loop, part.asks, part.second = self.message, on_loop, asks, second
        part.hears, part.released = self.hears, self.released
        return part

    def must_go_on(self, error: BaseException) -> None:
        """Raise what says that its task is just being freed, since its loop has left it behind."""
        if self.abandoned and type(error) is GeneratorExit:
            raise error


def describe(arrival: Arrival) -> str:
    """What is done about it, for a log line."""
    response = arrival.response
    return f"a message on {quoted(arrival.channel)}" if response is None else f"action {quoted(response.action)}"
