"""Conversations: the tree whatever the ids say, the times, and what became of errors."""

from __future__ import annotations

from typing import Any

import pytest

from daebus_console.engine.conversation.drawing import DEEPEST, MOST_ROWS, MOST_WITHIN, bar, drawn, remark, verdict
from daebus_console.engine.conversation.tree import Conversation, Node
from daebus_console.engine.conversation.waterfall import Row, waterfall
from daebus_console.engine.message.exchange import Exchange, Flag
from daebus_console.engine.pairing.clock import Step
from tests.console.engine.bus import Bus, answer, raw, request


def ask(bus: Bus, id: str, parent: str | None = None, channel: str = "shop", **more: Any) -> Exchange:
    return bus >> request(channel, "act", id=id, **({} if parent is None else {"parent_id": parent}), **more)


def conversation(bus: Bus, start: Exchange) -> Conversation:
    return Conversation(start, bus.exchanges)


def shape(node: Node) -> Any:
    """The tree as ids within ids."""
    within = [shape(child) for child in node.children]
    name = node.id or (node.exchange.action if node.exchange else None)
    return (name, *within) if within else name


def rows(bus: Bus, start: Exchange) -> dict[str, Row]:
    found = waterfall(conversation(bus, start), bus.now).rows
    return {row.exchange.request_id or "": row for row in found if row.exchange is not None}


def test_from_any_exchange_the_same_tree() -> None:
    bus = Bus()
    for id, parent in (("a", None), ("b", "a"), ("c", "b"), ("other", None), ("d", "a"), ("e", "other")):
        ask(bus, id, parent)
    bus >> raw("mailer", '{"action": "tell", "parent_id": "b"}')
    for id in "abcd":
        assert shape(conversation(bus, bus[id]).root) == ("a", ("b", "c", "tell"), "d")
    told = bus.exchanges[-1]
    assert shape(conversation(bus, told).root) == ("a", ("b", "c", "tell"), "d")
    assert shape(conversation(bus, bus["e"]).root) == ("other", "e")


def test_it_grows() -> None:
    bus = Bus()
    found = conversation(bus, ask(bus, "a"))
    ask(bus, "other")
    assert not found.grow(bus.exchanges)
    ask(bus, "b", "a")
    ask(bus, "c", "b")
    assert found.grow(bus.exchanges)
    assert not found.grow(bus.exchanges)
    assert shape(found.root) == ("a", ("b", "c"))
    assert (len(found), found.has(bus["c"]), found.has(bus["other"])) == (3, True, False)


def test_what_no_id_says_is_supposed_where_there_is_one_possibility() -> None:
    bus = Bus()
    ask(bus, "a")
    ask(bus, "b", channel="stock", service="shop")
    found = conversation(bus, bus["b"])
    assert shape(found.root) == ("a", "b")
    assert [node.supposed for node in found.root.walk()] == [False, True]
    row = rows(bus, bus["a"])["b"]
    assert remark(row) == "no id says what it was sent from: shop had nothing else under way"
    assert [line.prefix for line in drawn(waterfall(found, bus.now))] == ["", "┊ "]


def test_it_is_supposed_of_what_comes_later_too() -> None:
    bus = Bus()
    found = conversation(bus, ask(bus, "a"))
    ask(bus, "b", channel="stock", service="shop")
    assert found.grow(bus.exchanges)
    assert shape(found.root) == ("a", "b")


@pytest.mark.parametrize("why", ["two at once", "one way", "answered", "ids", "instance", "a stranger"])
def test_with_more_possibilities_nothing_is_supposed(why: str) -> None:
    bus = Bus()
    if why == "ids":
        # It says of another one what it was sent from, so that it would have said so of this.
        ask(bus, "before", "elsewhere", channel="stock", service="shop")
    if why == "one way":
        bus >> raw("shop", '{"action": "tell", "payload": {}}')
    ask(bus, "a")
    if why == "two at once":
        ask(bus, "other")
    if why == "answered":
        bus >> answer("caller:1", id="a")
    if why == "instance":
        bus >> answer("caller:1", id="a", final=False, instance="i1")
    ask(bus, "b", channel="stock", service="web" if why == "a stranger" else "shop")
    assert shape(conversation(bus, bus["b"]).root) == "b"


def test_a_parent_that_was_not_seen_holds_together_what_it_set_off() -> None:
    bus = Bus()
    for id, parent in (("b", "gone"), ("c", "gone"), ("d", "c")):
        ask(bus, id, parent)
    found = conversation(bus, bus["d"])
    assert found.root.exchange is None
    assert shape(found.root) == ("gone", "b", ("c", "d"))
    assert len(found) == 3


