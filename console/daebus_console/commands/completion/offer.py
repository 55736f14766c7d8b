"""What completion offers, and what it asks of whoever knows the bus. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

MOST = 100
"""Offers at the most."""


class Offer(NamedTuple):
    """One offer: `text` takes the place of what stands from `start` to the cursor; `meta` says what it is."""

    text: str
    start: int
    meta: str = ""


class Known(Protocol):
    """What is known of the bus. Names come with what is to be said of them; the best come first."""

    def services(self) -> Iterable[tuple[str, str]]:
        """Services."""

    def actions(self, service: str) -> Iterable[tuple[str, str]]:
        """The actions of a service."""

    def channels(self) -> Iterable[tuple[str, str]]:
        """Channels that carry broadcasts."""

    def payload(self, service: str, action: str) -> Any:
        """The payload seen last for an action, or None."""

    def fields(self, service: str, action: str) -> Iterable[tuple[str, str]]:
        """Beginnings of the items that an action takes, as its service tells."""

    def message(self, channel: str) -> Any:
        """The object broadcast last on a channel, or None."""

    def exchanges(self) -> Iterable[tuple[int, str]]:
        """The latest exchanges, the newest first."""

    def variables(self) -> Iterable[tuple[str, str]]:
        """What `$name` may name, without the sign."""

    def jobs(self) -> Iterable[tuple[int, str]]:
        """What is under way."""

    def held(self) -> Iterable[tuple[str, str]]:
        """What is held, by its number."""

    def storms(self) -> Iterable[tuple[str, str]]:
        """Faults that are kept by name."""

    def files(self, beginning: str) -> Iterable[tuple[str, str]]:
        """Files and directories (these end in a slash) whose path begins so."""

    def filter_offers(self, text: str) -> Iterable[tuple[str, int, str]]:
        """How a term of a filter may go on: text, where it starts in the term, what it is."""


def taken(line: str) -> str:
    """The line in which an offer was taken: with a blank for the next word, unless this one goes on."""
    return line if line[-1:] in ("=", "/", ":", " ") else f"{line} "


def whole(name: str) -> str:
    """The name itself: what is typed is compared with all of it."""
    return name


def ranked(
    typed: str,
    start: int,
    names: Iterable[tuple[str, str]],
    *,
    quote: Callable[[str], str] = str,
    by: Callable[[str], str] = whole,
) -> list[Offer]:
    """What begins with the typed, then what contains it, in the order given; the case does not matter."""
    wanted = typed.casefold()
    first: list[Offer] = []
    then: list[Offer] = []
    for name, meta in names:
        folded = by(name).casefold()
        fitting = first if folded.startswith(wanted) else then if wanted in folded else None
        if fitting is not None and len(fitting) < MOST:
            fitting.append(Offer(quote(name), start, meta))
        if len(first) >= MOST:
            break
    return [*first, *then][:MOST]
