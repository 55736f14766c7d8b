"""The filter language: `status:error latency:>100ms -from:web "some text"`, the same in every face. Pure.

Terms joined by blanks must all hold; `-` negates one, commas stand for "or", `*` for anything. Numbers of exchanges
(`#12 #15`) are each of them wanted, as where commands take them: no exchange has two. The keys and their meaning stand
in keys.py, places and quoting in lexer.py; the help is made from the same table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from daebus_console.engine.filter.keys import KEYS, predicate
from daebus_console.engine.filter.lexer import FilterError, Term, split
from daebus_console.engine.filter.predicates import OfExchange, Predicate
from daebus_console.engine.message.envelope import CONTROL_PREFIX, WATCH_PREFIX
from daebus_console.engine.message.exchange import Exchange, Message

__all__ = ["Filter", "FilterError", "help_rows", "help_text", "parse"]

_OURS = (CONTROL_PREFIX, WATCH_PREFIX)
_NUMBER = re.compile(r"#[0-9]{1,18}").fullmatch


class Filter:
    """A parsed filter: call it with an exchange. Equal to another of the same text; of no text, it accepts all.

    `accepts` is the same question as a plain function, for loops over many.
    """

    __slots__ = ("_predicates", "accepts", "names_control", "numbers", "text")

    def __init__(
        self,
        text: str,
        predicates: tuple[Predicate, ...],
        *,
        names_control: bool = False,
        numbers: frozenset[int] = frozenset(),
    ) -> None:
        self.text = text
        self.numbers = numbers
        """The numbers of exchanges that it names, where it does nothing else."""
        self.names_control = names_control
        """Whether it is about control channels, or about single exchanges: what is hidden else is wanted then."""
        self._predicates = predicates
        self.accepts: OfExchange = _all_of(predicates)

    def __call__(self, exchange: Exchange) -> bool:
        """Whether the exchange passes."""
        return self.accepts(exchange)

    @property
    def everything(self) -> bool:
        """Whether nothing is asked, so that all passes."""
        return not self._predicates

    def matches_message(self, message: Message, exchange: Exchange) -> bool:
        """Whether this one message of the exchange passes.

        Channel, kind, size, payload and text are those of the message; all else is asked of its exchange.
        """
        return all(one.message(message, exchange) for one in self._predicates)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filter) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Filter({self.text!r})"


def parse(text: str) -> Filter:
    """The filter that the text says. Raises FilterError, which points at the place."""
    terms = _with_numbers_together(split(text))
    predicates = [predicate(term) for term in terms]
    return Filter(
        text.strip(),
        tuple(sorted(predicates, key=lambda one: one.cost)),
        names_control=any(map(_names_control, terms)),
        numbers=_numbers(terms),
    )


def _with_numbers_together(terms: Sequence[Term]) -> Sequence[Term]:
    """The terms, with all that are numbers of exchanges alone as one that asks for either of them."""
    numbers = [term for term in terms if _is_numbers(term)]
    if len(numbers) < 2:
        return terms
    either = numbers[0]._replace(values=tuple(value for term in numbers for value in term.values))
    return [either, *(term for term in terms if not _is_numbers(term))]


def _is_numbers(term: Term) -> bool:
    return (
        term.key is None
        and not term.negated
        and all(not value.quoted and _NUMBER(value.text) is not None for value in term.values)
    )


def _numbers(terms: Sequence[Term]) -> frozenset[int]:
    """The numbers of exchanges that such terms name, where they do nothing else."""
    if not all(map(_is_numbers, terms)):
        return frozenset()
    return frozenset(int(value.text[1:]) for term in terms for value in term.values)


def _names_control(term: Term) -> bool:
    """Whether the term asks for control channels by their name or mark, or for exchanges by their number or id."""
    if term.negated:
        return False
    match (term.key or "").casefold():
        case "is":
            return any(value.text.casefold() == "control" for value in term.values)
        case "channel":
            return any(value.text.casefold().startswith(_OURS) for value in term.values)
        case key:
            return key == "id" or _is_numbers(term)


def _all_of(predicates: tuple[Predicate, ...]) -> OfExchange:
    tests = [one.exchange for one in predicates]
    if not tests:
        return lambda _exchange: True
    if len(tests) == 1:
        return tests[0]

    def accepts(exchange: Exchange) -> bool:
        for test in tests:  # noqa: SIM110  # a generator would double the time of this innermost loop
            if not test(exchange):
                return False
        return True

    return accepts


def help_rows() -> list[tuple[str, str, str]]:
    """For each form of a term: how it is written, what it means, an example."""
    rows = [("WORD", 'the text stands anywhere in it; "in quotes" with blanks', '"out of stock"')]
    rows.append(("#N", "the exchange of that number; several stand for each of them", "#12 #15"))
    rows += [(key.syntax, key.help, key.example) for key in KEYS]
    rows.append(("-TERM", "not so", "-is:control"))
    rows.append(("A,B", "either", "status:error,timeout"))
    rows.append(("*", "anything; a backslash before any sign takes it as it is", "action:get_*"))
    return rows


def help_text() -> str:
    """The rules of the language and its keys as lines of plain text."""
    lines = ["Terms joined by blanks must all hold. Upper and lower case are the same, except in payload paths.", ""]
    for syntax, meaning, example in help_rows():
        lines.append(f"  {syntax:<20} {meaning}")
        lines.append(f"  {'':<20} e.g. {example}")
    return "\n".join(lines)