@pytest.mark.parametrize(
    ("links", "tree"),
    [
        ([("a", "a")], "a"),
        ([("a", "b"), ("b", "a")], ("a", "b")),
        ([("x", "c"), ("a", "c"), ("b", "a"), ("c", "b"), ("d", "c")], ("a", ("b", ("c", "x", "d")))),
    ],
)
def test_a_cycle_is_cut(links: list[tuple[str, str]], tree: Any) -> None:
    bus = Bus()
    for id, parent in links:
        ask(bus, id, parent)
    for id, _parent in links:
        found = conversation(bus, bus[id])
        assert shape(found.root) == tree
        assert found.root.cut


def test_an_id_used_twice_belongs_to_the_newest_before() -> None:
    bus = Bus()
    first = ask(bus, "a", payload={"n": 1})
    ask(bus, "b", "a")
    second = ask(bus, "a", payload={"n": 2})
    ask(bus, "c", "a")
    assert shape(conversation(bus, first).root) in (("a", "b"), ("a", "b", "c"))
    assert conversation(bus, bus["b"]).root.exchange is first
    assert conversation(bus, bus["c"]).root.exchange is second


def test_very_many_and_very_deep() -> None:
    bus = Bus()
    ask(bus, "a")
    for number in range(10_000):
        ask(bus, f"w{number}", "a")
    for number in range(2_000):
        ask(bus, f"d{number}", f"d{number - 1}" if number else "w3")
    found = conversation(bus, bus["d1999"])
    assert len(found) == 12_001
    lines = drawn(waterfall(found, bus.now))
    assert len(lines) <= MOST_ROWS + 1
    assert sum(line.more for line in lines) + sum(line.row is not None for line in lines) == len(found)
    assert max(len(line.prefix) for line in lines) < 2 * DEEPEST + 10


def test_of_many_within_one_the_first_are_drawn_and_the_others_counted() -> None:
    bus = Bus()
    ask(bus, "a")
    for number in range(MOST_WITHIN + 25):
        ask(bus, f"w{number}", "a", channel="users" if number % 2 else "stock")
    *_first, last = drawn(waterfall(conversation(bus, bus["a"]), bus.now))
    assert (last.row, last.more, dict(last.names)) == (None, 25, {"stock.act": 13, "users.act": 12})


def test_parts_of_the_time_add_up() -> None:
    bus = Bus()
    ask(bus, "a")
    bus.wait(1)
    ask(bus, "b", "a")
    bus.wait(0.5)
    ask(bus, "c", "a")
    bus.wait(1.5)
    bus >> answer("caller:1", id="b", elapsed=1.75)
    bus.wait(1)
    bus >> answer("caller:1", id="c")
    bus.wait(1)
    bus >> answer("caller:1", id="a", elapsed=4.5)
    found = rows(bus, bus["c"])
    a = found["a"]
    assert (a.start, a.end, a.handler, a.way, a.calls, a.own) == (0, 5, 4.5, 0.5, 3, 1.5)
    assert a.begun == 0.5
    assert (found["b"].handler, found["b"].way, found["b"].begun) == (1.75, 0.25, 1.25)
    assert (found["c"].start, found["c"].end, found["c"].handler, found["c"].own) == (1.5, 4, None, None)
    assert [bar(found[id], 5.0, 10) for id in "abc"] == ["░█████████", "  ████    ", "   ▒▒▒▒▒  "]


def test_the_handler_had_begun_when_it_called() -> None:
    bus = Bus()
    ask(bus, "a")
    bus.wait(0.1)
    ask(bus, "b", "a")
    bus.wait(0.9)
    bus >> answer("caller:1", id="a", elapsed=0.5)
    row = rows(bus, bus["a"])["a"]
    assert row.begun == pytest.approx(0.1)


def test_what_is_open_lasts_until_now_and_what_ran_out_until_its_deadline() -> None:
    bus = Bus()
    ask(bus, "a", timeout=1)
    ask(bus, "b", "a", timeout=9)
    bus.wait(3)
    found = rows(bus, bus["b"])
    assert [(one.start, one.end) for one in found.values()] == [(0, 1), (0, 3)]
    assert [bar(one, 3.0, 6) for one in found.values()] == ["╌╌    ", "╌╌╌╌╌╌"]


