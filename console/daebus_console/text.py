"""Text that is safe to show: whatever came over the bus, nothing of it commands the terminal. Pure.

Control characters, escape sequences, marks that turn the direction of writing, zero-width characters and lone
surrogates are shown as what they are (`\\x1b`, `\\u202e`). Emoji made of several characters, among them some that are
nothing by themselves, are shown as the one sign they are, two cells wide. Widths are in terminal cells.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache

ELLIPSIS = "…"
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]"
)
"""Control and format characters (categories Cc, Cf, Cs, Zl, Zp), and others that are not seen."""
_PICTURE = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2604\u260e\u2611\u2614\u2615\u2618\u261d\u2620\u2622\u2623"
    "\u2626\u262a\u262e\u262f\u2638-\u263a\u2640\u2642\u2648-\u2653\u265f\u2660\u2663\u2665\u2666\u2668\u267b\u267e"
    "\u267f\u2692-\u2697\u2699\u269b\u269c\u26a0\u26a1\u26a7\u26aa\u26ab\u26b0\u26b1\u26bd\u26be\u26c4\u26c5\u26c8"
    "\u26ce\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702\u2705\u2708-\u270d\u270f\u2712"
    "\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763\u2764\u2795-\u2797"
    "\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f004\U0001f0cf"
    "\U0001f170\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a\U0001f201\U0001f202\U0001f21a\U0001f22f"
    "\U0001f232-\U0001f23a\U0001f250\U0001f251\U0001f300-\U0001f321\U0001f324-\U0001f393\U0001f396\U0001f397"
    "\U0001f399-\U0001f39b\U0001f39e-\U0001f3f0\U0001f3f3-\U0001f3f5\U0001f3f7-\U0001f3fa\U0001f400-\U0001f4fd"
    "\U0001f4ff-\U0001f53d\U0001f549-\U0001f54e\U0001f550-\U0001f567\U0001f56f\U0001f570\U0001f573-\U0001f57a\U0001f587"
    "\U0001f58a-\U0001f58d\U0001f590\U0001f595\U0001f596\U0001f5a4\U0001f5a5\U0001f5a8\U0001f5b1\U0001f5b2\U0001f5bc"
    "\U0001f5c2-\U0001f5c4\U0001f5d1-\U0001f5d3\U0001f5dc-\U0001f5de\U0001f5e1\U0001f5e3\U0001f5e8\U0001f5ef\U0001f5f3"
    "\U0001f5fa-\U0001f64f\U0001f680-\U0001f6c5\U0001f6cb-\U0001f6d2\U0001f6d5-\U0001f6d8\U0001f6dc-\U0001f6e5\U0001f6e9"
    "\U0001f6eb\U0001f6ec\U0001f6f0\U0001f6f3-\U0001f6fc\U0001f7e0-\U0001f7eb\U0001f7f0\U0001f90c-\U0001f93a"
    "\U0001f93c-\U0001f945\U0001f947-\U0001f9ff\U0001fa70-\U0001fa7c\U0001fa80-\U0001fa8a\U0001fa8e-\U0001fac6"
    "\U0001fac8\U0001facd-\U0001fadc\U0001fadf-\U0001faea\U0001faef-\U0001faf8]"
)
"""What may be an emoji."""
_TONED = (
    "[\u261d\u26f9\u270a-\u270d\U0001f385\U0001f3c2-\U0001f3c4\U0001f3c7\U0001f3ca-\U0001f3cc"
    "\U0001f442-\U0001f443\U0001f446-\U0001f450\U0001f466-\U0001f478\U0001f47c\U0001f481-\U0001f483"
    "\U0001f485-\U0001f487\U0001f48f\U0001f491\U0001f4aa\U0001f574-\U0001f575\U0001f57a\U0001f590"
    "\U0001f595-\U0001f596\U0001f645-\U0001f647\U0001f64b-\U0001f64f\U0001f6a3\U0001f6b4-\U0001f6b6\U0001f6c0"
    "\U0001f6cc\U0001f90c\U0001f90f\U0001f918-\U0001f91f\U0001f926\U0001f930-\U0001f939\U0001f93c-\U0001f93e"
    "\U0001f977\U0001f9b5-\U0001f9b6\U0001f9b8-\U0001f9b9\U0001f9bb\U0001f9cd-\U0001f9cf\U0001f9d1-\U0001f9dd"
    "\U0001fac3-\U0001fac5\U0001faf0-\U0001faf8]"
)
"""What a tone of skin may follow."""
_TONE = "[\U0001f3fb-\U0001f3ff]"
_ELEMENT = f"(?:{_TONED}{_TONE}|{_PICTURE}\ufe0f?)"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
# England, Scotland and Wales: the flags that are spelt out.
_SPELT = (
    "\U0001f3f4\U000e0067\U000e0062"
    "(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
_KEYCAP = "[0-9#*]\ufe0f\u20e3"
# A family has four members; more would hide any length of text behind one sign.
_EMOJI = f"{_SPELT}|{_KEYCAP}|{_ELEMENT}(?:\u200d{_ELEMENT}){{1,3}}(?!\u200d)|{_PICTURE}\ufe0f|{_TONED}{_TONE}"
_OF_CLUSTERS = re.compile("[\u200d\ufe0f\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff\U000e0067]")
LONGEST = 16
"""Characters that one emoji takes at the most."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MOST_MARKS = 3


