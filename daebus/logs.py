"""How the log of a service looks where the program has set up no logging of its own. Does nothing at import."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar

from .context import about
from .errors import class_of, said_by
from .masking import without_passwords, without_passwords_in
from .wire.envelope import Request
from .wire.values import plain

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
LONGEST = 100_000
"""Characters of a text in a line of JSON, at most: readers of logs refuse or cut much longer ones."""
_FIELDS = ("service", "instance", "action", "request_id")
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_OURS = frozenset(("time", "level", "logger", "exception", "stack", "extra"))
"""Names that mean something else in a line than what a program gives by them."""


class ServiceFormatter(logging.Formatter):
    """Adds the action and the request id of a handler's own lines. Passwords in URLs are left out."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole line, with a traceback where there is one."""
        return without_passwords(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The formatted line, followed by what it belongs to."""
        line = super().formatMessage(record)
        fields = vars(record)
        if fields.get("action") is None or "service" not in fields:
            return line
        # A one-way message has no request id.
        known = [fields["action"], fields.get("request_id")]
        return f"{line}  [{' '.join(_shown(each) for each in known if each is not None)}]"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (ISO 8601, UTC), `level`, `logger`, `message`; and where they are known `service`,
    `instance`, `action`, `request_id`, `exception` (the traceback), `stack` (what `stack_info` asks for) and what the
    program gave as `extra`, by its name; what has the name of another field is in an object `extra`.

    Whatever a record holds, a line of ASCII comes of it: values that cannot be written are said to be so, texts of more
    than LONGEST characters are cut, and passwords in URLs are left out.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _text(record.getMessage, lambda: f"{_written(record.msg)} {_written(record.args)}"),
        }
        found = about()
        for field in _FIELDS:
            # What the record says of itself counts more than what is being done on this thread.
            value = getattr(record, field, None)
            if value is not None or (value := found.get(field)) is not None:
                line[field] = _value(value)
        line |= _given(record)
        exception = self._exception(record)
        if exception:
            line["exception"] = exception
        if record.stack_info:
            line["stack"] = _text(lambda: self.formatStack(str(record.stack_info)))
        return json.dumps(line)

    def _exception(self, record: logging.LogRecord) -> str:
        found = record.exc_info
        if not found or not found[1]:
            return _text(lambda: record.exc_text or "")
        error = found[1]
        return _text(lambda: self.formatException(found), lambda: f"{class_of(error)}: {said_by(error)}")


def _given(record: logging.LogRecord) -> dict[str, Any]:
    """What the program gave as `extra`, but for what belongs to the service, which has its place already."""
    found: dict[str, Any] = {}
    for name, value in vars(record).items():
        if name in _OURS:
            found.setdefault("extra", {})[name] = _value(value)
        elif name not in _USUAL and name not in _FIELDS:
            found[name if isinstance(name, str) else _written(name)] = _value(value)
    return found


def _text(made: Callable[[], str], otherwise: Callable[[], str] = lambda: "") -> str:
    """The text that `made` makes, which may run code of anybody, fit for a line."""
    try:
        text = str.__str__(made())
    except Exception as error:  # noqa: BLE001 - a line in the log must not be an error
        text = f"{otherwise()} (cannot be written: {class_of(error)})".lstrip()
    text = without_passwords(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def _shown(value: object) -> str:
    """For a line of text: what came over the bus ends no line, and begins none."""
    text = str(value)
    return text if text.isprintable() else ascii(text)


def _written(value: object) -> str:
    return _text(lambda: repr(value), lambda: f"a {type(value).__name__}")


def _value(value: object) -> Any:
    """A value as JSON has it; as text, where it has no form for it."""
    if isinstance(value, str):
        return _text(lambda: value)
    try:
        text = json.dumps(value, allow_nan=False, default=plain)
        if len(text) <= LONGEST:
            found = json.loads(text)
            return without_passwords_in(found) if "://" in text else found
    except Exception:  # noqa: BLE001, S110 - as text, then
        pass
    return _written(value)


FORMATS: dict[str, Callable[[], logging.Formatter]] = {"text": lambda: ServiceFormatter(FORMAT), "json": JsonFormatter}
"""The formatters that there are, by name."""


def configure(form: str = "text") -> None:
    """Log to standard error from INFO on, in one of FORMATS, unless the root logger has a handler already."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[form]())
    root.addHandler(handler)
    root.setLevel(logging.INFO)


def stay_on() -> None:
    """Have the logger of a service on: `logging.config` turns off what it finds and does not name, unless it is told
    `disable_existing_loggers: False`, and then nobody would hear why a service fails. A level silences it.
    """
    logging.getLogger("daebus").disabled = False


def note(
    logger: logging.Logger,
    level: int,
    line: str,
    *details: object,
    error: BaseException | None = None,
    request: Request | None = None,
) -> None:
    """Log a line, with the traceback of an `error`, where an answer is yet to be made.

    `request` is what it is about, where no handler has it yet. Raises nothing: neither what an exception's own code
    does, nor a handler or filter of the program's logging, is to keep the answer from whoever waits for it.
    """
    fields = None if request is None else {"action": request.action, "request_id": request.request_id}
    try:
        logger.log(level, line, *details, exc_info=error, stacklevel=2, extra=fields)
    except BaseException:  # noqa: BLE001 - see above
        if error is not None:
            line = f"{line} (%s, of which there is no traceback)"
            note(logger, level, line, *details, class_of(error), request=request)


class DebugLevel:
    """Lowers the level of the logger `daebus` to DEBUG, and puts it back when nobody wants it any more.

    All apps of a process have that logger in common.
    """

    _wanting: ClassVar[set[DebugLevel]] = set()
    _before: ClassVar[dict[None, int]] = {}
    """The level that it had, while that is lowered."""

    def on(self) -> None:
        """Log everything."""
        logger = logging.getLogger("daebus")
        self._wanting.add(self)
        self._before.setdefault(None, logger.level)
        logger.setLevel(logging.DEBUG)

    def off(self) -> None:
        """Log what was logged before, unless another app wants everything."""
        self._wanting.discard(self)
        if not self._wanting and (before := self._before.pop(None, None)) is not None:
            logging.getLogger("daebus").setLevel(before)
