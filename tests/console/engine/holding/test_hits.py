"""How often our rules were hit."""

from __future__ import annotations

from daebus_console.engine.holding.hits import Hits


def test_what_instances_tell_is_added_up() -> None:
    hits = Hits()
    hits.begin("users", "r1")
    hits.take("users", "r1", "a", 2)
    hits.take("users", "r1", "b", 3)
    hits.take("users", "r1", "a", 4)
    assert hits.of("users", "r1") == 7
    assert hits.of("orders", "r1") == 0


def test_an_instance_that_begins_to_count_anew_has_had_those_of_before() -> None:
    hits = Hits()
    hits.begin("users", "r1")
    for told in (5, 1, 2, 0):
        hits.take("users", "r1", "a", told)
    assert hits.of("users", "r1") == 7


def test_what_is_told_of_a_rule_that_does_not_stand_counts_for_nothing() -> None:
    hits = Hits()
    hits.take("users", "r1", "a", 2)
    hits.begin("users", "r1")
    hits.take("users", "r1", "a", 1)
    hits.end("users", "r1")
    hits.take("users", "r1", "a", 3)
    assert hits.of("users", "r1") == 0
