"""What instances tell of their holds, one look after the other."""

from __future__ import annotations

from typing import Any

from daebus_console.engine.holding.desk import Desk, Reach, Refusal
from daebus_console.engine.holding.report import Report, read_report
from daebus_console.engine.holding.rule import Rule

RULE = {"id": "r1", "place": "request", "action": "charge", "where": [[["amount"], "=", 2]], "hold": True}


def told(instance: str, at: float, rules: list[dict[str, Any]], **held: float) -> Report:
    """A report of an instance: `held` is for how many seconds each of its holds is held."""
    holds = [
        {"hold": f"{instance}:{id}", "id": id, "place": "request", "owner": "ann", "rule": "r1", "held": seconds}
        for id, seconds in held.items()
    ]
    leases = [{"owner": "ann", "rules": rules}]
    return read_report("payments", instance, {"held": holds, "rules": leases, "count": len(holds)}, at)


def test_what_is_held_keeps_its_place_however_long_an_answer_takes() -> None:
    desk = Desk("ann")
    desk.take(told("one", 10.0, [], a=2.0))
    desk.take(told("two", 10.1, [], b=2.0))
    first = [(one.number, one.first.since) for one in desk.held()]
    assert [number for number, _since in first] == [1, 2]
    # The first answer was long on its way, so that what it tells seems to be held for less time.
    desk.take(told("one", 11.4, [], a=3.0))
    desk.take(told("two", 11.1, [], b=3.0))
    assert [(one.number, one.first.since) for one in desk.held()] == first


def test_the_rule_that_holds_is_known_also_when_it_has_gone() -> None:
    desk = Desk("ann")
    desk.take(told("one", 10.0, [RULE], a=2.0))
    desk.take(told("one", 11.0, [], a=3.0))
    (held,) = desk.held()
    assert held.first.held_by is not None
    assert held.first.held_by.wire()["where"] == RULE["where"]


def test_instances_that_are_gone_are_in_reach_no_more() -> None:
    desk = Desk("ann")
    for instance in ("one", "two", "three"):
        desk.allowed("payments", instance, done=True)
    desk.refused("payments", "three", Refusal("forbidden", "not here", 10.0))
    assert (desk.reach("payments").able, len(desk.reach("payments").refusals)) == (2, 1)
    desk.only("payments", ["one"])
    assert desk.reach("payments") == Reach(able=1)
    desk.allowed("payments", "four", done=True)
    desk.gone("payments", ["one"])
    assert desk.reach("payments") == Reach(able=1)
    assert desk.able == {("payments", "four")}


def test_hits_of_a_rule_for_one_message_are_counted_by_what_it_holds_too() -> None:
    desk = Desk("ann")
    desk.add("payments", Rule("r1", action="charge", once=True))
    assert not desk.spent()
    desk.take(told("one", 10.0, [], a=2.0))
    assert [one.rule.id for one in desk.spent()] == ["r1"]
