"""What an exchange was sent from where no id says so: the one request that its sender had under way. Pure.

Services of 0.0.31 say nothing of what they send for what. Whoever has just one request under way at that moment can
have sent it from there only, or from a task or a thread of its own, of which nobody knows; so it is supposed, and said
to be. Where there are two possibilities nothing is.
"""

from __future__ import annotations

from collections import defaultdict

from daebus_console.engine.message.exchange import Exchange, Flag, Kind

ONE_WAY_LASTS = 5.0
"""Seconds for which a message that nobody answers may be what its receiver is at."""


class Supposing:
    """Is shown exchanges, oldest first, and supposes for each what it was sent from."""

    def __init__(self) -> None:
        self._under_way: defaultdict[str, list[Exchange]] = defaultdict(list)
        self._tells: set[str] = set()

    def parent_of(self, exchange: Exchange) -> Exchange | None:
        """What it was sent from; None where that is not to be supposed. To be called for each, once."""
        kind = exchange.kind
        if kind not in (Kind.REQUEST, Kind.ONE_WAY) or exchange.flags & Flag.CONTROL:
            return None
        source, found = exchange.source, None
        if source is not None and exchange.parent_id is not None:
            self._tells.add(source)
        elif source is not None and source not in self._tells and source in self._under_way:
            found = self._only_one(source, exchange)
        if exchange.target is not None:
            self._under_way[exchange.target].append(exchange)
        return found

    def _only_one(self, service: str, exchange: Exchange) -> Exchange | None:
        at = exchange.opened.at
        left = [one for one in self._under_way[service] if _until(one) > at]
        self._under_way[service] = left
        # Whose answers tell the instance tells ids as well, where there are some.
        if len(left) != 1 or left[0].instance is not None or left[0].request_id is None:
            return None
        return left[0]


def _until(exchange: Exchange) -> float:
    """When its receiver was done with it at the latest, as far as is known (epoch seconds)."""
    if exchange.kind is Kind.ONE_WAY:
        return exchange.opened.at + ONE_WAY_LASTS
    return exchange.until if exchange.answer is None else exchange.answer.at
