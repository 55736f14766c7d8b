"""What a handler did: errors it swallowed, calls it made again and again, and waiting for its own service."""

from __future__ import annotations

import pytest

from daebus_console.engine.findings.families import MOST, MOST_CALLS
from daebus_console.engine.findings.finding import Severity
from daebus_console.engine.findings.payloads import LARGEST
from tests.console.engine.findings.watched import Watched


def test_an_error_below_and_success_above(bus: Watched) -> None:
    order = bus.ask("gateway", "buy")
    charge = bus.fail(bus.ask("billing", "charge", of=order))
    bus.answer(order, {"status": "paid"})
    finding = bus.one("swallowed-error")
    assert (finding.severity, finding.service, finding.action) == (Severity.WARNING, "gateway", "buy")
    assert finding.evidence == [order.number, charge.number]
    assert (
        finding.text == "gateway buy answered with success, though its call to billing charge ended with handler_error"
    )
    assert finding.filter == f"id:#{order.number},#{charge.number}"


def test_the_filter_shows_all_that_is_evidence(bus: Watched) -> None:
    for _ in range(3):
        order = bus.ask("gateway", "buy")
        bus.fail(bus.ask("billing", "charge", of=order))
        bus.answer(order)
    finding = bus.one("swallowed-error")
    assert len(finding.evidence) == 6
    assert finding.filter == "id:" + ",".join(f"#{number}" for number in finding.evidence)


def test_a_call_that_was_never_answered_counts_as_well(bus: Watched) -> None:
    order = bus.ask("gateway", "buy", timeout=10)
    bus.ask("billing", "charge", of=order, timeout=1)
    bus.wait(2)
    bus.answer(order)
    assert bus.one("swallowed-error").text.endswith("ended without an answer in time")


def test_a_call_that_was_given_up_just_before_the_answer_counts_as_well(bus: Watched) -> None:
    order = bus.ask("gateway", "buy", timeout=10)
    charge = bus.ask("billing", "charge", of=order, timeout=1)
    bus.wait(0.995)
    bus.answer(order)
    assert bus.found() == []
    bus.wait(0.1)
    assert bus.one("swallowed-error").evidence == [order.number, charge.number]


def test_a_call_that_is_answered_just_in_time_is_fine(bus: Watched) -> None:
    order = bus.ask("gateway", "buy", timeout=10)
    charge = bus.ask("billing", "charge", of=order, timeout=1)
    bus.wait(0.995)
    bus.answer(order)
    bus.answer(charge)
    bus.wait(2)
    assert bus.found() == []


def test_a_call_that_nobody_waits_for_and_that_times_out_later_is_not_swallowed(bus: Watched) -> None:
    order = bus.ask("gateway", "buy", timeout=10)
    bus.ask("billing", "charge", of=order, timeout=1)
    bus.wait(0.5)
    bus.answer(order)
    bus.wait(2)
    assert bus.found() == []


def test_a_call_whose_late_answer_is_read_together_with_all_else_counts_as_well(bus: Watched) -> None:
    """As from a capture, where a second is looked at at once."""
    at = bus.now
    order = {"action": "buy", "request_id": "o", "reply_to": "caller:web", "timeout": 10}
    charge = {"action": "charge", "request_id": "c", "reply_to": "caller:gateway", "timeout": 0.2, "parent_id": "o"}
    passed = [
        (0.0, "gateway", order),
        (0.01, "billing", charge),
        (0.3, "caller:web", {"status": "success", "payload": {}, "request_id": "o"}),
        (0.4, "caller:gateway", {"status": "success", "payload": {}, "request_id": "c"}),
    ]
    bus.take([(at + when, channel, message) for when, channel, message in passed])
    assert bus.one("swallowed-error").text.endswith("ended without an answer in time")


