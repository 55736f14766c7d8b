"""Redis globs: the patterns of PSUBSCRIBE, also used wherever a user may write one. Pure."""

from __future__ import annotations

import re
from functools import lru_cache


def matches(pattern: str, name: str) -> bool:
    """Whether the glob (`*`, `?`, `[abc]`, `[^a-z]`, backslash to quote) matches the whole name, as Redis does it."""
    return compiled(pattern).fullmatch(name) is not None


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """The glob as a regular expression. Every string is a glob; there is no malformed one."""
    segments = _segments(pattern)
    if len(segments) == 1:
        return re.compile(segments[0], re.DOTALL)
    # Each piece between two stars is taken at its first place and never looked for again (an atomic group): that is
    # enough, since what follows is free to begin anywhere, and it keeps `*a*a*a*b` from taking for ever.
    middle = "".join(f"(?>.*?{segment})" for segment in segments[1:-1] if segment)
    return re.compile(f"{segments[0]}{middle}.*{segments[-1]}", re.DOTALL)


def _segments(pattern: str) -> list[str]:
    """The pieces of the glob between its stars, as regular expressions."""
    segments = [""]
    index = 0
    while index < len(pattern):
        sign = pattern[index]
        if sign == "*":
            segments.append("")
        elif sign == "?":
            segments[-1] += "."
        elif sign == "[":
            end = pattern.find("]", index + 1)
            end = len(pattern) if end < 0 else end
            segments[-1] += _set(pattern[index + 1 : end])
            index = end
        else:
            if sign == "\\" and index + 1 < len(pattern):
                index += 1
                sign = pattern[index]
            segments[-1] += re.escape(sign)
        index += 1
    return segments


def _set(inside: str) -> str:
    negated = inside.startswith("^")
    members = inside[1:] if negated else inside
    parts: list[str] = []
    index = 0
    while index < len(members):
        if members[index] == "\\" and index + 1 < len(members):
            index += 1
            parts.append(re.escape(members[index]))
        elif index + 2 < len(members) and members[index + 1] == "-":
            low, high = sorted((members[index], members[index + 2]))
            parts.append(f"{re.escape(low)}-{re.escape(high)}")
            index += 2
        else:
            parts.append(re.escape(members[index]))
        index += 1
    if not parts:
        # An empty set matches nothing, its negation anything.
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{''.join(parts)}]"
