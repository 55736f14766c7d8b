"""Whether a message is nested deeper than a parser should be led. Pure, and nothing is parsed for it.

Parsers recurse: one that is led to the end of the stack gives up in time, but whatever Python does of its own accord
just then (collect garbage, warn) has no stack left either. So what is too deep is told before it is read.
"""

from __future__ import annotations

from itertools import accumulate

DEEPEST = 500
"""Levels that are read. No message of as many bytes or fewer can have more."""

_MARKS = bytes.maketrans(b"{}", b"[]")
_NO_MARKS = bytes(set(range(256)) - set(b'[]{}"'))
_STEP = {ord("["): 1, ord("]"): -1}
_PASSES = 8


def is_too_deep(data: bytes) -> bool:
    """Whether the JSON in those bytes has more than DEEPEST levels; where it is none, whether a parser may think so."""
    if data.count(b"[") + data.count(b"{") <= DEEPEST:
        return False
    if b"\\" in data:
        # An escaped quote does not end a text.
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Quotes side by side have nothing between them. Of the pieces that are left every second one is in a text.
    marks = b"".join(data.translate(_MARKS, _NO_MARKS).replace(b'""', b"").split(b'"')[::2])
    # Most have many brackets side by side and few levels, of which each pass takes away the innermost.
    passes = min(_PASSES, DEEPEST)
    for _ in range(passes):
        marks = marks.replace(b"[]", b"")
    room = DEEPEST - passes
    return marks.count(b"[") > room and any(depth > room for depth in accumulate(map(_STEP.__getitem__, marks)))
