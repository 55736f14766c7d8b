"""A line of bash as far as it is typed: its words, and how to go on in the last of them. Pure.

Nothing is expanded: a `$name` stands for itself, since nobody but the shell knows what it holds.
"""

from __future__ import annotations

from typing import NamedTuple

_PLAIN = frozenset("_-./:=@%+,")
_IN_DOUBLE = '$`"\\\n'
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}


class Typed(NamedTuple):
    """The words that are complete, without quotes; what there is of the last one; and the quote that is open in it."""

    words: list[str]
    last: str
    quote: str
    """`'`, `"` or `$'`; empty where none is open."""


def read(line: str) -> Typed:
    """What stands in a line up to the cursor. Behind a blank the last word is empty."""
    words: list[str] = []
    last: list[str] | None = None
    quote, position = "", 0
    while position < len(line):
        sign, after = line[position], line[position + 1 : position + 2]
        position += 1
        if quote == "'":
            if sign == "'":
                quote = ""
            else:
                last = [*(last or ()), sign]
        elif quote:
            escapes = after and (quote == "$'" or after in _IN_DOUBLE)
            if sign == quote[-1]:
                quote = ""
            elif sign == "\\" and escapes:
                last = [*(last or ()), _ESCAPES.get(after, after) if quote == "$'" else after.strip("\n")]
                position += 1
            else:
                last = [*(last or ()), sign]
        elif sign in " \t\n":
            if last is not None:
                words.append("".join(last))
            last = None
        elif sign in "'\"":
            last, quote = last or [], sign
        elif sign == "$" and after in ("'", '"') and after:
            last, quote = last or [], "$'" if after == "'" else '"'
            position += 1
        elif sign == "\\":
            last = [*(last or ()), after.strip("\n")]
            position += 1
        else:
            last = [*(last or ()), sign]
    return Typed(words, "".join(last or ()), quote)


def quoted(text: str, quote: str) -> str:
    """A text as it must be typed to mean itself, where that quote is open (and is closed behind it) or none is."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == "$'":
        return text.replace("\\", "\\\\").replace("'", "\\'")
    if quote:
        # An exclamation mark cannot be taken as it is within these quotes: they are closed for it.
        escaped = "".join(f"\\{sign}" if sign in _IN_DOUBLE else sign for sign in text)
        return escaped.replace("!", "\"'!'\"")
    return "".join(sign if sign.isalnum() or sign in _PLAIN or ord(sign) > 0x7F else f"\\{sign}" for sign in text)
