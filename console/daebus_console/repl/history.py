"""What was entered before: one file for each user, for both prompts, bounded, and without what is to be redacted.

The format is that of prompt_toolkit's FileHistory. Nobody else may read the file. One that cannot be read or written is
no history, and no error.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from prompt_toolkit.history import History

from daebus_console.commands.grammar.secrets import Masking, names_secret
from daebus_console.files.places import FileError
from daebus_console.files.reading import read_regular

MOST = 2_000
"""Entries that are kept."""
LARGEST = 64 * 1024 * 1024
"""Bytes of the largest file that is taken for a history."""
LONGEST = 20_000
"""Characters of an entry; a longer one is remembered until the console ends, but not kept."""


class EntryHistory(History):
    """The entries; without a path they are remembered in memory alone."""

    def __init__(self, path: Path | None, redact: Masking, most: int = MOST) -> None:
        super().__init__()
        self.path, self.redact, self.most = path, redact, most
        self.problem: str | None = None
        """Why entries are not kept, once they have been asked for."""

    def entries(self) -> list[str]:
        """The entries, oldest first; the file is read when they are first asked for."""
        if not self._loaded:
            self._loaded_strings = list(self.load_history_strings())
            self._loaded = True
        return self.get_strings()

    def load_history_strings(self) -> Iterable[str]:
        """The entries of the file, newest first."""
        try:
            return reversed(read(self.path, self.most) if self.path is not None else [])
        except FileError as error:
            # What cannot be read is not written either: it is something else.
            self.path, self.problem = None, f"What is entered is not kept: {error}"
            return []

    def append_string(self, string: str) -> None:
        """Remember an entry, and keep it unless it is the same as the one before, long, or secret."""
        string = string.strip()
        if not string or self.entries()[-1:] == [string]:
            return
        super().append_string(string)
        del self._loaded_strings[self.most :]

    def store_string(self, string: str) -> None:
        """Keep an entry in the file."""
        if self.path is not None and len(string) <= LONGEST and not names_secret(string, self.redact):
            append(self.path, string)


def read(path: Path, most: int = MOST) -> list[str]:
    """The latest entries, oldest first; a file with many more is cut down to them. Raises FileError."""
    try:
        text = read_regular(path, LARGEST).decode("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    found: list[str] = []
    block: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.startswith("+"):
            block.append(line[1:])
        elif block:
            found.append("\n".join(block))
            block = []
    if len(found) > most + most // 4:
        _rewrite(path, found[-most:])
    return found[-most:]


def append(path: Path, entry: str) -> None:
    """Keep an entry."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path, os.O_RDWR | os.O_APPEND | os.O_CREAT) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(_block(entry))
    except OSError:
        pass


def _rewrite(path: Path, entries: Iterable[str]) -> None:
    """Keep just these. Another console may append meanwhile: the file stays the same file, and is locked."""
    try:
        with _locked(path, os.O_RDWR) as file:
            file.truncate()
            file.write(b"".join(map(_block, entries)))
    except OSError:
        pass


@contextmanager
def _locked(path: Path, flags: int) -> Iterator[IO[bytes]]:
    """The file, ours alone for a while. Raises OSError, also where it is no regular file; waits for no pipe."""
    with open(os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o600), "r+b", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _block(entry: str) -> bytes:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S")
    lines = "".join(f"+{line}\n" for line in entry.split("\n"))
    return f"\n# {stamp}\n{lines}".encode("utf-8", errors="replace")
