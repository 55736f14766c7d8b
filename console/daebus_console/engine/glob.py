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
    parts: list[str] = []
    index = 0
    while index < len(pattern):
        sign = pattern[index]
        if sign == "*":
            if not parts or parts[-1] != ".*":
                parts.append(".*")
        elif sign == "?":
            parts.append(".")
        elif sign == "[":
            end = pattern.find("]", index + 1)
            end = len(pattern) if end < 0 else end
            parts.append(_set(pattern[index + 1 : end]))
            index = end
        else:
            if sign == "\\" and index + 1 < len(pattern):
                index += 1
                sign = pattern[index]
            parts.append(re.escape(sign))
        index += 1
    return re.compile("".join(parts), re.DOTALL)


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
