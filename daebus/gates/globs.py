"""Whether a name is what a pattern with `*` (any text) and `?` (one character) says. Pure.

In time that grows with the product of both lengths at most, whatever the pattern: it comes over the bus.
"""

from __future__ import annotations

LONGEST = 10_000
"""Characters of a text that is looked at; a longer one is only what `*` says."""


def matches(pattern: str, text: str) -> bool:
    """Whether all of the text is what the pattern says."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    if not pattern.strip("*"):
        return True
    if len(text) > LONGEST:
        return False
    at = here = 0
    star, after = -1, 0
    while here < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, after = at, here
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            # The last star takes one character more.
            after += 1
            at, here = star + 1, after
        else:
            return False
    return not pattern[at:].strip("*")
