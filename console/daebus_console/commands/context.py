"""What a command needs to be carried out: the session, the sender, and a face to speak to.

Every face brings its own Output (and View, where it has one); commands know no other way to be seen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from daebus.errors import RedisRefused, RedisUnavailable
from daebus_console.commands.cancellation import Cancellation as Cancellation
from daebus_console.commands.errors import CommandError
from daebus_console.commands.jobs import Jobs
from daebus_console.commands.known_file import KnownFile
from daebus_console.commands.verbs import Face
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.sender import Sender
from daebus_console.engine.session import Session
from daebus_console.engine.withheld import unseen
from daebus_console.render import Line

CONNECT_WITHIN = 5.0
"""Seconds that the shell waits for the first connection."""


class Exit(IntEnum):
    """How a command ended; at the shell, the exit status."""

    DONE = 0
    ERROR = 1
    """The service answered with an error."""
    USAGE = 2
    NOBODY = 3
    """Nobody serves it."""
    TIMEOUT = 4
    NO_REDIS = 5
    INTERRUPTED = 130


class Output(Protocol):
    """Where a command speaks. Any thread may call; spans and texts are not safe to show yet: the face cleans them."""

    @property
    def width(self) -> int:
        """How many cells a line of a list of many may take."""

    def result(self, lines: Iterable[Line]) -> None:
        """What was asked for, for a person."""

    def record(self, value: Any) -> None:
        """What was asked for, for a program (--json): one JSON value."""

    def note(self, text: str) -> None:
        """Something to know beside the result."""

    def progress(self, line: Line, *, transient: bool = False) -> None:
        """Something on the way to the result. A transient line takes the place of the transient one before it."""

    def error(self, text: str) -> None:
        """Why there is no result."""

    def mistake(self, error: CommandError) -> None:
        """What is wrong with the command, and where in it."""

    def flush(self) -> None:
        """Let everything said so far be seen."""

    @property
    def closed(self) -> bool:
        """Whether nobody reads any more."""


class View(Protocol):
    """What the prompt verbs do to the view beside the prompt."""

    def set_filter(self, text: str | None) -> None:
        """Show only what passes the filter; None shows everything."""

    def toggle_pause(self) -> bool:
        """Hold still, or go on; returns whether it holds still now."""

    def cleared(self) -> None:
        """The journal was emptied."""

    def select(self, number: int) -> bool:
        """Bring the exchange of that number into view; False where the view cannot."""

    def quit(self) -> None:
        """Leave the console."""


class Confirm(Protocol):
    """Asks the user, and waits for the answer. Without anybody to ask the answer is no."""

    def __call__(self, question: str, word: str = "y") -> bool:
        """Whether the user typed the word."""


def nobody(question: str, word: str = "y") -> bool:
    """The answer where there is nobody to ask."""
    del question, word
    return False


@dataclass
class Context:
    """Where commands are carried out. A face makes one and keeps it; `replace(context, cancellation=…)` for each run.

    `live` tells that the session is started and belongs to the face; else `look` starts it. `confirm` asks the user,
    `confirm_remote` that it is to be used before many messages go to another machine. `variables` are what `$name`
    means; `last` is set by every answer. `follow` is told the id of a request that was just sent; `jobs` are what was
    left to itself; `entered` gives the lines entered so far, oldest first.
    """

    session: Session
    sender: Sender
    output: Output
    face: Face
    view: View | None = None
    confirm: Confirm = nobody
    confirm_remote: bool = True
    cancellation: Cancellation = field(default_factory=Cancellation)
    redact: Redactor = field(default_factory=lambda: Redactor(()))
    variables: dict[str, Any] = field(default_factory=dict)
    live: bool = False
    follow: Callable[[str], None] = lambda _request_id: None
    jobs: Jobs = field(default_factory=Jobs)
    entered: Callable[[], Sequence[str]] = tuple
    leaving: threading.Event = field(default_factory=threading.Event)
    """Set when the user has asked to leave."""
    known: KnownFile = field(default_factory=KnownFile)
    """The findings that the user knows of."""
    depth: int = 0
    """How many files deep in `source` it is."""

    @property
    def read_only(self) -> bool:
        """Whether every verb that publishes is refused."""
        return self.sender.read_only

    @property
    def sends_nothing(self) -> str:
        """Why a console that is `read_only` is that, in a few words."""
        how = "passive (--passive)" if self.session.settings.passive else "read-only (--read-only)"
        return f"this console is {how}"

    def look(self) -> Session:
        """The session, seeing. Raises RedisUnavailable where it is not live and does not get to see anything.

        What Redis does not let it see is noted.
        """
        if not self.live:
            self.live = True
            self.session.start()
            if not self.session.wait_up(CONNECT_WITHIN):
                raise self.blind()
            for text in unseen(self.session):
                self.output.note(text)
        return self.session

    def blind(self) -> RedisUnavailable:
        """Why the session does not get to see anything."""
        problem = self.session.status.problem or f"Redis at {self.session.address} does not answer"
        # It is told apart whether a Redis has answered.
        return (RedisRefused if self.session.tap.answering else RedisUnavailable)(problem)

    def exchange(self, number: int) -> Exchange:
        """The exchange of that number. Raises CommandError where it is gone, or never was."""
        with self.session.lock:
            exchange = self.session.journal.exchange(number)
            last = self.session.journal.exchanges.last
        if exchange is None:
            known = f"the last one is #{last}" if number > last else "it is forgotten already"
            raise CommandError(f"there is no exchange #{number}: {known if last else 'none was seen yet'}")
        return exchange
