"""What is wrong with what was asked for, in words."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path
from types import FrameType

from daebus.masking import without_passwords


class Mistake(Exception):
    """What is wrong with what was asked for. Its text is what is said."""


def where_in(error: BaseException, module: str) -> str:
    """Which line of that module, or of what it imports of its own package, met the error; empty where it says so."""
    for frame, line in _inside_out(error):
        if is_of(frame, module.partition(".")[0]):
            place = f"{frame.f_code.co_filename}:{line}"
            return "" if place in str(error) else f" ({place})"
    return ""


def last_line(error: BaseException, module: str) -> str:
    """What went wrong in that module, and where in the user's files: not in a library that they call."""
    frames = _inside_out(error)
    theirs = (each for each in frames if is_of(each[0], module.partition(".")[0]) or not _is_installed(each[0]))
    frame, line = next(theirs, frames[0])
    where = f" ({frame.f_code.co_filename}:{line})"
    if isinstance(error, SyntaxError) and not _is_made(error.filename):
        where = f" ({error.filename}:{error.lineno})"
    return f"{without_passwords(traceback.format_exception_only(error)[-1].splitlines()[0])}{where}"


def _inside_out(error: BaseException) -> list[tuple[FrameType, int]]:
    """The frames that have a file, unless none has: what a program makes as it runs, such as a method, has none."""
    frames = list(traceback.walk_tb(error.__traceback__))[::-1]
    return [each for each in frames if not _is_made(each[0].f_code.co_filename)] or frames


def _is_made(filename: str | None) -> bool:
    return filename is None or filename.startswith("<")


def is_of(frame: FrameType, package: str) -> bool:
    """Whether it runs code of that package."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == package


def _is_installed(frame: FrameType) -> bool:
    """Whether its code came with Python or was installed."""
    name = frame.f_code.co_filename
    return is_of(frame, "daebus") or any(Path(name).is_relative_to(root) for root in _ROOTS)


_ROOTS = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
