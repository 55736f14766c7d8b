"""The text of an error without what differs from one case to the next: numbers, ids and quoted parts. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 400
"""Signs of a text that are looked at; most errors say what they are in fewer."""

_NUMBER, _ID, _QUOTED, _BLANKS = "\x00", "\x01", "\x02", "\x03"
_MARKS = {"\x04": "''", "\x05": '""', "\x06": "``", "\x07": "“”", "\x08": "«»"}
"""What stands for a quoted part at first, by its marks."""
_BY_MARK = {marks[0]: sign for sign, marks in _MARKS.items()}
_SHOWN = str.maketrans({_NUMBER: "N", _ID: "ID", _QUOTED: "'…'", _BLANKS: " "})
_OURS = str.maketrans(dict.fromkeys((_NUMBER, _ID, _QUOTED, _BLANKS, *_MARKS), "\ufffd"))
_PLAIN = str.maketrans(dict.fromkeys(_MARKS, _QUOTED))

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_PART = re.compile(
    rf"""(?P<quoted>(?<!\w)(?:'[^'\n]*'|"[^"\n]*"|`[^`\n]*`|“[^”\n]*”|«[^»\n]*»)(?!\w)|\*\*\*)"""
    r"""|(?P<time>\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.,]*(?:Z\b|[+-]\d\d:?\d\d\b)?)"""
    rf"""|(?P<id>\b{_UUID}\b|\b[\w.+-]+@[\w-]+\.[\w.-]*\w)"""
    r"""|(?P<word>\w*\d\w*)"""
    r"""|(?P<blanks>\s{2,}|[^\S ])"""
)
_RUN = re.compile(r"\d+|[^\W\d]+")
_FIGURES = re.compile(rf"{_NUMBER}(?:[.,:/T-]{_NUMBER}|{_NUMBER})+")
_LIST = re.compile(rf"([{_NUMBER}{_ID}{_QUOTED}])(?:,[ {_BLANKS}]?\1)+")
_QUOTES = re.compile(rf"[{_QUOTED}\x04-\x08](?:,[ {_BLANKS}]?[{_QUOTED}\x04-\x08])*")
_BETWEEN = re.compile(f"[{_NUMBER}{_ID}{_QUOTED}{_BLANKS}]+")


class Masked(NamedTuple):
    """A text of which the changing parts are masked.

    `template` is for people: `N` stands for a number, `ID` for an id, `'…'` for a quoted part. `pieces` are the texts
    between them, as a filter takes them, with the marks of what is quoted; the last is empty where the text was longer
    than what was looked at. `loose` are the same without those marks, which texts of one template may have otherwise.
    """

    template: str
    pieces: tuple[str, ...]
    loose: tuple[str, ...]


def mask(text: str) -> Masked:
    """The text with its numbers, ids and quoted parts masked, on one line."""
    kept = text[:LONGEST].translate(_OURS)
    quoted = _PART.sub(_marked, kept)
    marked = _in_short(quoted.translate(_PLAIN))
    template = marked.translate(_SHOWN).strip()
    if len(text) > LONGEST:
        template = f"{template} …"
    loose = pieces = _pieces(marked, text)
    if quoted != marked:
        pieces = _pieces(_in_short(_QUOTES.sub(_with_marks, quoted)), text)
    return Masked(template, pieces, loose)


def _in_short(marked: str) -> str:
    """Without repetitions."""
    return _LIST.sub(r"\1", _FIGURES.sub(_NUMBER, marked))


def _with_marks(found: re.Match[str]) -> str:
    """Quoted parts as one, between the mark that begins the first and that which ends the last."""
    first, last = _MARKS.get(found[0][0], ""), _MARKS.get(found[0][-1], "")
    return f"{first[:1]}{_QUOTED}{last[1:]}"


def _pieces(marked: str, text: str) -> tuple[str, ...]:
    """What stands between the signs, of which one may stand for a sign of the text that is one of ours."""
    marked = marked.replace("\ufffd", _BLANKS)
    return tuple(_BETWEEN.split(marked + _BLANKS if len(text) > LONGEST else marked))


def _marked(found: re.Match[str]) -> str:
    if found["quoted"] is not None:
        return _BY_MARK.get(found[0][0], _QUOTED)
    if found["time"] is not None:
        return _NUMBER
    if found["id"] is not None:
        return _ID
    if found["word"] is not None:
        return "".join(_in_word(part) for part in re.split(r"(_)", found["word"]))
    return _BLANKS


def _in_word(word: str) -> str:
    """A word with digits in it: one that changes often between digits and letters is an id, else its number is one."""
    runs = _RUN.findall(word)
    if len(runs) > 2 and not (len(runs) == 3 and runs[0].isalpha() and len(runs[0]) > 3):
        return _ID
    return "".join(_NUMBER if run[0].isdigit() else run for run in runs)


def looks_like_data(name: str) -> bool:
    """Whether the key of an object rather is data than a name: a number, a date, a UUID, a digest, an address."""
    if not name or len(name) > 200:
        return bool(name)
    if name.isascii() and name.isalpha():
        return False
    found = _PART.sub(_marked, name)
    return _ID in found or (_NUMBER in found and not any(sign.isalpha() for sign in found))
