"""What of several nodes, and of the channels read there, is missing for now. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from daebus.transport.places.route import Place

What = Place | str
"""A node, or a channel."""


class Missing:
    """`told` is for whoever has said that something is missing."""

    def __init__(self) -> None:
        self.told = False
        self._why: dict[What, str] = {}
        self._had: set[What] = set()

    @property
    def any(self) -> bool:
        """Whether anything is missing."""
        return bool(self._why)

    @property
    def first(self) -> str:
        """Why that is missing which is so for the longest time."""
        return next(iter(self._why.values()), "")

    def has(self, what: What | None) -> bool:
        """Whether that is missing."""
        return what in self._why

    def reason(self, what: What) -> str | None:
        """Why it is."""
        return self._why.get(what)

    def lose(self, what: Iterable[What], reason: str) -> None:
        """These are missing from now on, for that reason, if they had been there before; a node in any case."""
        for one in what:
            if one in self._had or not isinstance(one, str):
                self._why.setdefault(one, reason)

    def find(self, what: Iterable[What]) -> None:
        """These are there."""
        for one in what:
            self._had.add(one)
            self._why.pop(one, None)

    def forget(self, what: Iterable[What]) -> None:
        """These are not wanted any more."""
        for one in what:
            self._had.discard(one)
            self._why.pop(one, None)
