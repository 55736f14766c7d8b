"""How often our rules were hit, in all instances together, also in those that are there no more. Pure."""

from __future__ import annotations


class Hits:
    """By service and id of the rule: in each instance what it told last, and before it began to count anew."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}

    def begin(self, service: str, rule: str) -> None:
        """It stands there now."""
        self._told[service, rule] = {}

    def end(self, service: str, rule: str) -> None:
        """It has been lifted: what is still told of it counts no more."""
        self._told.pop((service, rule), None)

    def take(self, service: str, rule: str, instance: str, hits: int) -> None:
        """So many are told by an instance."""
        here = self._told.get((service, rule))
        if here is not None:
            before, last = here.get(instance, (0, 0))
            here[instance] = (before + last if hits < last else before, hits)

    def of(self, service: str, rule: str) -> int:
        """How many there were."""
        return sum(map(sum, self._told.get((service, rule), {}).values()))
