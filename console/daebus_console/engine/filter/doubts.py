"""What was perhaps not meant by a filter that parses: `or`, `not` and `status=error` are words to look for. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from daebus_console.engine.filter.keys import key_of
from daebus_console.engine.filter.lexer import FilterError, Term, split

_OR = ("or", "||", "|")
_AND = ("and", "&&", "&")
_NOT = ("not", "!")
_OPERATOR = "==|!=|=|>=|<=|>|<"
_COMPARED = re.compile(f"([^=!<>]+)({_OPERATOR})(.+)", re.DOTALL)


class Doubt(NamedTuple):
    """`instead` is how that is written, or that it is not; `word` is what is looked for as a word."""

    instead: str
    word: str
    position: int

    def __str__(self) -> str:
        return f"{self.instead}; {self.told}"

    @property
    def told(self) -> str:
        """What becomes of the word."""
        return f"`{self.word}` is looked for as a word"


def doubt_of(text: str) -> Doubt | None:
    """The first word that stands where others have an operator; None where there is none, or the text does not parse.

    In quotes it is meant as a word.
    """
    try:
        terms = split(text)
    except FilterError:
        return None
    for before, term, after in zip([None, *terms], terms, [*terms[1:], None], strict=False):
        compared = _compared(before, term, after)
        if compared is not None:
            return compared
        if after is None:
            break
        word = term.raw.casefold()
        if word in _NOT:
            return Doubt(f"-{after.raw.removeprefix('-')} is “not”", term.raw, term.start)
        if before is not None and word in _AND:
            return Doubt("terms side by side all have to hold", term.raw, term.start)
        if before is not None and word in _OR:
            return Doubt(_either(before, after), term.raw, term.start)
    return None


def _compared(before: Term | None, term: Term, after: Term | None) -> Doubt | None:
    """Where a key is followed by another sign than a colon, with blanks around it or without."""
    if term.key is not None:
        return None
    asked = term.raw.removeprefix("-")
    if before is not None and after is not None and re.fullmatch(_OPERATOR, asked):
        asked = before.raw.removeprefix("-") + asked + after.raw
    found = _COMPARED.fullmatch(asked)
    if found is None or key_of(found[1]) is None:
        return None
    name, sign, value = found.groups()
    # A comparison is a part of the value; equality is the colon.
    negated = "-" if (sign == "!=") != term.raw.startswith("-") else ""
    return Doubt(f"{negated}{name}:{sign.strip('=!') and sign}{value} is a term", term.raw, term.start)


def _either(before: Term, after: Term) -> str:
    if before.negated or after.negated or (before.key or "").casefold() != (after.key or "").casefold():
        return "either takes values of one key: status:error,timeout"
    values = after.raw[after.values[0].start - after.start :]
    return f"{before.raw},{values} is either"
