"""What is pasted: newlines as the console has them, and nothing in it that a terminal would obey. Pure."""

from __future__ import annotations

import re

LONGEST = 100_000
"""Characters that may be pasted into a command."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class TooLong(Exception):
    """It is too long to be typed; the text says what to do instead."""


def pasted(text: str) -> str:
    """The text as it is put in. Raises TooLong.

    Control characters are left out: JSON cannot hold them as they are, but as \\u escapes.
    """
    if len(text) > LONGEST:
        raise TooLong(
            f"{len(text):,} characters were pasted, and a command takes {LONGEST:,}: put them in a file, and name it "
            "as @file.json"
        )
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
