"""What was told of an exchange, or by a service, as lines: its log, and how its handlers and listeners ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from daebus_console.dates import seconds
from daebus_console.engine.records.joining import Told
from daebus_console.engine.records.record import (
    ANSWER_DROPPED,
    DEBUGGER,
    DEFERRED,
    OK,
    Any_,
    Frame,
    Handled,
    Heard,
    Id,
    Logged,
    Ran,
    Refused,
)

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_REFUSED = {
    DEBUGGER: "kept from its handler by a debugger",
    ANSWER_DROPPED: "handled, and its answer dropped by a debugger",
}
FAILED, ENDED = "FAILED", "ENDED"
"""The levels of lines that are of no log: how something ended."""


class Line(NamedTuple):
    """One line; `at` is epoch seconds, by the service's clock brought to that of the tap as far as it is known.

    `logger` is empty for how something ended. `more` is a traceback, `frames` are told with local variables.
    """

    at: float
    service: str
    instance: str
    level: str
    logger: str
    text: str
    more: str | None
    frames: list[Frame] | None
    id: Id
    seq: int

    @property
    def rank(self) -> int:
        """How grave it is: the place of its level among LEVELS; what failed counts as an error."""
        if self.level == FAILED:
            return LEVELS.index("ERROR")
        return LEVELS.index(self.level) if self.level in LEVELS else LEVELS.index("INFO")


def line_of(record: Any_) -> Line | None:
    """The line that a record is; None for one that is none, such as a call."""
    source = record.source
    at = record.at + source.off
    if isinstance(record, Logged):
        text = record.text if not record.error else f"{record.text} ({record.error})" if record.text else record.error
        made: tuple[str, str, str, str | None] = record.level, record.logger, text, None
    elif isinstance(record, Handled | Heard | Ran):
        made = FAILED if record.failed else ENDED, "", how_ended(record), record.traceback
    elif isinstance(record, Refused):
        what = record.action or record.channel or "a message"
        what = f"{what} (listener {record.listener})" if record.listener else what
        made = FAILED, "", f"{what} was {_REFUSED.get(record.code, f'refused: {record.code}')}", None
    else:
        return None
    frames = getattr(record, "frames", None)
    return Line(at, source.service, source.instance, *made, frames, getattr(record, "id", None), record.seq)


def lines_of(records: Iterable[Any_]) -> list[Line]:
    """The lines of all of them, oldest first."""
    found = [line for line in map(line_of, records) if line is not None]
    return sorted(found, key=lambda line: (line.at, line.instance, line.seq))


def lines_of_told(told: Told) -> list[Line]:
    """The lines of what was told of one exchange."""
    return lines_of([*told.runs, *told.refused, *told.logged])


def name_of_run(run: Handled | Heard | Ran) -> str:
    """What ran: an action, a listener, a task."""
    if isinstance(run, Handled):
        return run.action
    return f"listener {run.listener}" if isinstance(run, Heard) else f"{run.what} {run.name}"


def how_ended(run: Handled | Heard | Ran) -> str:
    """How it ended, and after which times."""
    times = [f"waited {seconds(run.queued)}"] if isinstance(run, Handled) and run.queued is not None else []
    if run.elapsed is not None:
        times.append(f"took {seconds(run.elapsed)}")
    word = "put its answer off" if run.outcome == DEFERRED else "ended well" if run.outcome == OK else run.outcome
    told = f"{name_of_run(run)}: {word}" + (f" ({', '.join(times)})" if times else "")
    if not run.failed:
        return told
    error = ": ".join(part for part in (run.type, run.error) if part)
    return f"{told}: {error}" if error else told
