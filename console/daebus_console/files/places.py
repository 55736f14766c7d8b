"""What a name stands for before anything is opened: a file, standard input or output, or a descriptor."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable

STANDARD = "-"
"""Standard input or output, where a verb takes a file."""
GivenUp = Callable[[], bool]
"""Asked while nobody is at the other end of a pipe: whether to wait no longer."""

_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_NUMBERED = re.compile(r"(?:/dev/fd|/proc/(?:self|thread-self)/fd)/(\d{1,6})")


class FileError(OSError):
    """A file cannot be read or written; the text says which and why. `reason` is what the system said, if it did."""

    reason = ""

    def __str__(self) -> str:
        return self.strerror or ""


class FileThere(FileError, FileExistsError):
    """There is such a file already."""


class FileMissing(FileError, FileNotFoundError):
    """There is no such file, or no such folder."""


class StreamError(Exception):
    """Standard output takes no more; the text says why. `quiet` where its reader has gone: it has what it wanted."""

    def __init__(self, error: OSError | ValueError) -> None:
        closed = isinstance(error, ValueError) or error.errno == errno.EBADF
        reason = "it is closed" if closed else reason_of(error)
        super().__init__(f"cannot write to standard output: {reason}")
        self.quiet = isinstance(error, BrokenPipeError)


def never() -> bool:
    """Wait as long as it takes."""
    return False


def expanded(path: str | os.PathLike[str]) -> str:
    """The path with a leading `~` as the home directory."""
    return os.path.expanduser(os.fspath(path))


def descriptor(path: str) -> int | None:
    """The number where the path names one of our own descriptors. Raises FileError where none of that number was given.

    Such a name is not opened anew, which would begin at the start of a file that somebody else has begun.
    """
    number = _STREAMS.get(path)
    if number is None:
        found = _NUMBERED.fullmatch(path)
        if found is None:
            return None
        number = int(found[1])
    try:
        # What we opened ourselves, such as the connection to Redis, is not inherited and nobody's business.
        given = number <= 2 or os.get_inheritable(number)
    except OSError:
        given = False
    if not given:
        raise FileError(errno.EBADF, f"{path}: no descriptor of that number was handed to us")
    return number


def is_standard_output(path: str) -> bool:
    """Whether the name means our own standard output."""
    try:
        return path == STANDARD or descriptor(path) == 1
    except FileError:
        return False


def reason_of(error: OSError | ValueError) -> str:
    """Why, in the words of the system."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error)


def file_error(error: OSError | ValueError, text: str) -> FileError:
    """What the system said, with a text that names the file."""
    number = error.errno if isinstance(error, OSError) else None
    found = (FileMissing if number == errno.ENOENT else FileError)(number, text)
    found.reason = reason_of(error)
    return found


def kind_of(mode: int) -> str:
    """What a file of that mode is, for a sentence."""
    kinds = {
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(mode), "a file")
