"""A replay as a JUnit file, for what a CI shows: one test case for each exchange. Pure but for the file.

Cases are written as they come, so that their number does not matter; the counts at the head of the file come last.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

from daebus_console.engine import jsontext
from daebus_console.engine.diff.values import Change, How
from daebus_console.engine.replay.replay import Outcome
from daebus_console.engine.replay.report import Result, Verdict, change_data, names_of

_MOST_CHANGES = 50
_MOST_SIGNS = 400
_HEAD = 1_200
"""Bytes kept free at the beginning: more than the name and the counts can take."""
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JUnit:
    """Writes the file at `path`; `suite` names it all. A context manager. Raises OSError where it cannot be written."""

    def __init__(self, path: str | os.PathLike[str], suite: str) -> None:
        self.path = Path(path)
        self.suite = suite
        self.tests = self.failures = self.skipped = 0
        self._seconds = 0.0
        self._file: IO[bytes] = self.path.open("wb")
        self._file.write(b" " * _HEAD + b"\n")

    def __enter__(self) -> JUnit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, outcome: Outcome, verdict: Verdict) -> None:
        """Write one case."""
        service, action = names_of(outcome.origin)
        seconds = outcome.answer.latency or 0.0
        self.tests += 1
        self._seconds += seconds
        name = f"#{outcome.origin.number} {action}"
        head = f"<testcase classname={_attribute(service)} name={_attribute(name)} time={_attribute(f'{seconds:.6f}')}>"
        inside = ""
        if verdict.result is Result.UNCOMPARED:
            self.skipped += 1
            inside = f"<skipped message={_attribute(verdict.reason or 'nothing to compare')}/>"
        elif verdict.result is not Result.SAME:
            self.failures += 1
            inside = _failure(verdict)
        self._file.write(f"{head}{inside}</testcase>\n".encode())

    def close(self) -> None:
        """Complete the file."""
        if self._file.closed:
            return
        self._file.write(b"</testsuite></testsuites>\n")
        counts = f'tests="{self.tests}" failures="{self.failures}" skipped="{self.skipped}" errors="0"'
        name = _attribute(self.suite[:100])
        suite = f'<testsuite name={name} {counts} time="{self._seconds:.3f}">'
        head = f'<?xml version="1.0" encoding="UTF-8"?><testsuites>{suite}'.encode()
        self._file.seek(0)
        self._file.write(head)
        self._file.close()


def _failure(verdict: Verdict) -> str:
    if verdict.result is Result.FAILED:
        return f'<failure type="failed" message={_attribute(verdict.reason)}/>'
    shown = [change_text(change) for change in verdict.changes[:_MOST_CHANGES]]
    more = len(verdict.changes) - len(shown)
    text = "\n".join([*shown, *([f"... and {more} more"] if more else [])])
    return f'<failure type="changed" message={_attribute(shown[0])}>{_text(text)}</failure>'


def change_text(change: Change) -> str:
    """A difference on one line."""
    data = change_data(change)
    if change.how is How.ADDED:
        return f"{change.path}: added {value_text(data['after'])}"
    if change.how is How.REMOVED:
        return f"{change.path}: removed {value_text(data['before'])}"
    return f"{change.path}: {value_text(data['before'])} -> {value_text(data['after'])}"


def value_text(value: Any, most: int = _MOST_SIGNS) -> str:
    """A value as short JSON."""
    try:
        text = jsontext.dumps(value)
    except RecursionError:
        return "(nested too deeply to be shown)"
    return text if len(text) <= most else text[: most - 1] + "…"


def _clean(text: str) -> str:
    return _NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _text(text: str) -> str:
    return escape(_clean(text))