@pytest.mark.parametrize("told", [-1.0, 1e300, float("nan"), float("inf"), 5.0])
def test_a_service_that_tells_odd_times(told: float) -> None:
    bus = Bus()
    ask(bus, "a")
    bus.wait(2)
    bus >> answer("caller:1", id="a", elapsed=told)
    row = rows(bus, bus["a"])["a"]
    assert row.handler in (None, 2.0)
    assert bar(row, 2.0, 8).strip("█▒") == ""


@pytest.mark.parametrize(("length", "width"), [(0.0, 10), (1.0, 1), (1e-9, 3), (1e9, 80), (1.0, 0)])
def test_bars_of_any_length_have_their_width(length: float, width: int) -> None:
    bus = Bus()
    ask(bus, "a")
    bus.wait(length)
    bus >> answer("caller:1", id="a", elapsed=length / 2)
    assert len(bar(rows(bus, bus["a"])["a"], length, width)) == width


def fails(bus: Bus, id: str, *, well: bool = False) -> None:
    bus.wait(0.1)
    bus >> answer("caller:1", id=id, status="success" if well else "error", payload={"error": "x"})


def test_where_errors_arose_how_far_they_rose_and_what_swallowed_them() -> None:
    bus = Bus()
    for id, parent in (("a", None), ("b", "a"), ("c", "b"), ("d", "c")):
        ask(bus, id, parent)
    for id in "dcb":
        fails(bus, id)
    fails(bus, "a", well=True)
    found = rows(bus, bus["a"])
    assert [verdict(found[id]) for id in "dcba"] == [
        "arose here, rose to #3",
        "came from within, rose to #2",
        "came from within, #1 answered well all the same",
        "",
    ]


def test_what_failed_afterwards_is_no_reason() -> None:
    bus = Bus()
    ask(bus, "a")
    ask(bus, "b", "a")
    fails(bus, "a")
    fails(bus, "b")
    found = rows(bus, bus["a"])
    assert verdict(found["a"]) == "arose here, reached who asked"
    assert verdict(found["b"]) == "arose here"


def test_a_timeout_below_is_a_failure_too() -> None:
    bus = Bus()
    ask(bus, "a", timeout=10)
    ask(bus, "b", "a", timeout=1)
    bus.wait(2)
    fails(bus, "a", well=True)
    assert verdict(rows(bus, bus["a"])["b"]) == "arose here, #1 answered well all the same"


@pytest.mark.parametrize("late", [False, True], ids=["unanswered", "late"])
def test_a_timeout_below_rises_when_its_time_is_over_however_late_its_answer(late: bool) -> None:
    bus = Bus()
    ask(bus, "a", timeout=10)
    bus.wait(0.004)
    ask(bus, "b", "a", timeout=1)
    bus.wait(0.998)
    # By the clock of whoever asked its time is over; here that is 2 ms later.
    fails(bus, "a")
    bus.wait(1)
    if late:
        bus >> answer("caller:1", id="b")
    found = rows(bus, bus["a"])
    assert verdict(found["b"]) == "arose here, rose to #1"
    assert verdict(found["a"]) == "came from within, reached who asked"


@pytest.mark.parametrize("far", [3600.0, -3600.0])
def test_where_the_clock_stepped_all_of_it_stays_on_one_axis(far: float) -> None:
    bus = Bus()
    ask(bus, "a")
    bus.wait(1)
    ask(bus, "b", "a")
    bus.wait(1)
    bus.correlator.step(Step(bus.now, bus.now + far, 0.0))
    bus.now += far
    bus >> answer("caller:1", id="b")
    ask(bus, "c", "a")
    bus.wait(1)
    bus >> answer("caller:1", id="c")
    bus >> answer("caller:1", id="a")
    found = waterfall(conversation(bus, bus["a"]), bus.now)
    spans = {row.exchange.request_id: (row.start, row.end) for row in found.rows if row.exchange is not None}
    # As if the second before the step, in which nothing passed, had not been.
    assert spans == {"a": (0, 2), "b": (1, 1), "c": (1, 2)}
    assert found.stepped
    said = [remark(row) for row in found.rows]
    assert ["nobody knows how long it took" in one for one in said] == [True, True, False]
    alone = waterfall(conversation(bus, ask(bus, "later")), bus.now)
    assert (alone.stepped, alone.length) == (False, 0)


def test_what_was_given_up_before_the_clock_stepped_took_nobody_knows_how_long() -> None:
    bus = Bus()
    asked = ask(bus, "a", timeout=0.5)
    bus.wait(1)
    bus.correlator.step(Step(bus.now, bus.now + 3600, 0.0))
    bus.now += 3601
    bus >> answer("caller:1", id="a")
    assert asked.has(Flag.LATE)
    assert asked.latency is None
