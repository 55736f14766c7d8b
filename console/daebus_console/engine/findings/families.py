"""Which requests were made for which other: the calls of a handler, until it has answered. Pure and bounded."""

from __future__ import annotations

from daebus_console.engine.message.exchange import Exchange

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
        self._families: dict[str, Family] = {}

    def __len__(self) -> int:
        return len(self._families)

    def __contains__(self, request_id: str | None) -> bool:
        return request_id in self._families

    def add(self, parent_id: str, call: Exchange) -> None:
        """The call was made while the request of that id was handled."""
        family = self._families.get(parent_id)
        if family is None:
            family = self._families[parent_id] = Family()
            if len(self._families) > MOST:
                # Those whose parent was never seen, or never answered, go in time.
                del self._families[next(iter(self._families))]
        if len(family.calls) < MOST_CALLS:
            family.calls.append(call)
        else:
            family.beyond += 1

    def take(self, parent_id: str | None) -> Family | None:
        """The calls for that request, which are forgotten here."""
        return None if parent_id is None else self._families.pop(parent_id, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._families.clear()
