"""What is wrong with what was asked for, in words."""

from __future__ import annotations

import traceback


class Mistake(Exception):
    """What is wrong with what was asked for. Its text is what is said."""


def last_line(error: BaseException) -> str:
    """What went wrong, and where in the user's files."""
    where = next((f" ({f.filename}:{f.lineno})" for f in reversed(traceback.extract_tb(error.__traceback__))), "")
    if isinstance(error, SyntaxError):
        where = f" ({error.filename}:{error.lineno})"
    return f"{traceback.format_exception_only(error)[-1].splitlines()[0]}{where}"