def test_an_error_that_rises_is_not_swallowed(bus: Watched) -> None:
    order = bus.ask("gateway", "buy")
    bus.fail(bus.ask("billing", "charge", of=order))
    bus.fail(order)
    assert bus.found() == []


def test_a_call_that_went_well_the_second_time_is_fine(bus: Watched) -> None:
    order = bus.ask("gateway", "buy")
    bus.fail(bus.ask("billing", "charge", of=order))
    bus.call("billing", "charge", of=order)
    bus.answer(order)
    assert bus.found() == []


def test_what_fails_after_the_answer_is_not_what_was_answered(bus: Watched) -> None:
    order = bus.ask("gateway", "buy")
    charge = bus.ask("billing", "charge", of=order)
    bus.answer(order)
    bus.fail(charge)
    assert bus.found() == []


def test_five_equal_calls(bus: Watched) -> None:
    order = bus.ask("orders", "place")
    calls = [bus.call("prices", "get", {"sku": "tea"}, {"price": 3}, of=order) for _ in range(5)]
    bus.answer(order)
    finding = bus.one("equal-calls")
    assert finding.text == "orders place asks prices get 5 times for the same while it handles one request"
    assert finding.evidence == [order.number, *(one.number for one in calls)]
    assert bus.names() == ["equal-calls"]


def test_equal_calls_that_are_told_something_else_are_none(bus: Watched) -> None:
    order = bus.ask("orders", "place")
    for number in range(4):
        bus.call("ids", "next", {}, {"id": number}, of=order)
    bus.answer(order)
    assert bus.found() == []


def test_equal_calls_that_fail_are_none(bus: Watched) -> None:
    """Whoever asks again does so because it failed."""
    order = bus.ask("orders", "place")
    for _ in range(4):
        bus.fail(bus.ask("prices", "get", {"sku": "tea"}, of=order))
        bus.wait(0.1)
    bus.answer(order)
    assert "equal-calls" not in bus.names()


def test_calls_that_are_too_large_to_be_compared_are_not_equal(bus: Watched) -> None:
    order = bus.ask("orders", "place")
    for number in range(4):
        bus.call("prices", "get", {"skus": f"{number}" * LARGEST}, {"price": 3}, of=order)
    bus.answer(order)
    assert "equal-calls" not in bus.names()


def test_calls_before_messages_were_lost_are_not_held_against_who_answers_after_them(bus: Watched) -> None:
    """The call that went well the second time may be among the lost."""
    order = bus.ask("gateway", "buy")
    bus.fail(bus.ask("billing", "charge", of=order))
    bus.session.findings.lost()
    bus.answer(order)
    assert bus.found() == []


def test_who_asks_until_it_is_done_is_none(bus: Watched) -> None:
    order = bus.ask("orders", "place", timeout=60)
    for _ in range(5):
        bus.call("jobs", "state", {"job": 1}, {"done": False}, of=order)
        bus.wait(1)
    bus.answer(order)
    assert bus.found() == []


def test_the_same_for_two_requests_is_none(bus: Watched) -> None:
    for _ in range(4):
        order = bus.ask("orders", "place")
        bus.call("prices", "get", {"sku": "tea"}, {"price": 3}, of=order)
        bus.answer(order)
    assert bus.found() == []


def sequence(
    bus: Watched, count: int, *, depends: bool = False, pause: float = 0.01, orders: int = 3, page: str = ""
) -> None:
    """Orders that each ask for that many prices, one after the other."""
    for _ in range(orders):
        order = bus.ask("orders", "place")
        told: str | int = 0 if page else "sku-first"
        for number in range(count):
            sku = told if depends else number if page else f"sku-{number}"
            asked = bus.ask("prices", "get", {page or "sku": sku, "shop": 7}, of=order)
            bus.wait(pause)
            told = number + 1 if page else f"next-{number}"
            bus.answer(asked, {"next": told, "shop": 7} if depends or not page else {"more": True})
        bus.answer(order)


