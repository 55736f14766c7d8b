"""Who has a lease on the gates of an instance, until when, and which rules come of that. No thread, no clock, no lock:
for whoever holds the lock of the gates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from daebus.errors import DaebusError

from .rule import EVENT, HOLD, REQUEST, Deed, Rule
from .steps import STEP

MOST_OWNERS = 50
LONGEST_LEASE = 30.0
"""Seconds."""
SUSPENSION_HOLDS = 3600.0
"""Seconds for which a suspended instance holds what comes; it is the lease that ends it."""


@dataclass(eq=False, slots=True)
class Lease:
    """Somebody's rules, or suspension, and until when they live (a time of `time.monotonic()`)."""

    owner: str
    until: float
    suspends: bool = False
    rules: list[Rule] = field(default_factory=list)

    def replace(self, rules: list[Rule]) -> None:
        """Have these rules; what says the same as before is the same, and counts on."""
        before = {rule.id: rule for rule in self.rules}
        self.rules = [
            old if (old := before.get(rule.id)) is not None and old.source == rule.source else rule for rule in rules
        ]

    def suspend(self) -> bool:
        """Hold whatever is to be handled or heard; whether that is new."""
        if self.rules:
            return False
        deed = Deed(HOLD, SUSPENSION_HOLDS)
        self.rules = [Rule("suspend", place, deed) for place in (REQUEST, EVENT)]
        return True

    def step(self, rules: list[Rule]) -> None:
        """Have the rules of a step before those that there are, in the place of those of the last step."""
        self.rules = [*rules, *(rule for rule in self.rules if not rule.id.startswith(STEP))]

    def told(self, now: float) -> dict[str, Any]:
        """What is said of it, with its rules."""
        told: dict[str, Any] = {"owner": self.owner, "lease": round(max(0.0, self.until - now), 3)}
        return told if self.suspends else {**told, "rules": [rule.told() for rule in self.rules]}


class Leases:
    """All of one instance: of each owner one with rules, and one that suspends."""

    def __init__(self) -> None:
        self._leases: dict[tuple[str, bool], Lease] = {}

    def __iter__(self) -> Iterator[Lease]:
        return iter(self._leases.values())

    def __bool__(self) -> bool:
        return bool(self._leases)

    def of(self, owner: str, suspends: bool) -> Lease:
        """The lease of an owner, or a new one, which counts when it is kept. Raises DaebusError where there are too
        many."""
        lease = self._leases.get((owner, suspends))
        if lease is not None:
            return lease
        if len(self._leases) >= MOST_OWNERS:
            raise DaebusError(f"there are {MOST_OWNERS} leases already")
        return Lease(owner, 0.0, suspends)

    def keep(self, lease: Lease) -> None:
        """It is one of them."""
        self._leases[lease.owner, lease.suspends] = lease

    def end(self, owner: str, suspends: bool) -> Lease | None:
        """Take out what an owner has; None where that is none."""
        return self._leases.pop((owner, suspends), None)

    def end_before(self, now: float) -> bool:
        """Take out those that have run out; whether there were any."""
        before = len(self._leases)
        self._leases = {key: lease for key, lease in self._leases.items() if lease.until > now}
        return len(self._leases) < before

    def end_all(self) -> None:
        """Take out all."""
        self._leases.clear()

    def to_step(self, owner: str) -> Lease | None:
        """The lease that is to have the rules of an owner's step; None where the owner has none.

        Where that has a suspension alone, it is a new one, which ends with it.
        """
        lease = self._leases.get((owner, False))
        suspension = self._leases.get((owner, True))
        if lease is None and suspension is not None:
            lease = self._leases[owner, False] = Lease(owner, suspension.until)
        return lease

    def rules(self) -> list[tuple[Lease, Rule]]:
        """The rules that are not spent, in the order in which they are tried."""
        leases = sorted(self._leases.values(), key=lambda lease: not lease.suspends)
        return [(lease, rule) for lease in leases for rule in lease.rules if not rule.spent]

    @property
    def passed(self) -> int:
        """How many messages went through for want of room, of those that the rules which stand were to hold."""
        return sum(rule.passed for lease in self._leases.values() for rule in lease.rules)
