"""Speaking to a shell: results on standard output, everything else on standard error.

Everything is cleaned here, on its way out. Colour only where a person looks: not into a pipe, not with NO_COLOR; with
FORCE_COLOR everywhere. Standard output that takes no more shows as StreamError; a reader that has gone also, and before
that in `closed`. Standard error that takes no more is not worth a word, and nobody would read it.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, BinaryIO

from daebus_console.commands.errors import CommandError
from daebus_console.commands.grammar.explain import explain
from daebus_console.files.places import StreamError
from daebus_console.render import Line, Span, fit, line, to_record, to_text

PIPE_WIDTH = 400
"""Cells of a line in a list of many, where no terminal bounds it."""

_AT_ONCE = 64 * 1024
"""Characters that are written together, where there are many."""
_ASCII_SIGNS = str.maketrans({"→": ">", "←": "<", "»": "}", "…": ".", "×": "x", "●": "*", "µ": "u"})
"""For terminals that know no more; one character for each, so that columns stay aligned."""


class TerminalOutput:
    """The Output of the shell; see `commands.context.Output`."""

    def __init__(self, out: IO[str], err: IO[str]) -> None:
        self._out, self._err = out, err
        self._lock = threading.Lock()
        for stream in (out, err):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="backslashreplace")
        self._ascii = not _is_unicode(out)
        self._out_colour, self._err_colour = _colour(out), _colour(err)
        self._err_is_terminal = err.isatty()
        self._transient = False
        self._typed_over = False
        """Whether a terminal has shown the ^C of an interrupt since the last line."""
        self._pending = False
        """Whether text was printed since the last flush before bytes."""
        self._broken = False
        self._poll = select.poll()
        try:
            self._poll.register(out.fileno(), 0)
        except (OSError, ValueError):
            # Not a file of the system; it cannot be closed from the other side either.
            self._poll = select.poll()

    @property
    def width(self) -> int:
        """The terminal's width, or a generous one in a pipe."""
        return shutil.get_terminal_size((100, 24)).columns if self._out.isatty() else PIPE_WIDTH

    def result(self, lines: Iterable[Line]) -> None:
        """Print lines on standard output."""
        with self._lock:
            self._wipe()
            for one in lines:
                self._print(self._text(one, self._out_colour) + "\n")

    def exactly(self, texts: Iterable[str], shown: Callable[[str], str] = str) -> None:
        """Print texts one behind the other as they are, in UTF-8; on a terminal `shown` of each, cleaned, by lines."""
        buffer = getattr(self._out, "buffer", None)
        if buffer is None or self._out.isatty():
            for text in texts:
                self.result(line(one) for one in shown(text.removesuffix("\n")).split("\n"))
            return
        some: list[str] = []
        room = _AT_ONCE
        try:
            for text in texts:
                some.append(text)
                room -= len(text)
                if room <= 0:
                    self._bytes(buffer, some)
                    room = _AT_ONCE
        except BaseException:
            # What came before it is put out all the same.
            with contextlib.suppress(StreamError):
                self._bytes(buffer, some)
            raise
        self._bytes(buffer, some)

    def _bytes(self, buffer: BinaryIO, texts: list[str]) -> None:
        """Write and clear them."""
        data = "".join(texts).encode("utf-8", "backslashreplace")
        texts.clear()
        with self._lock, self._telling():
            self._wipe()
            if self._pending:
                self._out.flush()
                self._pending = False
            buffer.write(data)

    def record(self, value: Any) -> None:
        """Print one JSON value on a line of standard output."""
        try:
            text = to_record(value, ascii_only=self._ascii)
        except RecursionError:
            text = to_record(_shallow(value), ascii_only=self._ascii)
        with self._lock:
            self._wipe()
            self._print(text + "\n")

    def note(self, text: str) -> None:
        """Say something on standard error."""
        self._say([line(Span(one, "dim")) for one in text.split("\n")])

    def progress(self, line: Line, *, transient: bool = False) -> None:
        """Say how it goes, on standard error; transient lines only where a person looks, and in place."""
        if not transient:
            self._say([line])
        elif self._err_is_terminal:
            with self._lock:
                shown = self._text(fit(line, shutil.get_terminal_size((80, 24)).columns - 1), self._err_colour)
                self._whisper(f"\r\x1b[2K{shown}")
                self._transient, self._typed_over = bool(shown), False

    def error(self, text: str) -> None:
        """Say on standard error what went wrong."""
        first, *others = text.split("\n")
        self._say([line(Span("error: ", "error"), first), *(line(other) for other in others)])

    def mistake(self, error: CommandError) -> None:
        """Show on standard error what is wrong with the command, and where."""
        columns = shutil.get_terminal_size((80, 24)).columns if self._err_is_terminal else None
        self._say(explain(error, "daebus-console ", columns))

    def interrupted(self) -> None:
        """An interrupt came: what is said next begins on a line of its own. May be called in the midst of anything."""
        self._typed_over = self._err_is_terminal

    def settle(self) -> None:
        """Leave the terminal at the beginning of a line, without what was only transient."""
        with self._lock:
            self._wipe()

    def flush(self) -> None:
        """Let everything be seen. Raises StreamError where that cannot be."""
        with self._lock, self._telling():
            self._out.flush()

    def abandon(self) -> None:
        """Standard output takes no more: what is said from now on does not wait for it."""
        self._broken = True

    @property
    def closed(self) -> bool:
        """Whether the reader of standard output has gone."""
        return any(event & (select.POLLERR | select.POLLHUP) for _file, event in self._poll.poll(0))

    def close(self) -> None:
        """Flush as far as that is possible, and see to it that nothing complains when the process ends."""
        # Without the lock, which somebody may have for good who writes where nobody reads.
        self._wipe()
        for stream in (self._out, self._err):
            try:
                stream.flush()
            except (OSError, ValueError):
                # The interpreter flushes again at its end, and would print a traceback then.
                with contextlib.suppress(OSError, ValueError):
                    nowhere = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(nowhere, stream.fileno())
                    os.close(nowhere)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            self._broken = True
            raise StreamError(error) from None

    def _print(self, text: str) -> None:
        self._pending = True
        with self._telling():
            self._out.write(text)

    def _whisper(self, text: str) -> None:
        """Write to standard error, if it can be."""
        with contextlib.suppress(OSError, ValueError):
            self._err.write(text)
            self._err.flush()

    def _say(self, lines: Iterable[Line]) -> None:
        with self._lock:
            if not self._broken:
                with self._telling():
                    self._out.flush()
            self._wipe()
            self._whisper("".join(self._text(one, self._err_colour) + "\n" for one in lines))

    def _text(self, one: Line, colour: bool) -> str:
        text = to_text(one, colour)
        return text.translate(_ASCII_SIGNS) if self._ascii else text

    def _wipe(self) -> None:
        if self._transient:
            self._whisper("\r\x1b[2K")
        elif self._typed_over:
            self._whisper("\n")
        self._transient = self._typed_over = False


def _colour(stream: IO[str]) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _is_unicode(stream: IO[str]) -> bool:
    try:
        "→é日".encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _shallow(value: Any) -> Any:
    """A record without the payload that is too deep for JSON's writer; it says so."""
    if isinstance(value, dict) and "payload" in value:
        return {**value, "payload": None, "error": "nested too deeply to be shown"}
    return {"error": "nested too deeply to be shown"}