@cache
def _unsafe_or_emoji() -> re.Pattern[str]:
    """Made when it is needed, since that takes longer than most commands do without it."""
    return re.compile(f"(?P<emoji>{_EMOJI})|{_UNSAFE.pattern}")


@cache
def _cluster() -> re.Pattern[str]:
    """The same."""
    return re.compile(f"(?P<emoji>{_FLAG}|{_EMOJI})|.", re.DOTALL)


def clean(text: str) -> str:
    """The text on one line, with nothing in it that a terminal would obey or not show."""
    if text.isascii() and text.isprintable():
        return text
    unsafe = not text.isprintable() or _UNSAFE.search(text)
    return _without_piles(_unsafe_or_emoji().sub(_escaped, text) if unsafe else text)


def showable(text: str) -> str:
    """The text without the signs that `clean` has to write in another way."""
    if clean(text) == text:
        return text
    kept = "".join(sign for sign in text if clean(sign) == sign)
    # What is left may still be a pile of marks on one letter.
    return clean(kept)


def clean_json(text: str) -> str:
    """JSON text with the same characters as JSON escapes: still the same JSON, and safe to print."""
    if text.isascii() and "\x7f" not in text:
        # The encoder has escaped all other control characters; newlines between values are its own.
        return text
    return _unsafe_or_emoji().sub(_escaped_in_json, text)


def toml_text(text: str) -> str:
    """The text as TOML has it, which escapes what JSON escapes, and one sign more; it has no half surrogate pairs."""
    whole = text.encode("utf-8", "backslashreplace").decode()
    return json.dumps(whole, ensure_ascii=False).replace("\x7f", "\\u007f")


def _escaped_in_json(found: re.Match[str]) -> str:
    return found[0] if found["emoji"] or found[0] == "\n" else _json_escape(found[0])


def _escaped(found: re.Match[str]) -> str:
    sign = found[0]
    if found["emoji"]:
        return sign
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
    if text.isascii():
        return len(text)
    if _OF_CLUSTERS.search(text) is None:
        return sum(map(_cells_of, text))
    return sum(width for _end, width in _clusters(text))


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """The pieces that are one sign each: where it ends, and its cells. Marks on a letter are pieces of no width."""
    for found in _cluster().finditer(text):
        yield found.end(), 2 if found["emoji"] else _cells_of(found[0])


def _cells_of(sign: str) -> int:
    if sign < "\u0300":
        return 1
    # Vowels and last consonants of Hangul that is spelt out stand in the cells of the first one.
    if unicodedata.category(sign) in ("Mn", "Me") or "\u1160" <= sign <= "\u11ff" or "\ud7b0" <= sign <= "\ud7ff":
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def cut(text: str, width: int) -> str:
    """A clean text in at most `width` cells; where it is shortened, it ends in an ellipsis."""
    if len(text) * 2 <= width or cells(text) <= width:
        return text
    return _first(text, width - 1) + ELLIPSIS if width > 0 else ""


def clip(text: str, width: int) -> str:
    """As much of a clean text as has room in `width` cells."""
    if len(text) * 2 <= width or cells(text) <= width:
        return text
    return _first(text, width)


def _first(text: str, width: int) -> str:
    kept = last = 0
    for end, taken in _clusters(text):
        kept += taken
        if kept > width:
            break
        last = end
    return text[:last]


def beginning(text: str, most: int) -> str:
    """The text as `clean` gives it; of one with more signs than that so many, of which the last is an ellipsis."""
    return clean(text) if len(text) <= most else clean(text[: most - 1]) + ELLIPSIS


def folded(text: str, width: int) -> list[str]:
    """A clean text in lines of at most `width` cells, parted behind blanks where there are some; one line at least.

    Blanks at the end of a line are left out, nothing else is. A sign that is wider than a line stands on one alone.
    """
    if len(text) * 2 <= width or cells(text) <= width:
        return [text]
    lines: list[str] = []
    begin = blank = last = kept = since = 0
    for end, taken in _clusters(text):
        if text[last:end] == " ":
            # It may stand beyond the edge.
            kept, blank, since = kept + 1, end, 0
        else:
            if kept + taken > width and last > begin:
                parted = blank if text[begin:blank].strip(" ") else last
                lines.append(text[begin:parted].rstrip(" "))
                begin, kept = parted, since if parted == blank else 0
            kept, since = kept + taken, since + taken
        last = end
    return [*lines, text[begin:].rstrip(" ")]


def unbroken(text: str, index: int) -> int:
    """The place at or behind `index` at which a text may be parted without breaking an emoji."""
    if text[max(0, index - 1) : index + 1].isascii():
        return index
    begin = max(0, index - LONGEST)
    for found in _cluster().finditer(text, begin):
        if found.start() >= index:
            return index
        if found["emoji"] and found.end() > index:
            return found.end()
    return index


def pad(text: str, width: int) -> str:
    """A clean text in exactly `width` cells, cut or filled with blanks."""
    shown = cut(text, width)
    return shown + " " * (width - cells(shown))
