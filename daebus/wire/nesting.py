"""How deep the arrays and objects of a JSON text are nested, found without parsing it.

A parser that recurses may be led to the end of the stack by a message, and a garbage collection that runs just
there ends the whole process (CPython: "Cannot recover from stack overflow"). So what is too deep is refused before.
"""

from __future__ import annotations

import re
from itertools import accumulate

DEEPEST = 200
"""Levels of nesting that are read; Python's parser fails at less than a thousand."""
_TOKENS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]|[^][{}"]+|"', re.DOTALL)
_KEPT = b'"[]{}'
_OTHERS = bytes(code for code in range(256) if code not in _KEPT)
_STEPS = [0] * 256
for _bracket, _step in zip(b"[{]}", (1, 1, -1, -1), strict=True):
    _STEPS[_bracket] = _step


def is_too_deep(text: str) -> bool:
    """Whether the text is nested deeper than DEEPEST. Costs little, and next to nothing where it has few brackets."""
    if text.count("[") + text.count("{") <= DEEPEST:
        return False
    marks = _brackets(text.encode("utf-8", "surrogatepass"))
    # Most have many brackets side by side and few levels: taking the innermost away leaves next to nothing.
    fewer, taken = marks, 0
    for pair in (b"[]", b"{}") * 3:
        fewer, taken = fewer.replace(pair, b""), taken + 1
    return _exceeds(fewer, DEEPEST - taken) and _exceeds(marks, DEEPEST)


def outline(text: str) -> str:
    """The text with `null` in the place of whatever is nested in its first level: that can be parsed, however deep."""
    parts: list[str] = []
    depth = 0
    for match in _TOKENS.finditer(text):
        token = match[0]
        if token in ("[", "{"):
            depth += 1
            if depth <= 2:
                parts.append(token if depth == 1 else "null")
        elif token in ("]", "}"):
            if depth == 1:
                parts.append(token)
            depth -= 1
        elif depth <= 1:
            parts.append(token)
    return "".join(parts)


def nesting(data: bytes) -> int:
    """The number of levels; for a text that is no JSON, at least as many as a parser gets to before it notices."""
    return max(accumulate(map(_STEPS.__getitem__, _brackets(data))), default=0)


def _brackets(data: bytes) -> bytes:
    """All brackets that stand outside of texts."""
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = data.translate(None, _OTHERS).replace(b'""', b"")
    # What is left between two quotes are brackets in a text.
    return b"".join(marks.split(b'"')[::2]) if b'"' in marks else marks


def _exceeds(brackets: bytes, levels: int) -> bool:
    return any(map(levels.__lt__, accumulate(map(_STEPS.__getitem__, brackets))))
