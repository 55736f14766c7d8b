"""Which requests were made for which other: the calls of a handler, until it has answered. Pure and bounded."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from daebus_console.engine.message.exchange import Exchange, Kind

MOST = 2_000
"""Handlers whose calls are remembered at once."""
MOST_CALLS = 200
"""Calls of one handler that are remembered; more are counted."""


class Family:
    """The calls that were made for one request, in order. `beyond` are those that are only counted."""

    __slots__ = ("beyond", "calls")

    def __init__(self) -> None:
        self.calls: list[Exchange] = []
        self.beyond = 0


class Families:
    """Calls by the id of the request they were made for."""

    def __init__(self) -> None:
        self._by_parent: dict[str | None, Family] = {}
        self.take = self._by_parent.pop
        """`take(id, None)`: the calls for that request, which are forgotten here. The dict's own method, since it is
        called for every answer."""

    def __len__(self) -> int:
        return len(self._by_parent)

    def __contains__(self, request_id: str | None) -> bool:
        return request_id in self._by_parent

    def add(self, parent_id: str, call: Exchange) -> None:
        """The call was made while the request of that id was handled."""
        family = self._by_parent.get(parent_id)
        if family is None:
            family = self._by_parent[parent_id] = Family()
            if len(self._by_parent) > MOST:
                # Those whose parent was never seen, or never answered, go in time; many at once, for to find the first
                # of a dict takes the longer the more of its first ones have gone.
                for oldest in list(islice(self._by_parent, MOST // 10)):
                    del self._by_parent[oldest]
        if len(family.calls) < MOST_CALLS:
            family.calls.append(call)
        else:
            family.beyond += 1

    def clear(self) -> None:
        """Forget all of them."""
        self._by_parent.clear()


def longest_call(calls: Iterable[Exchange], parent: Exchange) -> tuple[Exchange, float] | None:
    """The one of those calls that took more than half of the time until the parent was answered, and its seconds."""
    if parent.answer is None:
        return None
    took = parent.answer.at - parent.opened.at
    for one in calls:
        if one.kind is Kind.REQUEST and one.answer is not None and one.answer.at <= parent.answer.at:
            spent = one.answer.at - one.opened.at
            if spent > took / 2:
                return one, spent
    return None
