"""From a file, gzipped or not, to blocks of lines, however damaged it is. Holds no more than a block and a line."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator
from itertools import chain
from typing import Any

from daebus_console.engine.capture.format import LONGEST_LINE, CaptureError
from daebus_console.files.places import FileError
from daebus_console.files.reading import Stored

Progress = Callable[[int, int], None]
"""Told how many bytes of the file are read, and of how many; 0 where nobody knows."""

_BLOCK = 256 * 1024
_LONGEST_HEADER = 64 * 1024
_CRUMB = 64
_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"


class CaptureSource:
    """The lines of a file, read from its beginning.

    Gzip is told by the first bytes, not by the name. `problem` says what kept it from being read to its end, if
    anything did; `rest` is what follows the last line end, once the blocks are through.
    """

    def __init__(self, stored: Stored, progress: Progress | None) -> None:
        self.stored = stored
        self.problem: str | None = None
        self.rest = b""
        self._progress = progress
        self._texts = self._unzipped()

    def close(self) -> None:
        """Read no further. Harmless when it is closed already."""
        self._texts.close()

    def first_line(self) -> bytes:
        """The first line, without its end; as much as a header may have where it does not end. Call it first."""
        text = b""
        while b"\n" not in text and len(text) < _LONGEST_HEADER and (more := next(self._texts, b"")):
            text += more
        # Editors on Windows put a mark before it.
        line, _end, self.rest = text.removeprefix(_MARK).partition(b"\n")
        return line[:_LONGEST_HEADER]

    def blocks(self) -> Iterator[list[bytes]]:
        """The other lines, without their ends, many at a time. Raises CaptureError for one beyond all reason."""
        parts: list[bytes] = []
        size = 0
        for text in chain((self.rest,), self._texts):
            lines = text.split(b"\n")
            parts.append(lines[0])
            size += len(lines[0])
            if size > LONGEST_LINE:
                most = LONGEST_LINE // 1024 // 1024
                raise CaptureError(f"{self.stored.name}: one line is longer than {most} MB, which no message is")
            if len(lines) > 1:
                lines[0] = b"".join(parts)
                parts = [lines.pop()]
                size = len(parts[0])
                yield lines
        self.rest = b"".join(parts)

    def _raw(self) -> Iterator[bytes]:
        done, stored = 0, self.stored
        while True:
            try:
                block = stored.read(done)
            except FileError as error:
                self.problem = f"the file cannot be read to its end ({error})"
                return
            if not block:
                if done < stored.size:
                    self.problem = f"the file became shorter while it was read: {stored.size - done} bytes are gone"
                return
            done += len(block)
            yield block
            if self._progress is not None:
                self._progress(done, stored.size)

    def _unzipped(self) -> Generator[bytes, None, None]:
        raw = self._raw()
        first = next(raw, b"")
        while len(first) < len(_GZIP) and (more := next(raw, b"")):
            first += more
        if not first.startswith(_GZIP):
            yield first
            yield from raw
            return
        unzip = zlib.decompressobj(31)
        for block in chain((first,), raw):
            data = block
            while data:
                before = unzip.copy()
                try:
                    text = unzip.decompress(data, _BLOCK)
                except zlib.error:
                    self.problem = "the gzip stream is damaged and cannot be read to its end"
                    yield _salvage(before, data)
                    return
                if text:
                    yield text
                data = unzip.unconsumed_tail
                if unzip.eof and unzip.unused_data.strip(b"\0"):
                    # Several gzip files behind one another are one as well.
                    data, unzip = unzip.unused_data, zlib.decompressobj(31)
        if text := unzip.flush():
            yield text
        if not unzip.eof and not self.stored.being_written:
            self.problem = self.problem or "the gzip stream ends early: the recording was cut off"


def _salvage(unzip: Any, data: bytes) -> bytes:
    """What can be had of a block in which a damage is: all but the few bytes before it."""
    texts = []
    try:
        for start in range(0, len(data), _CRUMB):
            texts.append(unzip.decompress(data[start : start + _CRUMB]))
    except zlib.error:
        pass
    return b"".join(texts)
