"""What is wrong with what was asked for, in words."""

from __future__ import annotations

import traceback

from daebus.masking import without_passwords


class Mistake(Exception):
    """What is wrong with what was asked for. Its text is what is said."""


def where_in(error: BaseException, module: str) -> str:
    """Which line of that module, or of what it imports of its own package, met the error; empty where it says so."""
    package = module.partition(".")[0]
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        name = str(frame.f_globals.get("__name__", ""))
        if name == package or name.startswith(f"{package}."):
            place = f"{frame.f_code.co_filename}:{line}"
            return "" if place in str(error) else f" ({place})"
    return ""


def last_line(error: BaseException) -> str:
    """What went wrong, and where in the user's files."""
    where = next((f" ({f.filename}:{f.lineno})" for f in reversed(traceback.extract_tb(error.__traceback__))), "")
    if isinstance(error, SyntaxError):
        where = f" ({error.filename}:{error.lineno})"
    return f"{without_passwords(traceback.format_exception_only(error)[-1].splitlines()[0])}{where}"
