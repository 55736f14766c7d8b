"""The second half of a capture, read by a process of its own meanwhile: what it finds counts where it knew the same.

A process is forked at the beginning and reads from some way before the seam on. When the first half is read, both say
what they know there (`seam.known_at`). Where that is not the same, or anything at all went wrong over there, the second
half is read here, as if nobody else had tried. See docs/decisions/two-halves.md.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from types import TracebackType
from typing import BinaryIO, Generic, NoReturn, TypeVar

from daebus_console.engine.capture.reader import Place
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.replay.reading import Reading
from daebus_console.engine.replay.seam import Seam, known_at, seam_of
from daebus_console.engine.replay.source import Recording
from daebus_console.files import reading as files

Result = TypeVar("Result")

_HELD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Unfit(Exception):
    """The second half cannot be read apart from the first."""


def alone() -> bool:
    """Whether this process has one thread only: of what others do there would be half in a fork."""
    return threading.active_count() == 1


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def may_fork() -> bool:
    """Whether this process may have another one, and can wait for that: not where it was begun to ignore its end."""
    if not hasattr(os, "fork") or not alone():
        return False
    return signal.getsignal(signal.SIGCHLD) is not signal.SIG_IGN


class Halves(Generic[Result]):
    """Has the second half of `recording` read meanwhile, where that is worth it and can be. A context manager.

    Within it the exchanges of the recording are those of the first half, and `result` is what `work` returned over
    there, where the recording's exchanges were those of the second; or they are all there are, and `result` is None. Of
    the second half they are numbered by `shift` less than they are. `warm` is told those before the seam that the other
    process reads as well, and `fits` whether a result goes with what was told here. There is one half only where
    `numbers` tells that the work wants those of exchanges. Where `work` finds that it cannot go on without what was
    before, it raises Unfit.
    """

    def __init__(
        self,
        recording: Recording,
        work: Callable[[], Result],
        *,
        warm: Callable[[Exchange], object] = lambda _exchange: None,
        fits: Callable[[Result], bool] = lambda _result: True,
        numbers: bool = False,
    ) -> None:
        self.recording = recording
        self.result: Result | None = None
        self.shift = 0
        self._work, self._warm, self._fits, self._numbers = work, warm, fits, numbers
        self._seam: Seam | None = None
        self._pid = 0
        self._pipe: BinaryIO | None = None

    def __enter__(self) -> Halves[Result]:
        if not self._numbers and may_fork() and processors() > 1:
            # Where the file cannot be read that is told when it is; there may be no room for a process, or for a file.
            with contextlib.suppress(OSError):
                seam = seam_of(self.recording.stored)
                if seam is not None:
                    self._begin(seam)
                    self._seam, self.recording.instead = seam, self._first
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recording.instead = None
        self._end()

    def _begin(self, seam: Seam) -> None:
        reads, writes = os.pipe()
        parent = os.getpid()
        # An interrupt is the parent's to deal with; between the two neither would know whose it is.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
        try:
            self._pid = os.fork()
            if not self._pid:
                # What has a reader is never told that it has none.
                os.close(reads)
                self._second(seam, writes, parent)
            self._pipe = os.fdopen(reads, "rb")
        except OSError:
            os.close(reads)
            raise
        finally:
            os.close(writes)
            try:
                # What came meanwhile comes now.
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            except BaseException:
                self._end()
                raise

    def _end(self) -> None:
        """See that the other process is gone, whatever it was doing."""
        pid, self._pid = self._pid, 0
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()

    # Here ------------------------------------------------------------------------------------------------------

    def _first(self) -> Iterator[Exchange]:
        """The exchanges of the first half, once the second half is there; else all of them."""
        assert self._seam is not None, "there are two halves"
        reading = self.recording.reading()
        with reading.reader:
            yield from reading.until(self._seam.at)
            if reading.reader.reached and self._take_over(reading):
                return
            self._end()
            yield from reading.exchanges()
            self.recording.know(reading)

    def _take_over(self, reading: Reading) -> bool:
        """Whether the other process knew the same, and has come to its end; then that is the end of ours."""
        known = known_at(reading)
        if known is None or self._pipe is None:
            return False
        try:
            there, number = pickle.load(self._pipe)
            if there != known:
                return False
            result, warnings = pickle.load(self._pipe)
        except (EOFError, pickle.UnpicklingError):
            return False
        pid, self._pid = self._pid, 0
        if os.waitpid(pid, 0)[1] or not self._fits(result):
            return False
        self.shift = reading.journal.next_number - number
        self.result = result
        self.recording.know(reading, warnings)
        return True

    # There -----------------------------------------------------------------------------------------------------

    def _second(self, seam: Seam, pipe: int, parent: int) -> NoReturn:
        """The whole life of the other process. Nothing that it inherited is ended or flushed here."""
        status = 1
        try:
            for number in _HELD_BACK:
                signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
            self._read(seam, pipe, parent)
            status = 0
        finally:
            os._exit(status)

    def _read(self, seam: Seam, pipe: int, parent: int) -> None:
        recording = self.recording
        before = islice(recording.stored.blocks(), seam.before // files.BLOCK)
        reading = recording.reading(Place(seam.before, sum(block.count(b"\n") for block in before)))

        def look() -> None:
            if os.getppid() != parent or reading.correlator.losses:
                raise Unfit

        reading.look = look
        for exchange in reading.until(seam.at):
            self._warm(exchange)
        known = known_at(reading)
        if not reading.reader.reached or known is None:
            raise Unfit
        told = len(reading.reader.warnings)
        with open(pipe, "wb") as there:
            there.write(pickle.dumps((known, reading.journal.next_number)))
            there.flush()
            recording.instead = reading.exchanges
            result = self._work()
            look()
            there.write(pickle.dumps((result, reading.reader.warnings[told:])))
