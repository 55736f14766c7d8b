"""What is logged within handlers, for the flight recorder: every record of `logging` from INFO on, by any logger.

It looks on where `logging` makes its records, and not as a handler of the root logger: with one there, the program's
own `basicConfig` would do nothing, warnings would not get to standard error where no logging is set up, and loggers
that do not propagate would not be heard. Set up once in a process, when the first service with a recorder starts;
outside handlers it then costs a log line the look at a variable.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from daebus.context import Context, current
from daebus.errors import class_of, said_by
from daebus.masking import without_passwords

_lock = threading.Lock()
_busy = threading.local()


class Listening:
    """A factory of log records around that of the program. What another one makes within is not noted twice."""

    def __init__(self, made: Callable[..., logging.LogRecord]) -> None:
        self._made = made

    def __call__(self, *arguments: Any, **more: Any) -> logging.LogRecord:
        """Make a record, and note it where a handler runs."""
        context = current()
        if context is None or getattr(_busy, "on", False):
            return self._made(*arguments, **more)
        # What runs here may log itself: the program's own factory, and the values of the line.
        _busy.on = True
        try:
            record = self._made(*arguments, **more)
            _note(context, record)
            return record
        finally:
            _busy.on = False


def _note(context: Context, record: logging.LogRecord) -> None:
    recorder = context.runtime.recorder
    try:
        if recorder is None or not isinstance(record.levelno, int) or record.levelno < logging.INFO:
            return
        error = record.exc_info[1] if record.exc_info else None
        recorder.logged(
            str(record.levelname),
            str(record.name),
            _text(record),
            context.id,
            None if error is None else without_passwords(f"{class_of(error)}: {said_by(error)}"),
        )
    except BaseException:  # noqa: BLE001, S110 - a line in the log must not be an error
        pass


def _text(record: logging.LogRecord) -> str:
    try:
        return without_passwords(str.__str__(record.getMessage()))
    except BaseException as error:  # noqa: BLE001 - the code of a value in the line runs
        return f"{record.msg if isinstance(record.msg, str) else 'a line'} (cannot be written: {class_of(error)})"


def listen() -> None:
    """See to it that log records are noted."""
    with _lock:
        made = logging.getLogRecordFactory()
        if not isinstance(made, Listening):
            logging.setLogRecordFactory(Listening(made))
