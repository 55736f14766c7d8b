"""Filters that are numbers of exchanges alone: whoever names one wants just that, and is told where it is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from daebus_console.commands.errors import CommandError
from daebus_console.commands.terms.words import Word
from daebus_console.engine.filter.language import Filter
from daebus_console.engine.message.exchange import Exchange

_NUMBER = re.compile("#([0-9]+)")


def named_by(wanted: Filter, words: Sequence[Word], exchanges: Iterable[Exchange]) -> list[Exchange] | None:
    """Those of the exchanges that the filter, which the words are, names by their numbers; None where it is another.

    Raises CommandError where one is not among them.
    """
    if not wanted.numbers:
        return None
    found: dict[int, Exchange] = {}
    last = 0
    for exchange in exchanges:
        last = max(last, exchange.number)
        if exchange.number in wanted.numbers:
            found[exchange.number] = exchange
            if len(found) == len(wanted.numbers):
                return list(found.values())
    missing = min(wanted.numbers - found.keys())
    known = f": the last one is #{last}" if missing > last > 0 else ""
    raise _error(words, missing, f"there is no exchange #{missing}{known}")


def _error(words: Sequence[Word], number: int, text: str) -> CommandError:
    for word in words:
        for place in _NUMBER.finditer(word.text):
            if int(place[1]) == number:
                return word.error(text, place.start(), len(place[0]))
    return words[0].error(text) if words else CommandError(text)
