"""Reading files: what was there when they were opened, whatever becomes of their names meanwhile.

A pipe, a device and standard input can be read once only: what came from them is kept in a nameless file, so that it
can be read as often as a file can.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import tempfile
import threading
import weakref
from collections.abc import Iterator

from daebus_console.files.places import (
    STANDARD,
    FileError,
    GivenUp,
    descriptor,
    expanded,
    file_error,
    kind_of,
    never,
    reason_of,
)
from daebus_console.files.writing import is_marked

BLOCK = 256 * 1024
"""Bytes that are read at once."""
_TICK_MS = 200


class Stored:
    """The content of a file. Raises FileError where there is none to read.

    Of a file, what it held when it was opened: one that grows meanwhile has an end all the same. It closes by itself
    when nobody holds it any more. `given_up` ends the waiting for what a pipe is to bring.
    """

    def __init__(self, path: str | os.PathLike[str], *, given_up: GivenUp = never) -> None:
        self.path = expanded(path)
        self.name = _named(self.path)
        """As it is called in a sentence."""
        self._given_up = given_up
        self._lock = threading.Lock()
        self._stream: int | None = None
        try:
            file = _open(self.path)
        except FileError:
            raise
        except (OSError, ValueError) as error:
            raise _unreadable(self.path, error) from None
        self._closing = [weakref.finalize(self, os.close, file)]
        status = os.fstat(file)
        self.identity = (status.st_dev, status.st_ino)
        """The same for all names of one file."""
        if stat.S_ISDIR(status.st_mode):
            folder = IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            raise file_error(folder, f"{self.name} is a directory, not a file")
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        """Bytes of it; 0 where nobody knows before the end."""
        self.being_written = bool(self.size) and is_marked(file)
        """Whether a recording into it is under way."""
        self._file = file
        self._begin = 0
        if number_of(self.path) is not None and self.size:
            # What somebody else has read of it already is not ours.
            self._begin = min(os.lseek(file, 0, os.SEEK_CUR), self.size)
            self.size -= self._begin
        elif not self.size:
            # What has no size may have content all the same: pipes, and what lies in /proc.
            self._stream, self._file = file, self._nameless()
            self._stored = 0

    @property
    def regular(self) -> bool:
        """Whether any part of it can be read at once."""
        return self._stream is None

    def close(self) -> None:
        """Give it back now. Harmless when that was done."""
        for close in self._closing:
            close()

    def read(self, offset: int) -> bytes:
        """Some of it from `offset` on; nothing at its end. Raises FileError."""
        try:
            if self._stream is None:
                most = min(BLOCK, self.size - offset)
                return os.pread(self._file, most, self._begin + offset) if most > 0 else b""
            with self._lock:
                return self._streamed(offset)
        except OSError as error:
            raise _unreadable(self.path, error) from None

    def blocks(self) -> Iterator[bytes]:
        """All of it, from its beginning."""
        offset = 0
        while block := self.read(offset):
            offset += len(block)
            yield block

    def lines(self, longest: int) -> Iterator[bytes]:
        """Its lines, with their ends. Raises FileError at one of more than `longest` bytes."""
        rest = bytearray()
        for block in self.blocks():
            start = 0
            while (end := block.find(b"\n", start)) >= 0:
                rest += block[start : end + 1]
                self._check(rest, longest)
                yield bytes(rest)
                rest.clear()
                start = end + 1
            rest += block[start:]
            self._check(rest, longest)
        if rest:
            yield bytes(rest)

    def _check(self, line: bytearray, longest: int) -> None:
        if len(line) > longest:
            raise FileError(errno.EFBIG, f"{self.name}: one line is longer than {longest // 1024 // 1024} MB")

    def all(self, most: int) -> bytes:
        """All of it. Raises FileError where that is more than `most` bytes."""
        found = bytearray()
        if self.size <= most:
            for block in self.blocks():
                found += block
                if len(found) > most:
                    break
        if self.size > most or len(found) > most:
            raise FileError(errno.EFBIG, f"{self.name} is larger than {most // 1024 // 1024} MB")
        return bytes(found)

    def _streamed(self, offset: int) -> bytes:
        if offset < self._stored:
            return os.pread(self._file, min(BLOCK, self._stored - offset), offset)
        assert self._stream is not None, "only what is no file is streamed"
        block = self._next(self._stream)
        view = memoryview(block)
        while view:
            done = os.pwrite(self._file, view, self._stored)
            self._stored += done
            view = view[done:]
        return block

    def _next(self, stream: int) -> bytes:
        """What comes next, once there is something; nothing when nobody is left to bring anything."""
        poll = select.poll()
        poll.register(stream, select.POLLIN)
        while True:
            while not poll.poll(_TICK_MS):
                if self._given_up():
                    raise OSError(errno.EINTR, "nothing came, and it was given up")
            with contextlib.suppress(BlockingIOError):
                return os.read(stream, BLOCK)

    def _nameless(self) -> int:
        try:
            file, name = tempfile.mkstemp(prefix="daebus-")
            os.unlink(name)
        except OSError as error:
            raise FileError(error.errno, f"{self.name} cannot be kept: {reason_of(error)}") from None
        self._closing.append(weakref.finalize(self, os.close, file))
        return file


def number_of(path: str) -> int | None:
    """The descriptor that is meant, where it is one."""
    return 0 if path == STANDARD else descriptor(path)


def _open(path: str) -> int:
    number = number_of(path)
    if number is None:
        # A named pipe without a writer would not even let itself be opened otherwise.
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        os.pread(number, 0, 0)
    except OSError as error:
        if error.errno == errno.EBADF:
            raise FileError(errno.EBADF, f"{_named(path)} is closed, or not open for reading") from None
    return os.dup(number)


def _named(path: str) -> str:
    return "standard input" if path == STANDARD else path


def _unreadable(path: str, error: OSError | ValueError) -> FileError:
    missing = isinstance(error, FileNotFoundError)
    return file_error(
        error, f"there is no file {path}" if missing else f"{_named(path)} cannot be read: {reason_of(error)}"
    )


def read_regular(path: str | os.PathLike[str], most: int) -> bytes:
    """What a file of ours holds. Raises FileNotFoundError, and FileError where it is none, or larger than `most` bytes.

    Never waits: a named pipe or a device in its place is refused.
    """
    shown = expanded(path)
    try:
        file = os.open(shown, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise _unreadable(shown, error) from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise FileError(errno.EINVAL, f"{shown} is {kind_of(status.st_mode)}, not a regular file")
        found = bytearray()
        while block := os.read(file, BLOCK):
            found += block
            if len(found) > most:
                raise FileError(errno.EFBIG, f"{shown} is larger than {most // 1024 // 1024} MB")
        return bytes(found)
    except FileError:
        raise
    except OSError as error:
        raise _unreadable(shown, error) from None
    finally:
        os.close(file)
