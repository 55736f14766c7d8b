"""Validation and colours of what is typed, as prompt_toolkit takes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.validation import ValidationError, Validator

from daebus_console.commands.completion.highlight import Mark, marks
from daebus_console.commands.completion.hint import hint, in_short, problem


class CommandValidator(Validator):
    """Refuses what is no command, at the place where it ceases to be one."""

    def validate(self, document: Document) -> None:
        """See prompt_toolkit."""
        error = problem(document.text)
        if error is not None:
            raise ValidationError(error.position, in_short(error))


class CommandLexer(Lexer):
    """Colours commands; each role is a style class of its name, what is wrong has the class `wrong` beside it."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """See prompt_toolkit."""
        lines = document.lines
        styled = _styled(document.text)

        def line_at(number: int) -> StyleAndTextTuples:
            return styled[number] if number < len(styled) else [("", lines[number] if number < len(lines) else "")]

        return line_at


@lru_cache(maxsize=8)
def _styled(text: str) -> list[StyleAndTextTuples]:
    """The text line by line, in fragments."""
    wrong = hint(text)
    begin, end = (wrong.position, wrong.position + max(1, wrong.length)) if wrong and wrong.wrong else (0, 0)
    cuts = sorted({0, len(text), begin, min(end, len(text)), *(edge for mark in marks(text) for edge in mark[:2])})
    lines: list[StyleAndTextTuples] = [[]]
    found = iter(marks(text))
    mark = next(found, None)
    for left, right in pairwise(cuts):
        while mark is not None and mark.end <= left:
            mark = next(found, None)
        style = _style(mark, left, begin <= left < end)
        first, *others = text[left:right].split("\n")
        lines[-1].append((style, first))
        lines += [[(style, other)] for other in others]
    return lines


def _style(mark: Mark | None, position: int, wrong: bool) -> str:
    role = mark.role if mark is not None and mark.start <= position and mark.role else ""
    return " ".join([f"class:{role}"] * bool(role) + ["class:wrong"] * wrong)