def test_calls_one_after_the_other(bus: Watched) -> None:
    sequence(bus, 6)
    finding = bus.one("in-sequence")
    assert (finding.severity, finding.count) == (Severity.INFO, 3)
    assert finding.text.startswith("orders place makes 6 calls to prices get one after the other, which takes ")
    sequence(bus, 6, orders=2)
    assert bus.one("in-sequence").count == 5


def test_many_at_once_are_told_of_the_first_time(bus: Watched) -> None:
    sequence(bus, 20, orders=1)
    assert bus.one("in-sequence").count == 1


def test_calls_that_came_one_by_one_now_and_then_are_made_at_the_same_time(bus: Watched) -> None:
    """As by asyncio.gather, where the answer to the first came before the second was sent."""
    sequence(bus, 6, orders=2)
    order = bus.ask("orders", "place")
    asked = [bus.ask("prices", "get", {"sku": f"sku-{number}"}, of=order) for number in range(6)]
    for one in asked:
        bus.answer(one)
    bus.answer(order)
    sequence(bus, 6, orders=5)
    assert bus.found() == []


@pytest.mark.parametrize(("page", "depends"), [("page", False), ("offset", False), ("number", True)])
def test_pages_are_turned_one_by_one(bus: Watched, page: str, depends: bool) -> None:
    """An answer says that there are more, or which is the next: a small number."""
    sequence(bus, 6, page=page, depends=depends)
    assert bus.found() == []


def test_equal_calls_beside_them_do_not_hide_them(bus: Watched) -> None:
    for _ in range(3):
        order = bus.ask("orders", "place")
        for number in (0, 0, 0, 1, 2, 3, 4):
            asked = bus.ask("prices", "get", {"sku": f"sku-{number}"}, of=order)
            bus.wait(0.01)
            bus.answer(asked, {"price": 1250})
        bus.answer(order)
    assert sorted(bus.names()) == ["equal-calls", "in-sequence"]


@pytest.mark.parametrize("how", [{"count": 4}, {"count": 6, "depends": True}, {"count": 6, "pause": 0.0}])
def test_few_or_dependent_or_quick_calls_are_none(bus: Watched, how: dict[str, object]) -> None:
    sequence(bus, **how)  # type: ignore[arg-type]  # the table above says it
    assert bus.found() == []


def test_calls_at_the_same_time_are_none(bus: Watched) -> None:
    order = bus.ask("orders", "place")
    asked = [bus.ask("prices", "get", {"sku": f"sku-{number}"}, of=order) for number in range(6)]
    bus.wait(0.1)
    for one in asked:
        bus.answer(one, {"price": 1})
    bus.answer(order)
    assert bus.found() == []


def self_calls(bus: Watched, workers: int | None, count: int) -> list[int]:
    """So many orders that each ask their own service, where nobody answers; returns the numbers of those calls."""
    if workers is not None:
        bus.info("orders", "audit", "check", workers={"max": workers, "busy": workers})
    above = [bus.ask("orders", "audit", timeout=10) for _ in range(count)]
    below = [bus.ask("orders", "check", of=one, timeout=1) for one in above]
    bus.wait(2)
    return [one.number for one in below]


def test_workers_that_wait_for_their_own_service(bus: Watched) -> None:
    below = self_calls(bus, 2, 2)
    finding = bus.one("waits-for-itself")
    assert (finding.severity, finding.service, finding.count) == (Severity.ERROR, "orders", 2)
    assert finding.text == "orders waits for itself: orders audit → orders check got no worker within 1 s"
    assert set(below) <= set(finding.evidence)


def test_an_only_worker_is_told_of_as_one(bus: Watched) -> None:
    self_calls(bus, 1, 1)
    because = bus.one("waits-for-itself").because
    assert because.endswith("; its only worker was held by a request that waited for it")


def test_as_long_as_a_worker_is_free_it_is_something_else(bus: Watched) -> None:
    self_calls(bus, 3, 2)
    assert "waits-for-itself" not in bus.names()


