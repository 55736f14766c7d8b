"""From a file, compressed or not, to blocks of lines, however damaged it is. Holds no more than a block and a line."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import chain

from daebus_console.engine.capture.format import LONGEST_LINE, CaptureError
from daebus_console.engine.capture.unpacking import unpacked
from daebus_console.files.places import FileError
from daebus_console.files.reading import Stored

_LONGEST_HEADER = 64 * 1024
_MARK = b"\xef\xbb\xbf"


class CaptureSource:
    """The lines of a file, read from its beginning, or where it is not compressed from that byte on.

    `problem` says what kept it from being read to its end, if anything did, and `broken` the same in a word or two;
    `rest` is what follows the last line end, once the blocks are through. `offset` is how far the file was read.
    """

    def __init__(self, stored: Stored, offset: int = 0) -> None:
        self.stored = stored
        self.problem: str | None = None
        self.broken = ""
        self.rest = b""
        self.offset = offset
        self._texts = self._unpacked() if not offset else self._raw()

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

    def skip_line(self) -> None:
        """Leave out what is left of a line that began before. Call it first."""
        for text in self._texts:
            _line, end, self.rest = text.partition(b"\n")
            if end:
                return
        self.rest = b""

    def blocks(self) -> Iterator[bytes]:
        """The other lines, many at a time, without the last one's end.

        Raises CaptureError for one beyond all reason.
        """
        parts: list[bytes] = []
        size = 0
        for text in chain((self.rest,), self._texts):
            first, last = text.find(b"\n"), text.rfind(b"\n")
            size += first if first >= 0 else len(text)
            if size > LONGEST_LINE:
                most = LONGEST_LINE // 1024 // 1024
                raise CaptureError(f"{self.stored.name}: one line is longer than {most} MB, which no message is")
            if first < 0:
                parts.append(text)
                continue
            parts.append(text[:last])
            lines = b"".join(parts)
            parts = [text[last + 1 :]]
            size = len(parts[0])
            yield lines
        self.rest = b"".join(parts)

    def _raw(self) -> Generator[bytes, None, None]:
        stored = self.stored
        while True:
            done = self.offset
            try:
                block = stored.read(done)
            except FileError as error:
                self.problem, self.broken = f"the file cannot be read to its end ({error})", "broken off"
                return
            if not block:
                if done < stored.size:
                    self.problem = f"the file became shorter while it was read: {stored.size - done} bytes are gone"
                    self.broken = "cut off"
                return
            self.offset = done + len(block)
            yield block

    def _unpacked(self) -> Generator[bytes, None, None]:
        trouble = yield from unpacked(self._raw())
        if trouble is not None and not (trouble.ended and self.stored.being_written):
            self.problem = self.problem or trouble.text
            self.broken = self.broken or ("cut off" if trouble.ended else "damaged")
