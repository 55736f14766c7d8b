"""Which exchanges are compared with which: the selected with the others of the same service and action. Pure.

Comparing the failures of one action with the successes of another would tell how the two actions differ, so each action
is compared for itself. What has no end yet is on neither side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from daebus_console.engine.filter import lexer
from daebus_console.engine.filter.payload import Path, parse_path
from daebus_console.engine.insight import facets as of
from daebus_console.engine.insight.contrast import Contrast, Difference
from daebus_console.engine.insight.facets import Passing, Redact, facets
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State

MOST = 20_000
"""Exchanges of a side that are looked into; of more, every second, third … is."""
MOST_PLACES = 20

Chosen = Callable[[Exchange], bool]
Each = Callable[[], Iterable[Exchange]]
_OPEN = (State.PENDING, State.UNKNOWN)


@dataclass
class Compared:
    """The comparison for one action (None and the empty text: all together).

    `selected` and `others` count the exchanges there were on each side, `step` tells for each side which part of them
    was looked into: every one, every second …
    """

    target: str
    action: str | None
    selected: int = 0
    others: int = 0
    contrast: Contrast = field(default_factory=Contrast)
    steps: tuple[int, int] = (1, 1)
    _seen: list[int] = field(default_factory=lambda: [0, 0])

    def take(
        self, exchange: Exchange, side: int, passing: tuple[str | None, str | None], redact: Redact | None
    ) -> None:
        """Look into an exchange, if it is its turn."""
        self._seen[side] += 1
        if self._seen[side] % self.steps[side] == 0:
            sides = self.contrast.selected, self.contrast.others
            sides[side].add(facets(exchange, *passing, redact))

    def differences(self, selecting: str = "") -> list[Difference]:
        """What differs, without what the selection itself asks for; that is a filter."""
        asked, paths = _asked(selecting)
        return [
            one
            for one in self.contrast.differences()
            if one.facet.kind not in asked and not any(one.facet.path[: len(path)] == path for path in paths)
        ]


def compare(each: Each, chosen: Chosen, against: Chosen | None = None, redact: Redact | None = None) -> list[Compared]:
    """Compare the chosen exchanges with the others of their actions; with those of `against`, all together.

    Goes twice through what `each` gives. The action with the most selected comes first; 20 actions at most.
    """
    places: dict[tuple[str, str | None], Compared] = {}
    for exchange in each():
        side = side_of(exchange, chosen, against)
        if side is None:
            continue
        key = place_of(exchange, against)
        place = places.get(key) or places.setdefault(key, Compared(*key))
        if side == 0:
            place.selected += 1
        else:
            place.others += 1
    found = sorted((one for one in places.values() if one.selected), key=lambda one: -one.selected)[:MOST_PLACES]
    wanted = {(one.target, one.action): one for one in found}
    for one in found:
        one.steps = (-(-one.selected // MOST), max(1, -(-one.others // MOST)))
    passing = Passing()
    for exchange in each():
        passed = passing(exchange)
        compared = wanted.get(place_of(exchange, against))
        side = None if compared is None else side_of(exchange, chosen, against)
        if compared is not None and side is not None:
            compared.take(exchange, side, passed, redact)
    return found


def place_of(exchange: Exchange, against: Chosen | None) -> tuple[str, str | None]:
    """With the others of which target and action it is compared; of none where it is against what is named."""
    return (exchange.target or "", exchange.action) if against is None else ("", None)


def side_of(exchange: Exchange, chosen: Chosen, against: Chosen | None) -> int | None:
    """0 for the selected, 1 for the others, None for neither."""
    if exchange.kind in (Kind.GAP, Kind.TOLD) or exchange.flags & Flag.CONTROL:
        return None
    if chosen(exchange):
        return 0
    if against is not None:
        return 1 if against(exchange) else None
    return None if exchange.state in _OPEN else 1


def _asked(selecting: str) -> tuple[set[str], list[Path]]:
    """The facets, and the paths of fields, that a filter asks for itself."""
    kinds: set[str] = set()
    paths: list[Path] = []
    for term in lexer.split(selecting):
        key = (term.key or "").casefold()
        if key in (of.FROM, of.SIZE):
            kinds.add(key)
        elif key.startswith("payload"):
            # Indexes are no part of facets: what is told of one is told of all.
            paths.append(tuple(step if isinstance(step, str) else None for step in parse_path(term)))
    return kinds, paths