def test_without_knowing_the_workers_it_is_not_certain(bus: Watched) -> None:
    self_calls(bus, None, 2)
    assert "waits-for-itself" not in bus.names()


def test_of_who_does_not_say_how_long_he_waits_it_is_not_certain_that_he_gave_up(bus: Watched) -> None:
    bus.info("orders", "audit", "check", workers={"max": 1, "busy": 1})
    above = bus.ask("orders", "audit", timeout=600)
    bus.ask("orders", "check", of=above)
    bus.wait(300)
    assert "waits-for-itself" not in bus.names()


def test_the_answer_that_it_waited_too_long_makes_it_certain(bus: Watched) -> None:
    above = bus.ask("orders", "audit", timeout=10)
    below = bus.ask("orders", "check", of=above, timeout=1)
    bus.wait(2)
    bus.answer(above)
    assert "waits-for-itself" not in bus.names()
    bus.fail(below, "expired")
    assert bus.one("waits-for-itself").evidence == [below.number, above.number]


def test_a_circle_through_other_services_is_named_in_order(bus: Watched) -> None:
    orders = bus.ask("orders", "place", timeout=10)
    stock = bus.ask("stock", "reserve", of=orders, timeout=5)
    again = bus.ask("orders", "limits", of=stock, timeout=1)
    bus.wait(1.5)
    bus.answer(again, elapsed=0.001)
    assert "orders place → stock reserve → orders limits got no worker" in bus.one("waits-for-itself").text


def test_a_self_call_that_is_answered_is_fine(bus: Watched) -> None:
    above = bus.ask("orders", "audit", timeout=10)
    bus.call("orders", "check", of=above, timeout=1)
    bus.answer(above)
    assert bus.found() == []


def test_a_self_call_whose_own_handler_is_slow_is_something_else(bus: Watched) -> None:
    above = bus.ask("orders", "audit", timeout=10)
    below = bus.ask("orders", "check", of=above, timeout=1)
    bus.wait(2)
    bus.answer(below, elapsed=1.99)
    assert "waits-for-itself" not in bus.names()


def test_trees_with_cycles_end(bus: Watched) -> None:
    own = bus.ask("orders", "a", parent_id="r1", timeout=1)
    assert own.request_id == own.parent_id
    one = bus.ask("orders", "b", parent_id="r3", timeout=1)
    two = bus.ask("orders", "c", parent_id="r2", timeout=1)
    bus.wait(2)
    for late in (own, one, two):
        bus.answer(late)
    assert bus.session.findings.world.ancestors(one) == [two]
    bus.found()


def test_ten_thousand_calls_are_counted_and_not_all_kept(bus: Watched) -> None:
    order = bus.ask("orders", "import", timeout=600)
    for number in range(10_000):
        bus.send("stock", "add", {"sku": number}, parent_id=order.request_id)
        if number % 1_000 == 0:
            bus.wait(1)
    (family,) = [bus.session.findings.world.families.take(order.request_id, None)]
    assert family is not None
    assert len(family.calls) == MOST_CALLS
    bus.answer(order)
    bus.found()


def test_parents_that_were_never_seen_are_forgotten_in_time(bus: Watched) -> None:
    for number in range(MOST + 500):
        bus.send("stock", "add", parent_id=f"unseen-{number}")
        if number % 500 == 0:
            bus.wait(1)
    assert len(bus.session.findings.world.families) <= MOST
    assert bus.found() == []


def test_what_was_lost_in_a_gap_is_not_missed(bus: Watched) -> None:
    order = bus.ask("gateway", "buy", timeout=60)
    bus.ask("billing", "charge", of=order, timeout=1)
    bus.session.on_down(bus.now, "Connection refused")
    bus.wait(3)
    bus.session.on_up(bus.now)
    bus.answer(order)
    assert bus.found() == []
