"""Redis globs: the patterns of PSUBSCRIBE and PUBSUB CHANNELS, which match bytes. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

from daebus_console import naming


def matches(pattern: str, name: str) -> bool:
    """Whether the glob (`*`, `?`, `[abc]`, `[^a-z]`, backslash to quote) matches the whole name, as Redis does it."""
    # Redis lets no pattern match the empty name, not even the star.
    return compiled(pattern).fullmatch(naming.likened(name)) is not None if name else not pattern


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[bytes]:
    """The glob as a regular expression over bytes. Every string is a glob; there is no malformed one."""
    segments = _segments(naming.likened(pattern))
    if len(segments) == 1:
        return re.compile(segments[0], re.DOTALL)
    # Each piece between two stars is taken at its first place and never looked for again (an atomic group): that is
    # enough, since what follows is free to begin anywhere, and it keeps `*a*a*a*b` from taking for ever.
    middle = b"".join(b"(?>.*?%b)" % segment for segment in segments[1:-1] if segment)
    return re.compile(segments[0] + middle + b".*" + segments[-1], re.DOTALL)


def _segments(pattern: bytes) -> list[bytes]:
    """The pieces of the glob between its stars, as regular expressions."""
    segments = [b""]
    index = 0
    while index < len(pattern):
        sign = pattern[index : index + 1]
        index += 1
        if sign == b"*":
            segments.append(b"")
        elif sign == b"?":
            segments[-1] += b"."
        elif sign == b"[":
            members, index = _set(pattern, index)
            segments[-1] += members
        else:
            if sign == b"\\" and index < len(pattern):
                sign = pattern[index : index + 1]
                index += 1
            segments[-1] += re.escape(sign)
    return segments


def _set(pattern: bytes, index: int) -> tuple[bytes, int]:
    """The set whose inside begins at `index`, as a regular expression, and where it ends.

    A range may end in `]`, and a set that is never closed goes on to the end, as Redis has it.
    """
    negated = pattern[index : index + 1] == b"^"
    index += negated
    parts: list[bytes] = []
    while index < len(pattern) and pattern[index] != ord("]"):
        if pattern[index] == ord("\\") and index + 1 < len(pattern):
            index += 1
            parts.append(re.escape(pattern[index : index + 1]))
        elif index + 2 < len(pattern) and pattern[index + 1] == ord("-"):
            parts += _range(pattern[index], pattern[index + 2])
            index += 2
        else:
            parts.append(re.escape(pattern[index : index + 1]))
        index += 1
    # An empty set matches nothing, its negation anything.
    inside = b"".join(parts)
    found = b"[%b%b]" % (b"^" * negated, inside) if inside else b"." if negated else b"(?!)"
    return found, index + 1


def _range(one: int, other: int) -> list[bytes]:
    """The bytes between two, either way round.

    A server compares them as C compares its `char`, in which on most machines the upper half stands below the lower.
    """
    low, high = sorted((one, other), key=_signed)
    parts = ((low, high),) if (low < 128) == (high < 128) else ((low, 255), (0, high))
    return [b"%b-%b" % (re.escape(bytes((first,))), re.escape(bytes((last,)))) for first, last in parts]


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte
