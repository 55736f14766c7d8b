"""What instances tell of their holds, one look after the other."""

from __future__ import annotations

from typing import Any

from daebus_console.engine.holding.desk import Desk
from daebus_console.engine.holding.report import Report, read_report

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
