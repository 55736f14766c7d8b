"""Text that is safe to show: whatever came over the bus, nothing of it commands the terminal. Pure.

Control characters, escape sequences, marks that turn the direction of writing, zero-width characters and lone
surrogates are shown as what they are (`\\x1b`, `\\u202e`). Widths are in terminal cells.
"""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MOST_MARKS = 3


def clean(text: str) -> str:
    """The text on one line, with nothing in it that a terminal would obey or not show."""
    if text.isascii() and text.isprintable():
        return text
    return _without_piles(_UNSAFE.sub(_escaped, text) if not text.isprintable() or _UNSAFE.search(text) else text)


def clean_json(text: str) -> str:
    """JSON text with the same characters as JSON escapes: still the same JSON, and safe to print."""
    if text.isascii() and "\x7f" not in text:
        # The encoder has escaped all other control characters; newlines between values are its own.
        return text
    return _UNSAFE.sub(lambda found: found[0] if found[0] == "\n" else _json_escape(found[0]), text)


def _escaped(found: re.Match[str]) -> str:
    sign = found[0]
    code = ord(sign)
    if sign in _SHORT:
        return _SHORT[sign]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(sign: str) -> str:
    code = ord(sign)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _without_piles(text: str) -> str:
    """Combining marks beyond the third on one letter as escapes: they would reach into the lines above and below."""
    if not any(unicodedata.combining(sign) for sign in text):
        return text
    parts: list[str] = []
    pile = 0
    for sign in text:
        pile = pile + 1 if unicodedata.combining(sign) else 0
        parts.append(sign if pile <= _MOST_MARKS else f"\\u{ord(sign):04x}")
    return "".join(parts)


def cells(text: str) -> int:
    """How many cells of a terminal a clean text takes."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(sign: str) -> int:
    if sign < "\u0300":
        return 1
    if unicodedata.category(sign) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def cut(text: str, width: int) -> str:
    """A clean text in at most `width` cells; where it is shortened, it ends in an ellipsis."""
    if len(text) * 2 <= width or cells(text) <= width:
        return text
    if width < 1:
        return ""
    kept = 0
    for index, sign in enumerate(text):
        kept += _cells_of(sign)
        if kept > width - 1:
            return text[:index] + ELLIPSIS
    return text


def pad(text: str, width: int) -> str:
    """A clean text in exactly `width` cells, cut or filled with blanks."""
    shown = cut(text, width)
    return shown + " " * (width - cells(shown))
