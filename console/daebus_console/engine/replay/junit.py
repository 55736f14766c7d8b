"""A replay as a JUnit file, for what a CI shows: one test case for each exchange. Pure but for the file.

Cases are kept in a nameless file as they come, so that their number does not matter; the counts stand before them.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Container, Iterable
from types import TracebackType
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

from daebus_console.engine import jsontext
from daebus_console.engine.diff.values import Change, How
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.replay.replay import Outcome
from daebus_console.engine.replay.report import Result, Verdict, change_data, names_of
from daebus_console.files.places import FileError, GivenUp, file_error, never, reason_of
from daebus_console.files.writing import Writing
from daebus_console.naming import shown

_MOST_CHANGES = 50
_MOST_SIGNS = 400
_BLOCK = 256 * 1024
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JUnit:
    """Writes the file at `path`; `suite` names it all. A context manager: it stands once it is closed, not before.

    Raises FileError where it cannot be written; StreamError where it is standard output.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        suite: str,
        *,
        given_up: GivenUp = never,
        inputs: Container[tuple[int, int]] = (),
    ) -> None:
        self.suite = suite
        self.tests = self.failures = self.skipped = 0
        self.problem: FileError | None = None
        """Why it will not be written, though the replay goes on."""
        self._seconds = 0.0
        self._seen: set[int] = set()
        # One that was there is an earlier report under the same name: replacing it is what was asked for.
        self._file = Writing(path, force=True, private=False, given_up=given_up, inputs=inputs)
        self.path = self._file.path
        try:
            self._cases: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the other
        except OSError as error:
            self._file.discard()
            raise file_error(error, f"cannot write {self.path}: {reason_of(error)}") from None

    def __enter__(self) -> JUnit:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def add(self, outcome: Outcome, verdict: Verdict) -> None:
        """Write one case."""
        inside = ""
        if verdict.result is Result.UNCOMPARED or outcome.answer.status == "cancelled":
            self.skipped += 1
            inside = f"<skipped message={_attribute(verdict.reason or 'nothing to compare')}/>"
        elif verdict.result is not Result.SAME:
            self.failures += 1
            inside = _failure(verdict)
        self._seen.add(outcome.origin.number)
        self._case(outcome.origin, outcome.answer.latency or 0.0, inside)

    def leave_out(self, origins: Iterable[Exchange], reason: str) -> None:
        """Write one case for each exchange that has none yet: it was not sent, for that reason."""
        for origin in origins:
            if origin.number not in self._seen:
                self.skipped += 1
                self._case(origin, 0.0, f"<skipped message={_attribute(reason)}/>")

    def _case(self, origin: Exchange, seconds: float, inside: str) -> None:
        service, action = names_of(origin)
        self.tests += 1
        self._seconds += seconds
        name = f"#{origin.number} {shown(action, text=True)}"
        taken = _attribute(f"{seconds:.6f}")
        head = f"<testcase classname={_attribute(shown(service))} name={_attribute(name)} time={taken}>"
        if self.problem is None:
            try:
                self._cases.write(f"{head}{inside}</testcase>\n".encode())
            except OSError as error:
                # The replay goes on: what it sends matters more than what is written of it.
                self.problem = file_error(error, f"cannot write {self.path}: {reason_of(error)}")

    def close(self) -> None:
        """Complete the file. Raises FileError, StreamError."""
        if self._cases.closed:
            return
        try:
            self._complete()
        finally:
            self.discard()

    def discard(self) -> None:
        """Write nothing. Harmless when it is complete."""
        with contextlib.suppress(OSError):
            self._cases.close()
        self._file.discard()

    def _complete(self) -> None:
        if self.problem is not None:
            raise self.problem
        counts = f'tests="{self.tests}" failures="{self.failures}" skipped="{self.skipped}" errors="0"'
        name = _attribute(self.suite[:100])
        suite = f'<testsuite name={name} {counts} time="{self._seconds:.3f}">'
        self._file.write(f'<?xml version="1.0" encoding="UTF-8"?><testsuites>{suite}\n')
        try:
            self._cases.seek(0)
            while block := self._cases.read(_BLOCK):
                self._file.write(block)
        except FileError:
            raise
        except OSError as error:
            raise file_error(error, f"cannot write {self.path}: {reason_of(error)}") from None
        self._file.write(b"</testsuite></testsuites>\n")
        self._file.finish()


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
        return f"{change.path}: added {_value_text(data['after'])}"
    if change.how is How.REMOVED:
        return f"{change.path}: removed {_value_text(data['before'])}"
    return f"{change.path}: {_value_text(data['before'])} -> {_value_text(data['after'])}"


def _value_text(value: Any) -> str:
    """A value as short JSON."""
    try:
        text = jsontext.dumps(value)
    except RecursionError:
        return "(nested too deeply to be shown)"
    return text if len(text) <= _MOST_SIGNS else text[: _MOST_SIGNS - 1] + "…"


def _clean(text: str) -> str:
    return _NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _text(text: str) -> str:
    return escape(_clean(text))
