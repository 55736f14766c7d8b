"""Writing files: beside their place first, and put there when they are complete, so that failing costs nothing.

A pipe, a device, a descriptor and standard output are written straight, without `force`. A name that ends in .gz or
.zst is compressed. A symbolic link stays one: what it names is written.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Container
from types import TracebackType
from typing import Any

from daebus_console.files.packing import packer_for
from daebus_console.files.places import (
    STANDARD,
    FileError,
    FileThere,
    GivenUp,
    StreamError,
    descriptor,
    expanded,
    file_error,
    kind_of,
    never,
    reason_of,
)

_BLOCK = 256 * 1024
_TICK = 0.1
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)


class Sink:
    """An open descriptor to write to, and how it comes to stand under its name. Made by `open_sink`."""

    def __init__(self, path: str, file: int, *, standard: bool = False) -> None:
        self.path = path
        """As it is shown."""
        self.file = file
        self.standard = standard
        """Whether it is standard output."""
        self.bytes = 0
        """Bytes written to it."""
        self.place = ""
        self.temporary: str | None = None
        self.replaces = False

    @property
    def straight(self) -> bool:
        """Whether what is written has gone at once, and is not under our name in a folder."""
        return not self.place

    def write(self, data: bytes | bytearray) -> None:
        """Write all of it. Raises OSError; `bytes` tells how far it came."""
        view = memoryview(data)
        while view:
            done = os.write(self.file, view)
            self.bytes += done
            view = view[done:]

    def stand(self) -> None:
        """Put it in its place. Raises OSError, FileThere where another has come there meanwhile."""
        if self.temporary is not None and self.temporary != self.place:
            if self.replaces:
                os.replace(self.temporary, self.place)
            else:
                _put(self.temporary, self.place)
        self.temporary = None

    @property
    def stands(self) -> bool:
        """Whether what stands in its place is still this file."""
        if self.straight:
            return True
        try:
            found, ours = os.stat(self.place), os.fstat(self.file)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)

    @property
    def removed(self) -> bool:
        """Whether nobody can open it any more, under whatever name."""
        return not self.straight and os.fstat(self.file).st_nlink == 0 and not self.stands

    def sync(self) -> None:
        """Make sure that it is on the disk, name and all. Raises OSError."""
        if self.straight:
            return
        os.fsync(self.file)
        # Some file systems cannot do that for a folder; what is in the file is safe in any case.
        with contextlib.suppress(OSError):
            folder = os.open(os.path.dirname(self.place), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def remove(self) -> None:
        """Take away what was made, unless it stands. Harmless when there is nothing."""
        if self.temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.temporary)
            self.temporary = None

    def close(self) -> None:
        """Give the descriptor back. Raises OSError."""
        file, self.file = self.file, -1
        if file >= 0:
            os.close(file)


def open_sink(
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    private: bool = True,
    live: bool = False,
    given_up: GivenUp = never,
    verb: str = "write",
    inputs: Container[tuple[int, int]] = (),
) -> Sink:
    """A sink for `path`. Raises FileThere where there is such a file and `force` is not set, FileError for all else.

    A `private` file may be read by its owner alone, whatever was there before; else the mode of what was there is kept.
    `live` makes a new file in its place from the start, marked as being written; until `stand`, `remove` takes it away.
    A named pipe waits for its reader until `given_up` says otherwise. `verb` says in errors what cannot be done. Of
    `inputs` (each the device and number of a file) none is replaced.
    """
    shown = expanded(path)
    try:
        return _sink(shown, force, private, live, given_up, inputs)
    except FileError:
        raise
    except (OSError, ValueError) as error:
        raise file_error(error, f"cannot {verb} {shown}: {reason_of(error)}") from None


def _sink(
    shown: str, force: bool, private: bool, live: bool, given_up: GivenUp, inputs: Container[tuple[int, int]]
) -> Sink:
    number = 1 if shown == STANDARD else descriptor(shown)
    if number is not None:
        return _no_terminal(Sink(shown, _duplicate(number), standard=number == 1))
    try:
        known = os.stat(shown)
    except FileNotFoundError:
        known = None
    if known is not None and not stat.S_ISREG(known.st_mode):
        return _no_terminal(Sink(shown, _open_special(shown, known.st_mode, given_up)))
    if known is not None and (known.st_dev, known.st_ino) in inputs:
        raise OSError(errno.EINVAL, "it is the file that is read; name another one")
    if known is not None and not force:
        raise FileThere(errno.EEXIST, f"{shown} is there already; use --force to overwrite it, or name another file")
    place = os.path.realpath(shown)
    if known is not None:
        _check_replaceable(place)
    if not os.path.basename(place) or shown.endswith("/"):
        raise OSError(errno.ENOENT, "there is no such folder")
    beside = known is not None or not live
    made = os.path.join(os.path.dirname(place), f".daebus-{secrets.token_hex(8)}.part") if beside else place
    try:
        file = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if private else 0o666)
    except FileExistsError:
        raise FileThere(errno.EEXIST, f"{shown} is there already; use --force to overwrite it") from None
    sink = Sink(shown, file)
    sink.place, sink.replaces = place, known is not None
    sink.temporary = made
    try:
        _dress(file, known, private)
        if live:
            _mark(file)
    except BaseException:
        sink.close()
        sink.remove()
        raise
    return sink


def _no_terminal(sink: Sink) -> Sink:
    """A message may hold what commands a terminal, so none of it goes there as it is."""
    if os.isatty(sink.file):
        sink.close()
        raise OSError(errno.ENOTSUP, "it is a terminal; name a file, or pipe it on")
    return sink


def _duplicate(number: int) -> int:
    file = os.dup(number)
    if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        os.close(file)
        raise OSError(errno.EBADF, "it is closed, or not open for writing")
    return file


def _open_special(path: str, mode: int, given_up: GivenUp) -> int:
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, "it is a directory")
    if not stat.S_ISFIFO(mode) and not stat.S_ISCHR(mode):
        raise OSError(errno.EINVAL, f"it is {kind_of(mode)}")
    while True:
        try:
            file = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
            break
        except OSError as error:
            if error.errno != errno.ENXIO or not stat.S_ISFIFO(mode):
                raise
            if given_up():
                raise OSError(errno.ENXIO, "nobody reads from it") from None
            time.sleep(_TICK)
    os.set_blocking(file, True)
    return file


def _check_replaceable(place: str) -> None:
    """Raise where the file that is there may not be replaced: it is write-protected, or being written."""
    if not os.access(place, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    try:
        file = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if is_marked(file):
            raise OSError(errno.EBUSY, "a recording into it is under way")
    finally:
        os.close(file)


def _mark(file: int) -> None:
    """Show to others that it is being written, as long as it is open."""
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_marked(file: int) -> bool:
    """Whether somebody is writing this file, as far as can be known."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _dress(file: int, known: os.stat_result | None, private: bool) -> None:
    """Mode and owner of what was there, as far as that is wanted and allowed."""
    if known is None:
        if private:
            os.fchmod(file, 0o600)
        return
    with contextlib.suppress(OSError):
        os.fchown(file, known.st_uid, known.st_gid)
    os.fchmod(file, 0o600 if private else stat.S_IMODE(known.st_mode))


