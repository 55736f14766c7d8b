"""Texts in records: cut to a length, whatever they are of, and made without raising."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from daebus.errors import class_of
from daebus.masking import MASK, looks_secret, masked_text, masked_value
from daebus.saying import said, trace_of

NAME = 200
"""Characters of the name of an action, a channel or a service."""
ID = 1000
"""Characters of an id, which is only of use as a whole. Ours have 32."""
ERROR = 2048
"""Characters of what an error says, and of a line in the log."""
TRACEBACK = 8192
PAYLOAD = 4096
VALUE = 200
"""Characters of a local variable."""
MOST_FRAMES = 20
MOST_LOCALS = 50


def cut(text: str, limit: int) -> str:
    """The text, or its beginning and how long it is."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def cut_id(given: Any) -> Any:
    """The id of a message, which may be text, a number, true, false or None."""
    return cut(given, ID) if isinstance(given, str) else given


def cut_within(text: str, limit: int) -> str:
    """The text without its middle: of a traceback, beginning and end say most."""
    if len(text) <= limit:
        return text
    begin, end = limit // 4, limit - limit // 4
    return f"{text[:begin]}\n... ({len(text) - limit} characters left out)\n{text[-end:]}"


def told_of(error: BaseException) -> tuple[str, str, str | None]:
    """The class of an exception, what it says, and its traceback; None where that cannot be had."""
    trace = trace_of(error, limit=-100)
    return cut(class_of(error), NAME), cut(said(error), ERROR), None if trace is None else cut_within(trace, TRACEBACK)


def frames_of(error: BaseException) -> list[dict[str, Any]]:
    """The innermost frames that an exception came through: `file`, `line`, `function` and `locals`."""
    try:
        found = list(_walked(error.__traceback__))[-MOST_FRAMES:]
        return [
            {
                "file": frame.f_code.co_filename,
                "line": line,
                "function": frame.f_code.co_qualname,
                "locals": _locals_of(frame),
            }
            for frame, line in found
        ]
    except Exception:  # noqa: BLE001 - they are told where they can be
        return []


def _walked(trace: TracebackType | None) -> Iterator[tuple[FrameType, int | None]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _locals_of(frame: FrameType) -> dict[str, str]:
    values = list(frame.f_locals.items())[:MOST_LOCALS]
    return {cut(name, NAME): MASK if looks_secret(name) else _shown(value) for name, value in values}


class _Short(reprlib.Repr):
    """A `repr` that looks at little of what is large, and begins as the whole one does: what it leaves out is its end.

    Of what has been cut in its middle nobody can tell whether the rest is that of a secret.
    """

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxdeque = 20

    def repr_str(self, value: str, _level: int) -> str:
        """See `reprlib.Repr`."""
        return repr(value[: 2 * VALUE])

    def repr_instance(self, value: Any, _level: int) -> str:
        """See `reprlib.Repr`. What the value's own code makes is cut after it has been masked."""
        if isinstance(value, bytes | bytearray):
            return repr(bytes(value[: 2 * VALUE]))
        return masked_text(repr(value)[: 10 * VALUE])


_short = _Short()


def _shown(value: object) -> str:
    try:
        text = masked_text(_short.repr(value))
        if len(text) <= VALUE:
            return text
        # Of most of what is large only the beginning was looked at.
        known = type(value) in (str, bytes, bytearray)
        length = f" ({len(value)} {'characters' if isinstance(value, str) else 'bytes'})" if known else ""  # type: ignore[arg-type]
        return f"{text[:VALUE]}...{length}"
    except BaseException:  # noqa: BLE001 - its own code runs
        return f"<{class_of_value(value)}, which has no repr>"


def class_of_value(value: object) -> str:
    """The name of its class."""
    return cut(type(value).__name__, NAME)


def payload_text(payload: Any) -> str | None:
    """A payload as JSON, without its secrets, and cut; None where it cannot be written."""
    try:
        return cut(json.dumps(masked_value(payload), separators=(",", ":"), ensure_ascii=False), PAYLOAD)
    except Exception:  # noqa: BLE001 - the handler has had it, and may have put anything into it
        return None
