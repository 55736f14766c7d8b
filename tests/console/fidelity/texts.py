"""Payloads as people's programs write them, and as nobody's does: texts of JSON objects, every one valid."""

from __future__ import annotations

import random

from hypothesis import strategies as st

NUMBERS = (
    *("0", "-0", "-0.0", "7", "19.90", "1.10", "1E2", "1e+2", "1e400", "-1e-400", "0.1", "1.0", "9007199254740993"),
    *("9007199254740992.0", "12345678901234567890.10", "18446744073709551616", "248480010225057793", "1" * 60),
)
STRINGS = (
    *(
        '""',
        '"a"',
        '"\\u00e9"',
        '"é"',
        '"\\/"',
        '"/"',
        '"\\ud83d\\ude00"',
        '"😀"',
        '"\\u0000\\n\\t"',
        '"it\'s $HOME `x` \\\\"',
    ),
    *(
        '"a \\"quote\\""',
        '"{\\"id\\": 1.10}"',
        '"\u202e\u200d\x7f"',
        '"日本"',
        '"NaN"',
        '"\\ud800"',
        '","',
        '"]}"',
        '"-0"',
    ),
)
NAMES = (
    '"id"',
    '"id"',
    '"price"',
    '"n"',
    '"\\u006e"',
    '"a.b"',
    '""',
    '"é"',
    '"x y"',
    '"password"',
    '"payload"',
    '"action"',
)
WORDS = ("true", "false", "null", "{}", "[]", "{ }", "[\n]")
BLANKS = ("", "", "", " ", "\n  ", "\t", "\r\n", "  ")

ALL = '{"id":1,"id":2,"price":19.90,"n":12345678901234567890.10,"z":-0.0,"f":1E2, "s" : "\\u00e9\\/" }'
"""What the standard library changes in one way or another."""


def value(chance: random.Random, depth: int = 3) -> str:
    """The text of any value."""
    kind = chance.random()
    if depth and kind < 0.2:
        return payload(chance, depth - 1)
    if depth and kind < 0.35:
        items = [value(chance, depth - 1) for _ in range(chance.randrange(4))]
        return _joined(chance, "[]", items)
    return chance.choice(NUMBERS if kind < 0.65 else STRINGS if kind < 0.9 else WORDS)


def payload(chance: random.Random, depth: int = 3) -> str:
    """The text of an object, names more than once not excluded."""
    members = [
        f"{chance.choice(NAMES)}{chance.choice(BLANKS)}:{chance.choice(BLANKS)}{value(chance, depth)}"
        for _ in range(chance.randrange(6))
    ]
    return _joined(chance, "{}", members)


def _joined(chance: random.Random, ends: str, parts: list[str]) -> str:
    blank = chance.choice
    inside = ",".join(f"{blank(BLANKS)}{part}{blank(BLANKS)}" for part in parts)
    return f"{ends[0]}{inside}{ends[1]}"


payloads = st.randoms(use_true_random=False).map(payload)
"""One text."""
