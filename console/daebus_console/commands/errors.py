"""What is wrong with a command, and where. Pure."""

from __future__ import annotations

from collections.abc import Iterable

FAULT = 70
"""The exit status of a fault of ours, as sysexits.h has it."""


class CommandError(Exception):
    """A command cannot be understood, or cannot be carried out as it stands.

    `position` and `length` are characters of `line` (the command as typed, or the shell's arguments joined); `length`
    is 0 where something is missing. `suggestion` is the nearest right word; `usage` how the verb is used. `unfinished`
    tells that a quote or a bracket is still open, so that more lines may complete it.
    """

    def __init__(
        self,
        message: str,
        position: int = 0,
        length: int = 0,
        suggestion: str | None = None,
        usage: str | None = None,
        line: str = "",
        unfinished: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.length = length
        self.suggestion = suggestion
        self.usage = usage
        self.line = line
        self.unfinished = unfinished


class NotConfirmed(Exception):
    """It was asked whether that is meant, and nobody said yes: nothing was done. The text says what would go on."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was most likely meant to be, if any comes close."""
    # Only wrong commands pay for the import.
    from difflib import get_close_matches

    known = list(known)
    for candidate in known:
        if len(word) >= 2 and candidate.startswith(word):
            return candidate
    # All options are alike in their dashes.
    bare = {candidate.lstrip("-"): candidate for candidate in reversed(known)}
    found = get_close_matches(word.lstrip("-"), bare, n=1, cutoff=0.6)
    return bare[found[0]] if found else None


def fault(error: BaseException) -> str:
    """What happened and where, on one line, for an error that is a fault of ours."""
    # Only faults pay for the import.
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    where = f", in {frames[-1].filename.rpartition('/')[2]} line {frames[-1].lineno}" if frames else ""
    try:
        text = " ".join(str(error).split())[:300]
    except Exception:  # noqa: BLE001 - it may be no better than what raised it
        text = "(it cannot be shown)"
    return f"this is a fault of daebus-console itself: {type(error).__name__}: {text}{where}"
