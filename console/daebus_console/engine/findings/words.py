"""The words of findings: names in sentences, terms of filters, durations, and which names are nearly the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from daebus_console.dates import seconds as duration
from daebus_console.engine.filter.writing import literal as term
from daebus_console.engine.filter.writing import numbers
from daebus_console.naming import quoted, shown

__all__ = [
    "DROPPED",
    "KEEP_THE_HANDLE",
    "call",
    "duration",
    "more_room",
    "near",
    "numbers",
    "one_and_many",
    "quoted",
    "shown",
    "term",
    "to",
    "who_holds",
]


DROPPED = "dropped its handle"
"""What the error says of an answer that was to come later."""
KEEP_THE_HANDLE = (
    "keep the handle that response.defer gives, and let every way through what keeps it send an answer; see in the log"
    " whether that raised"
)


def call(service: str | None, action: str | None) -> str:
    """A service and its action, as a sentence has them."""
    name = shown(service or "?")
    return f"{name} {shown(action, text=True)}" if action else name


def who_holds(service: str, *, on_loop: bool) -> str:
    """Where to look for what keeps messages from a handler: an async one needs no worker."""
    if on_loop:
        return f"look for an async handler or task that does not await: running {shown(service)}"
    return f"look at the workers of {shown(service)}: services {shown(service)}"


def more_room(service: str, *, on_loop: bool) -> str:
    """What lets more of its handlers run at once."""
    return "raise max_async" if on_loop else f"give {shown(service)} more workers"


def to(service: str, action: str = "") -> str:
    """The filter for what went to that service, or action."""
    return f"to:{term(service)}" + (f" action:{term(action)}" if action else "")


_SHORTEST = 3


def near(word: str, known: Iterable[str]) -> str | None:
    """The one of the known names that `word` was meant to be, where there is hardly a doubt; else None.

    One slip in four letters or more, two in nine or more; or another case, or another sign between the words; or one
    and several (lab, labs). Names that differ in their digits alone are different things.
    """
    best: tuple[int, str] | None = None
    plain = _plain(word)
    for name in known:
        if abs(len(name) - len(word)) > 2 or _without_digits(name) == _without_digits(word):
            continue
        if _plain(name) == plain:
            return name
        if min(len(name), len(word)) == _SHORTEST and (name == f"{word}s" or word == f"{name}s"):
            best = 1, name
            continue
        allowed = 2 if min(len(name), len(word)) >= 9 else 1 if min(len(name), len(word)) >= 4 else 0
        slips = _slips(word, name, allowed)
        if slips <= allowed and (best is None or (slips, name) < best):
            best = slips, name
    return best[1] if best is not None else None


def one_and_many(one: str, other: str) -> bool:
    """Whether they differ in that one of their words is in the plural: order.created, orders.created."""
    short, long = sorted((one, other), key=len)
    return any(
        sign == "s" and not long[at + 1 : at + 2].isalnum() and long[:at] + long[at + 1 :] == short
        for at, sign in enumerate(long)
    )


def _plain(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "").replace(".", "")


def _without_digits(word: str) -> str:
    return "".join(sign for sign in word if not sign.isdigit())


def _slips(one: str, other: str, most: int) -> int:
    """How many letters have to be changed, added, left out or exchanged with their neighbour; most + 1 for more."""
    if most == 0:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for line, sign in enumerate(one, 1):
        following = [line]
        for column, letter in enumerate(other, 1):
            cost = min(row[column] + 1, following[-1] + 1, row[column - 1] + (sign != letter))
            if line > 1 and column > 1 and sign == other[column - 2] and one[line - 2] == letter:
                cost = min(cost, before[column - 2] + 1)
            following.append(cost)
        if min(following) > most:
            return most + 1
        before, row = row, following
    return row[-1]
