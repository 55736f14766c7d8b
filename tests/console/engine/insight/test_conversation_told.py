"""Conversations with what services tell: broadcasts and who heard them, one-way messages, runs, waiting."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.engine.conversation.drawing import HANDLER, QUEUE, bar, error_in, name_of_node, verdict
from daebus_console.engine.conversation.tree import Conversation, Node
from daebus_console.engine.conversation.waterfall import Row, Waterfall, waterfall
from daebus_console.engine.message.exchange import Exchange
from daebus_console.engine.records.joining import Links
from tests.console.engine.bus import Bus, answer, raw, request
from tests.console.engine.records.told import batch, cast, handled, record

ORDER = b'{"order": 7}'


def names(node: Node) -> Any:
    """The tree as names within names."""
    within = [names(child) for child in node.children]
    return (name_of_node(node), *within) if within else name_of_node(node)


def looked_at(bus: Bus, start: Exchange) -> Conversation:
    """With what services told, as it is in a capture."""
    return Conversation(start, bus.exchanges, Links.among(bus.exchanges))


def rows(found: Waterfall) -> dict[str, Row]:
    return {name_of_node(row.node): row for row in found.rows}


@pytest.fixture
def bus() -> Bus:
    """An order: a task asks for it, it is told to all, a listener sends a mail and another one fails."""
    bus = Bus()
    bus >> request("orders", "create", id="a", parent_id="t1", cause="task hourly", service="clock")
    bus.now += 0.05
    bus >> raw("orders.created", ORDER)
    bus.now += 0.01
    bus >> raw("mail", '{"action": "send", "message_id": "m", "parent_id": "h1"}')
    bus.now += 0.04
    bus >> answer("caller:1", id="a", elapsed=0.06)
    bus.now += 0.1
    at = bus.now - 0.1
    bus >> batch(
        "orders",
        handled(1, "a", "create", at, queued=0.03, elapsed=0.06),
        cast("published", 2, "orders.created", ORDER, at - 0.04, parent="a"),
    )
    bus >> batch(
        "mailer",
        cast("heard", 1, "orders.created", ORDER, at - 0.03, id="h1", listener="on_order", elapsed=0.01, outcome="ok"),
    )
    bus >> batch(
        "audit",
        cast("heard", 1, "orders.created", ORDER, at - 0.03, id="h2", listener="keep", elapsed=0.01, outcome="error",
             type="KeyError", error="'sku'"),
    )  # fmt: skip
    bus >> batch("mail", handled(1, "m", "send", at + 0.02, elapsed=0.05, outcome="handler_error", error="no route"))
    return bus


TREE = (
    "task hourly in clock",
    ("orders.create", ("orders.created", ("listener on_order in mailer", "mail.send"), "listener keep in audit")),
)


def test_from_anything_in_it_the_same_tree(bus: Bus) -> None:
    for exchange in bus.exchanges[:3]:
        assert names(looked_at(bus, exchange).root) == TREE


def test_the_run_that_set_it_off_where_it_is_told(bus: Bus) -> None:
    bus >> batch(
        "clock", record(1, "ran", bus.now - 0.05, id="t1", what="task", name="hourly", elapsed=0.3, outcome="ok")
    )
    found = looked_at(bus, bus["a"])
    assert names(found.root) == TREE
    assert found.root.run is not None
    assert rows(waterfall(found, bus.now))["task hourly in clock"].own_clock


def test_without_what_services_tell_nothing_is_joined(bus: Bus) -> None:
    assert names(Conversation(bus["a"], bus.exchanges).root) == ("task hourly in clock", "orders.create")


def test_waiting_for_a_worker_is_told_apart(bus: Bus) -> None:
    row = rows(waterfall(looked_at(bus, bus["a"]), bus.now))["orders.create"]
    assert row.queued is not None
    assert row.handler is not None
    assert row.way is not None
    # The parts add up to the whole.
    assert row.queued + row.handler + row.way == pytest.approx(row.end - row.start, abs=0.002)
    assert row.queued == pytest.approx(0.03, abs=0.001)
    drawn = bar(row, 0.1, 50)
    assert QUEUE in drawn
    assert drawn.index(QUEUE) < drawn.index(HANDLER)
    assert not row.own_clock


def test_what_failed_where_nobody_was_told(bus: Bus) -> None:
    found = rows(waterfall(looked_at(bus, bus["a"]), bus.now))
    sent, listener = found["mail.send"], found["listener keep in audit"]
    assert (sent.failed, error_in(sent), verdict(sent)) == (
        True,
        "handler_error: no route",
        "arose here, nobody was told",
    )
    assert (listener.failed, error_in(listener)) == (True, "KeyError: 'sku'")
    assert sent.own_clock
    assert listener.own_clock
    assert sent.end - sent.start > 0.05
    assert not found["orders.create"].failed


def test_clocks_that_are_off_move_no_run_before_its_cause(bus: Bus) -> None:
    late = b'{"order": 8}'
    bus >> raw("orders.created", late)
    told = cast("heard", 9, "orders.created", late, bus.now - 0.4, id="h9", listener="slow", elapsed=0.01, outcome="ok")
    bus >> batch("mailer", told, instance="i2")
    start = next(one for one in bus.exchanges if one.opened.data == late)
    found = rows(waterfall(looked_at(bus, start), bus.now))
    assert found["listener slow in mailer"].start >= found["orders.created"].start


def test_circles_of_broadcasts_are_cut() -> None:
    bus = Bus()
    bus >> raw("ping", ORDER)
    bus >> raw("pong", ORDER)
    at = bus.now
    bus >> batch(
        "one",
        cast("heard", 1, "ping", ORDER, at, id="r1", listener="a", outcome="ok"),
        cast("published", 2, "pong", ORDER, at, parent="r1"),
        cast("heard", 3, "pong", ORDER, at, id="r2", listener="b", outcome="ok"),
        cast("published", 4, "ping", ORDER, at, parent="r2"),
    )
    root = looked_at(bus, bus.exchanges[0]).root
    assert root.cut
    assert [node.exchange.number for node in root.walk() if node.exchange is not None] == [1, 2]


def test_ten_thousand_listeners_and_hostile_ids() -> None:
    bus = Bus()
    bus >> raw("ping", ORDER)
    heard = [
        cast("heard", number, "ping", ORDER, bus.now, id=f"r{number}", listener=f"l{number}", outcome="ok")
        for number in range(1, 10_001)
    ]
    bus >> batch("one", *heard, cast("heard", 10_001, "ping", ORDER, bus.now, id=None, listener="x", outcome="ok"),
                 cast("heard", 10_002, "ping", ORDER, bus.now, id=True, listener="y", outcome="ok"))  # fmt: skip
    root = looked_at(bus, bus.exchanges[0]).root
    assert len(root.children) == 10_000
