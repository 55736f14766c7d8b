"""Leases by themselves: whose rules they are, in which order they are tried, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from daebus.errors import DaebusError
from daebus.gates.leases import MOST_OWNERS, Lease, Leases
from daebus.gates.reading import read_rules
from daebus.gates.rule import Rule


def rules(*ids: str, **more: Any) -> list[Rule]:
    return read_rules([{"id": id, "place": "request", "hold": True, **more} for id in ids])


def lease(leases: Leases, owner: str, *ids: str, until: float = 10.0, suspends: bool = False) -> Lease:
    found = leases.of(owner, suspends)
    found.until = until
    found.rules = rules(*ids)
    leases.keep(found)
    return found


def tried(leases: Leases) -> list[str]:
    return [rule.id for _lease, rule in leases.rules()]


def test_a_lease_counts_when_it_is_kept_and_is_the_same_from_then_on() -> None:
    leases = Leases()
    found = leases.of("ann", False)
    assert not leases
    leases.keep(found)
    assert leases.of("ann", False) is found
    assert leases.of("ann", True) is not found
    assert leases.end("ann", False) is found
    assert leases.end("ann", False) is None


def test_there_are_so_many_and_those_that_there_are_are_still_found() -> None:
    leases = Leases()
    for number in range(MOST_OWNERS):
        lease(leases, str(number))
    with pytest.raises(DaebusError, match=f"there are {MOST_OWNERS} leases already"):
        leases.of("one more", False)
    assert leases.of("7", False).owner == "7"


def test_suspensions_are_tried_before_rules_and_what_is_spent_is_not() -> None:
    leases = Leases()
    first = lease(leases, "ann", "a", "b")
    suspension = leases.of("bob", True)
    assert suspension.suspend()
    assert not suspension.suspend(), "it did already"
    leases.keep(suspension)
    assert tried(leases) == ["suspend", "suspend", "a", "b"]
    first.rules[0].times = first.rules[0].hits = 1
    assert tried(leases) == ["suspend", "suspend", "b"]


def test_rules_that_say_the_same_count_on() -> None:
    found = Lease("ann", 1.0, rules=rules("a", "b"))
    same, changed = found.rules
    same.hits = changed.hits = 3
    found.replace([*rules("a"), *rules("b", once=True), *rules("c")])
    assert found.rules[0] is same
    assert [(rule.id, rule.hits) for rule in found.rules] == [("a", 3), ("b", 0), ("c", 0)]


def test_a_step_takes_the_place_of_the_last_one_and_stands_before_the_others() -> None:
    leases = Leases()
    lease(leases, "ann", "step:old", "mine")
    found = leases.to_step("ann")
    assert found is not None
    found.step(rules("step:new"))
    assert tried(leases) == ["step:new", "mine"]


def test_a_step_of_who_only_suspends_ends_with_that_and_nobody_else_has_one() -> None:
    leases = Leases()
    lease(leases, "bob", until=7.0, suspends=True)
    found = leases.to_step("bob")
    assert found is not None
    assert (found.until, found.suspends, found in list(leases)) == (7.0, False, True)
    assert leases.to_step("ann") is None


def test_those_that_have_run_out_are_taken_out() -> None:
    leases = Leases()
    lease(leases, "ann", "a", until=5.0)
    lease(leases, "bob", "b", until=6.0)
    assert not leases.end_before(4.9)
    assert leases.end_before(5.0)
    assert tried(leases) == ["b"]


def test_what_is_told_of_one() -> None:
    assert Lease("ann", 12.34567, rules=rules("a")).told(10.0) == {
        "owner": "ann",
        "lease": 2.346,
        "rules": [{"id": "a", "place": "request", "hold": True, "seen": 0, "hits": 0}],
    }
    assert Lease("bob", 1.0, suspends=True).told(10.0) == {"owner": "bob", "lease": 0.0}
