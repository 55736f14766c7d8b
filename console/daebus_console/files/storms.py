"""Where storms, files of faults, are kept by name: in a folder of the project, so that a team shares them.

That is `.daebus/storms` beside what is worked on: in the folder above (or here) that has a `.daebus` already, else in
that of the repository, else here. A bare name (`black-friday`) means a file there; whatever has a slash or an ending is
a file as it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from daebus_console.files.places import file_error

ENDING = ".toml"
FOLDER = Path(".daebus") / "storms"
MOST = 1_000
"""Files of the folder that are looked at."""
_NAME = re.compile(r"\w[\w-]{0,99}")
_HOMES = (".daebus", ".git")


def is_name(text: str) -> bool:
    """Whether it is a bare name, and no file."""
    return _NAME.fullmatch(text) is not None


def folder() -> Path:
    """Where they are kept; it need not be there."""
    here = Path.cwd()
    for home in _HOMES:
        for place in (here, *here.parents):
            if (place / home).exists() and place != Path.home() and place != Path(place.anchor):
                return place / FOLDER
    return here / FOLDER


def place_of(name: str) -> str:
    """The file of a storm, as short as can be said from here."""
    return shortly(folder() / f"{name}{ENDING}")


def shortly(path: Path) -> str:
    """A path as it is to be shown: from here, where it is below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def made_ready() -> None:
    """Make the folder. Raises FileError."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise file_error(error, f"cannot make {shortly(folder())}: {error.strerror}") from None


def names() -> list[str]:
    """The names of those that are there; none where the folder cannot be read."""
    return sorted(_found())


def _found() -> Iterator[str]:
    try:
        for count, entry in enumerate(folder().iterdir()):
            if count >= MOST:
                return
            if entry.suffix == ENDING and is_name(entry.stem):
                yield entry.stem
    except OSError:
        return
