"""What was perhaps not meant by a filter that parses: `or`, `and` and `not` are words to look for. Pure."""

from __future__ import annotations

from typing import NamedTuple

from daebus_console.engine.filter.lexer import FilterError, Term, split

_OR = ("or", "||", "|")
_AND = ("and", "&&", "&")
_NOT = ("not", "!")


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
    for before, term, after in zip([None, *terms], terms, terms[1:], strict=False):
        word = term.raw.casefold()
        if word in _NOT:
            return Doubt(f"-{after.raw.removeprefix('-')} is “not”", term.raw, term.start)
        if before is not None and word in _AND:
            return Doubt("terms side by side all have to hold", term.raw, term.start)
        if before is not None and word in _OR:
            return Doubt(_either(before, after), term.raw, term.start)
    return None


def _either(before: Term, after: Term) -> str:
    if before.negated or after.negated or (before.key or "").casefold() != (after.key or "").casefold():
        return "either takes values of one key: status:error,timeout"
    values = after.raw[after.values[0].start - after.start :]
    return f"{before.raw},{values} is either"
