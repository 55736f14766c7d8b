"""Services of 0.0.31 within a chain, two services of one name, a console that comes in the middle."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.engine.conversation.tree import Conversation, Node
from daebus_console.engine.conversation.waterfall import waterfall
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.why.asking import why_exchange
from daebus_console.engine.why.sight import Sight
from tests.console.engine.findings.watched import Watched
from tests.console.engine.records.told import batch, handled, recent


@pytest.fixture
def bus() -> Watched:
    return Watched()


def tree(bus: Watched, start: Exchange) -> Any:
    exchanges = list(bus.session.journal.exchanges)
    found = Conversation(start, exchanges, bus.session.telling.links(exchanges))
    assert waterfall(found, bus.now).rows
    return _named(found.root)


def _named(node: Node) -> Any:
    name = f"{node.exchange.target}{'?' if node.supposed else ''}" if node.exchange is not None else "unseen"
    within = [_named(child) for child in node.children]
    return (name, *within) if within else name


def why(bus: Watched, exchange: Exchange) -> str:
    findings, told = bus.session.findings, bus.session.telling
    sight = Sight(findings.world, findings.book, bus.session.journal, bus.now, told.of, told.standing, told.reports_of)
    return why_exchange(sight, exchange).name


def old_ask(bus: Watched, source: str, target: str) -> Exchange:
    """As 0.0.31 asks: it says of no parent."""
    number = bus.session.journal.next_number
    asked = {"action": "act", "payload": {}, "request_id": f"old{number}", "service": source}
    return bus.say(target, {**asked, "reply_to": f"{source}.responses"})


def test_a_service_of_0_0_31_within_a_chain(bus: Watched) -> None:
    order = bus.ask("gateway", "buy")
    charge = bus.ask("billing", "charge", of=order)
    bank = old_ask(bus, "billing", "bank")
    below = bus.ask("ledger", "book", of=bank)
    whole = ("gateway", ("billing", ("bank?", "ledger")))
    for one in (order, charge, bank, below):
        assert tree(bus, one) == whole
    for one in (below, bank, charge, order):
        bus.say(one.reply_to or "", {"status": "success", "payload": {}, "request_id": one.request_id})
    assert tree(bus, order) == whole
    assert bus.session.telling.tells("billing") is not True
    assert bus.found() == []


def test_where_it_does_two_things_at_once_nobody_can_tell_which_it_was(bus: Watched) -> None:
    orders = [bus.ask("gateway", "buy") for _ in range(2)]
    for order in orders:
        bus.ask("billing", "charge", of=order)
    bank = old_ask(bus, "billing", "bank")
    assert tree(bus, bank) == "bank"
    assert [tree(bus, order) for order in orders] == [("gateway", "billing")] * 2


def test_an_error_that_a_service_of_0_0_31_lets_rise_is_not_held_against_those_beyond_it(bus: Watched) -> None:
    order = bus.ask("gateway", "buy")
    charge = bus.ask("billing", "charge", of=order)
    bank = old_ask(bus, "billing", "bank")
    for one, status in ((bank, "error"), (charge, "success"), (order, "success")):
        bus.say(one.reply_to or "", {"status": status, "payload": {"error": "no"}, "request_id": one.request_id})
    assert bus.found() == [], "that billing swallowed it is supposed, and no more"


def test_two_services_of_one_name_that_both_answer(bus: Watched) -> None:
    bus.info("users", "get", instance="here")
    bus.info("users", "get", "list", instance="there")
    asked = bus.ask("users", "get")
    bus.answer(asked, {"name": "Ann"}, instance="here")
    bus.answer(asked, {"error": "no"}, status="error", instance="there")
    for instance, outcome in (("here", "ok"), ("there", "handler_error")):
        bus.say(*_decoded(batch("users", handled(1, asked.request_id or "", "get", bus.now, outcome=outcome),
                                instance=instance)))  # fmt: skip
    assert asked.flags & Flag.DUPLICATE
    assert asked.state is State.OK
    assert {(run.source.instance, run.outcome) for run in bus.session.telling.of(asked).handled} == {
        ("here", "ok"),
        ("there", "handler_error"),
    }
    assert tree(bus, asked) == "users"
    assert "answered-twice" in bus.names()


def _decoded(sent: Any) -> tuple[str, bytes]:
    return sent.channel, sent.data


def test_a_console_that_comes_in_the_middle(bus: Watched) -> None:
    """The request was sent before; its answer, two of its calls and a record of it are seen."""
    first = bus.ask("users", parent_id="gone")
    bus.answer(first)
    second = bus.ask("billing", parent_id="gone")
    late = bus.say("caller:web", {"status": "success", "payload": {}, "request_id": "gone", "elapsed": 9.0})
    assert (late.kind, late.state) == (Kind.RESPONSE, State.ORPHAN)
    assert why(bus, late) == "orphan"
    assert tree(bus, second) == ("caller:web", "users", "billing"), "its answer stands for it"
    bus.wait(1)
    asked = {"action": "recent", "payload": {}, "request_id": "asked", "reply_to": "caller:console"}
    bus.say("daebus.control.orders", asked)
    bus.say(*_decoded(recent("orders", handled(1, "before", "create", bus.now - 900, outcome="handler_error"))))
    rows = [one for one in bus.session.journal.exchanges if one.kind is Kind.TOLD]
    assert [(row.target, row.action) for row in rows] == [("orders", "create")]
    assert "orders" not in {row.service for row in bus.session.stats.rows(bus.now)}, "what was not seen is not counted"
    assert not [one for one in bus.found() if one.rule in ("answered-twice", "swallowed-error", "nobody-listens")]


@pytest.mark.parametrize(("waited", "rows"), [(30.0, 1), (1.0, 0)])
def test_what_came_before_the_console_and_waited_for_a_worker(bus: Watched, waited: float, rows: int) -> None:
    """Its handler began while the console looked; the message itself had passed before, or was not there to be seen."""
    bus.session.status.since = bus.now
    bus.wait(10)
    bus.say(*_decoded(batch("orders", handled(1, "waited", "create", bus.now, queued=waited))))
    told = [one for one in bus.session.journal.exchanges if one.kind is Kind.TOLD]
    assert [(one.target, one.action, one.request_id) for one in told] == [("orders", "create", "waited")] * rows
