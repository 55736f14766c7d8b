"""Recording: a capture file, written by a thread of its own so that whoever hands in messages never waits for a disk.

Each message is on its way to the operating system a quarter of a second after it came, so that a killed process
loses no more than that. An error of the disk ends the recording, is told once, and harms nobody else.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from pathlib import Path

from daebus_console.engine.capture.format import GapLine, SeenLine
from daebus_console.engine.capture.lines import Item, Lines
from daebus_console.engine.capture.tally import messages_in
from daebus_console.engine.hiding.redact import Redactor
from daebus_console.files.packing import packer_for
from daebus_console.files.places import GivenUp, StreamError, expanded, file_error, never, reason_of
from daebus_console.files.writing import Sink, open_sink

FLUSH_EVERY = 0.25
"""Seconds between writes."""
MOST_WAITING = 256 * 1024 * 1024
"""Bytes of data that may wait for the disk; what comes beyond that is left out, and the file says so with a gap."""
_Data = bytes  # the writer has a property of that name
_PER_MESSAGE = 200
_CHUNK = 1024 * 1024


class CaptureWriter:
    """Records into a new file at `path` until `close`; a name that ends in .gz or .zst is compressed.

    `redis_url` and `started` (epoch seconds) go into the header; `redact` masks in every message. Raises
    FileExistsError where there is such a file and `force` is not set, and OSError where it cannot be made; with
    `force`, what was there is replaced once the new file has begun. A pipe, a device and `-`, standard output, are
    written straight, the last with StreamError where it takes nothing; `given_up` ends the waiting for the reader of a
    pipe.

    `write`, `gap` and `seen` are for one thread at a time.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        redis_url: str,
        started: float,
        *,
        force: bool = False,
        redact: Redactor | None = None,
        given_up: GivenUp = never,
    ) -> None:
        self._packer = packer_for(expanded(path))
        self._sink: Sink = open_sink(path, force=force, live=True, verb="record to", given_up=given_up)
        self.path = Path(self._sink.path)
        self.written = 0
        """Messages in the file."""
        self.lost = 0
        """Messages that came in but are not in the file: the disk was too slow, or failed."""
        self.error: str | None = None
        """What ended the recording, if anything did."""
        self.removed = False
        """Whether that was because somebody removed the file, so that all that was in it is lost."""
        self.moved = False
        """Whether, at its end, the file did not stand in its place any more."""
        self.reader_gone = False
        """Whether that was the end of whoever read from standard output."""
        self._lines = Lines(redact)
        self._queue: deque[Item] = deque()
        self._taken_in = 0
        self._taken_out = 0
        self._skipped: tuple[float, float, int] | None = None
        self._seen = self._latest = 0.0
        self._closing = threading.Event()
        # At the last flush: how much was in the file; since then: how many messages were handed on.
        self._flushed, self._packed = 0, 0
        self._encoded = 0
        self._begin(self._lines.header(redis_url, started))
        self._thread = threading.Thread(target=self._run, name="daebus-console-recorder", daemon=True)
        self._thread.start()

    def __enter__(self) -> CaptureWriter:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def bytes(self) -> int:
        """Bytes in the file."""
        return self._sink.bytes

    @property
    def waiting(self) -> int:
        """Messages handed in that are not yet in the file."""
        return len(self._queue)

    def write(self, at: float, channel: str, data: _Data) -> None:
        """Record a message; returns at once, and never raises for what the disk does."""
        if self._taken_in - self._taken_out > MOST_WAITING or self.error is not None:
            self._skip(at)
            return
        if self._skipped is not None:
            self._tell_skipped()
        self._taken_in += len(data) + _PER_MESSAGE
        self._queue.append((at, channel, data))

    def gap(self, at: float, seconds: float, reason: str, *, partly: bool = False, lost: bool = True) -> None:
        """Record that from `at` on, nothing was seen for that many seconds.

        With `partly`, not everything was: to be called when that begins, with 0 seconds, and when it is over. Where
        nothing is `lost`, the clock has stepped.
        """
        if not lost:
            # By the clock that was.
            self._seen = 0.0
        if self.error is None:
            self._queue.append(GapLine(at, max(0.0, seconds), reason, partly, lost))

    def seen(self, at: float) -> None:
        """Record that until then nothing more passed, unless something that passes later says so before long."""
        self._seen = at

    def close(self) -> None:
        """Write what waits, make sure that it is on the disk, and end. Harmless when it has ended already."""
        self._tell_skipped()
        self._closing.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _skip(self, at: float) -> None:
        self.lost += 1
        start, _end, count = self._skipped or (at, at, 0)
        self._skipped = (start, at, count + 1)

    def _tell_skipped(self) -> None:
        if self._skipped is not None:
            (start, end, count), self._skipped = self._skipped, None
            self.gap(start, end - start, f"the disk was too slow: {count} messages are missing here")

    def _begin(self, header: bytearray) -> None:
        """Write the header at once, so that the file is a capture from the start."""
        sink = self._sink
        try:
            self._put(header, 0)
            self._flush()
            if sink.replaces:
                sink.sync()
            sink.stand()
        except OSError as error:
            sink.close()
            sink.remove()
            if sink.standard:
                raise StreamError(error) from None
            raise file_error(error, f"cannot record to {self.path}: {reason_of(error)}") from None

    # The writing thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            last = False
            while not last:
                last = self._closing.wait(FLUSH_EVERY)
                self._drain()
                self._tell_seen()
                self._flush(last=last)
                self._check_place()
            self._sink.sync()
            self.moved = not self._sink.stands
        except OSError as error:
            self._fail(error)
        finally:
            try:
                self._sink.close()
            except OSError as error:
                self._fail(error)

    def _drain(self) -> None:
        """Write what is waiting now, and not what comes meanwhile, lest a flush never be reached."""
        left = len(self._queue)
        while left:
            buffer = bytearray()
            messages = 0
            while left and len(buffer) < _CHUNK:
                messages += self._encode(self._queue.popleft(), buffer)
                left -= 1
            self._encoded += messages
            self._put(buffer, messages)

    def _tell_seen(self) -> None:
        """Where nothing came since something was to be said of the time until then."""
        seen = self._seen
        if seen > self._latest and not self._queue:
            self._latest = seen
            buffer = bytearray()
            self._lines.add(SeenLine(seen), buffer)
            self._put(buffer, 0)

    def _encode(self, item: Item, buffer: bytearray) -> int:
        """Add a line to the buffer; returns how many messages it holds."""
        found = self._lines.add(item, buffer)
        if isinstance(item, GapLine):
            if not item.lost:
                # What comes next has times of another clock.
                self._latest = 0.0
        elif not isinstance(item, SeenLine):
            self._latest = item[0]
            self._taken_out += len(item[2]) + _PER_MESSAGE
            self.lost += not found
        return found

    def _put(self, buffer: bytearray, messages: int) -> None:
        """Write lines that hold so many messages. What of them gets there is counted, whatever happens."""
        if not buffer:
            return
        if self._packer is not None:
            self._packed += messages
            self._sink.write(self._packer.compress(buffer))
            return
        before = self._sink.bytes
        try:
            self._sink.write(buffer)
        except OSError:
            self.written += messages_in(buffer[: self._sink.bytes - before])
            raise
        self.written += messages

    def _flush(self, *, last: bool = False) -> None:
        """See to it that all of it can be read from the file."""
        if self._packer is not None:
            self._sink.write(self._packer.flush(last=last))
            self._packer.arrived()
            self.written += self._packed
            self._flushed, self._packed = self._sink.bytes, 0

    def _check_place(self) -> None:
        """Raise OSError where what is written is for nobody."""
        if self._sink.removed:
            self.removed, self.written = True, 0
            raise OSError(errno.ENOENT, "the file was removed, and what was recorded is lost")

    def _count_packed(self) -> None:
        """Count what of the stretch since the last flush has got into the file."""
        if self._packer is not None and not self._sink.straight and self._sink.file >= 0:
            size = self._sink.bytes - self._flushed
            self.written += messages_in(self._packer.unpacked(os.pread(self._sink.file, size, self._flushed)))

    def _fail(self, error: OSError) -> None:
        if self.error is not None:
            return
        if not self.removed:
            self._count_packed()
        self.reader_gone = isinstance(error, BrokenPipeError) and self._sink.standard
        self.error = f"recording to {self.path} ended: {reason_of(error)}"
        waiting = sum(not isinstance(item, GapLine) for item in self._queue.copy())
        self.lost += self._encoded - self.written + waiting
        self._queue.clear()
