"""How the log of a service looks where the program has set up no logging of its own. Does nothing at import."""

from __future__ import annotations

import logging

from .errors import class_of

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"


class ServiceFormatter(logging.Formatter):
    """Adds the action and the request id of a handler's own lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The formatted line, followed by what it belongs to."""
        line = super().formatMessage(record)
        action = getattr(record, "action", None)
        return f"{line}  [{action} {getattr(record, 'request_id', None)}]" if action is not None else line


def configure() -> None:
    """Log to standard error from INFO on, unless the root logger has a handler already."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(ServiceFormatter(FORMAT))
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def note(logger: logging.Logger, level: int, line: str, *details: object, error: BaseException | None = None) -> None:
    """Log a line, with the traceback of an `error`, where an answer is yet to be made.

    Raises nothing: neither what an exception's own code does, nor a handler or filter of the program's logging, is
    to keep the answer from whoever waits for it.
    """
    try:
        logger.log(level, line, *details, exc_info=error, stacklevel=2)
    except BaseException:  # noqa: BLE001 - see above
        if error is not None:
            note(logger, level, f"{line} (%s, of which there is no traceback)", *details, class_of(error))


class DebugLevel:
    """Lowers the level of the logger `daebus` to DEBUG, and puts it back."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("daebus")
        self._previous: int | None = None

    def on(self) -> None:
        """Log everything."""
        if self._previous is None:
            self._previous = self._logger.level
            self._logger.setLevel(logging.DEBUG)

    def off(self) -> None:
        """Log what was logged before."""
        if self._previous is not None:
            self._logger.setLevel(self._previous)
            self._previous = None
