"""Who is told of what: each rule of the events that it has, and those that judge harm alone of what a debugger did."""

from __future__ import annotations

from typing import Any, ClassVar

from daebus_console.engine.directory import Directory
from daebus_console.engine.findings.book import Book
from daebus_console.engine.findings.families import Family
from daebus_console.engine.findings.judges import Judges
from daebus_console.engine.findings.rule import Rule, World
from daebus_console.engine.message.exchange import Exchange, Flag
from tests.console.engine.bus import Bus, request

told: list[tuple[str, Any]] = []


class Plain(Rule):
    """Judges what goes on by itself."""

    def answered(self, service: str, action: str, exchanges: Any) -> None:
        told.append(("plain", service))

    def closed(self, parent: Exchange, family: Family) -> None:
        told.append(("plain", [one.request_id for one in family.calls]))


class OfHarm(Plain):
    """Judges what others make of what was done on purpose."""

    of_harm: ClassVar[bool] = True

    def answered(self, service: str, action: str, exchanges: Any) -> None:
        told.append(("of harm", service))

    def closed(self, parent: Exchange, family: Family) -> None:
        told.append(("of harm", [one.request_id for one in family.calls]))


class Broken(Rule):
    """Fails at whatever it is told."""

    def answered(self, service: str, action: str, exchanges: Any) -> None:
        raise KeyError(service)


def judges(*rules: type[Rule]) -> Judges:
    told.clear()
    bus = Bus()
    world, book = World(Directory(), bus.correlator.find), Book()
    return Judges(rule(world, book) for rule in rules)


def family(*calls: Exchange) -> Family:
    found = Family()
    found.calls = list(calls)
    return found


def test_each_is_told_of_the_events_that_it_has() -> None:
    found = judges(Plain, OfHarm)
    for judged in found.answered:
        judged("orders", "create", ())
    assert told == [("plain", "orders"), ("of harm", "orders")]
    assert (found.asked, found.look) == ([], [])


def test_of_harm_only_those_are_told_that_judge_it() -> None:
    for judged in judges(Plain, OfHarm).of_harm["answered"]:
        judged("orders", "create", ())
    assert told == [("of harm", "orders")]


def test_a_rule_that_fails_keeps_no_other_from_judging_and_is_told() -> None:
    found = judges(Broken, Plain)
    for judged in found.answered:
        judged("orders", "create", ())
    assert told == [("plain", "orders")]
    assert found.problem == "KeyError: 'orders'"


def test_of_calls_that_a_debugger_touched_the_others_are_told() -> None:
    bus = Bus()
    parent, natural, touched = (bus >> request("orders", id=id) for id in ("p", "natural", "touched"))
    touched.flags |= Flag.DEBUGGED
    found = judges(Plain, OfHarm)
    found.close(parent, family(natural, touched))
    assert told == [("plain", ["natural"]), ("of harm", ["natural", "touched"])]
    told.clear()
    found.close(parent, family(touched))
    assert told == [("of harm", ["touched"])], "there are too few others"
    told.clear()
    parent.flags |= Flag.DEBUGGED
    found.close(parent, family(natural))
    assert told == [("of harm", ["natural"])], "its end is none of its own"