def _put(temporary: str, place: str) -> None:
    """Put a new file in its place, never over another."""
    try:
        os.link(temporary, place)
    except FileExistsError:
        raise FileThere(errno.EEXIST, f"{place} has come into being meanwhile and is left as it is") from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(place):
            raise FileThere(errno.EEXIST, f"{place} has come into being meanwhile and is left as it is") from None
        os.rename(temporary, place)
    else:
        os.unlink(temporary)


class Writing:
    """A file that is written from beginning to end. A context manager: it stands at its end, unless an error ends it.

    Takes what `open_sink` takes. Raises FileError; StreamError where it is standard output.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        force: bool = False,
        private: bool = True,
        given_up: GivenUp = never,
        inputs: Container[tuple[int, int]] = (),
    ) -> None:
        self._packer = packer_for(expanded(path))
        self._sink = open_sink(path, force=force, private=private, given_up=given_up, inputs=inputs)
        self.path = self._sink.path
        self._buffer = bytearray()

    def __enter__(self) -> Writing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        else:
            self.discard()

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._sink.bytes

    def write(self, data: bytes | str) -> None:
        """Add bytes, or text as UTF-8."""
        self._buffer += data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data
        # What goes straight to somebody is not held back: they may be waiting for it.
        if len(self._buffer) >= _BLOCK or (self._sink.straight and self._packer is None):
            self._flush()

    def finish(self) -> None:
        """Put the complete file in its place. Harmless when it stands, or was given up."""
        if self._sink.file < 0:
            return
        try:
            self._flush(last=True)
            self._act(self._sink.sync)
            self._act(self._sink.stand)
            self._act(self._sink.close)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Leave everything as it was. Harmless when it stands."""
        with contextlib.suppress(OSError):
            self._sink.close()
        self._sink.remove()

    def _flush(self, *, last: bool = False) -> None:
        data: bytes | bytearray = self._buffer
        if self._packer is not None:
            data = self._packer.compress(data) + (self._packer.flush(last=True) if last else b"")
        self._buffer = bytearray()
        self._act(lambda: self._sink.write(data))

    def _act(self, action: Any) -> None:
        try:
            action()
        except FileError:
            raise
        except OSError as error:
            if self._sink.standard:
                raise StreamError(error) from None
            raise file_error(error, f"cannot write {self.path}: {reason_of(error)}") from None
