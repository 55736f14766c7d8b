"""Steps from service to service, and instances that are suspended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, Requester, request
from daebus.gates.rule import Met
from daebus.gates.steps import step_rules
from tests.support.framework_services import serving
from tests.support.gates import HOLD, Debugger, Shop, final
from tests.support.waiting import eventually


class Conversation:
    """An order that asks for a payment, which asks a bank; a debugger at each, and rules that go to all of them."""

    def __init__(self, name: str, url: str, requester: Requester, stack: ExitStack) -> None:
        self.order, self.payment, self.bank = (f"{name}.{each}" for each in ("order", "payment", "bank"))
        payment = stack.enter_context(DaebusCaller(self.payment, redis_url=url))
        self._requester = requester
        self.debuggers = {each: Debugger(requester, each) for each in (self.order, self.payment, self.bank)}
        order_app, payment_app, bank_app = (Daebus(each, debugger=True) for each in self.debuggers)

        @order_app.action("order")
        def order() -> dict[str, Any]:
            first = payment.send_request("pay", request.payload)
            return {"paid": first["took"], "again": payment.send_request("pay", {"amount": 1})["took"]}

        @payment_app.action("pay")
        async def pay() -> dict[str, Any]:
            bank = AsyncDaebusCaller(self.bank, redis_url=url)
            return {"took": (await bank.send_request("take", request.payload))["took"]}

        @bank_app.action("take")
        def take() -> dict[str, Any]:
            return {"took": request.payload["amount"]}

        for service, app in zip(self.debuggers, (order_app, payment_app, bank_app), strict=True):
            stack.enter_context(serving(app, url, service))

    def rules(self, *rules: dict[str, Any]) -> None:
        """Set them everywhere."""
        for debugger in self.debuggers.values():
            debugger.rules(*rules)

    def stands(self, service: str, place: str, action: str) -> dict[str, Any]:
        """What is held, which is to be that."""
        held = self.debuggers[service].one()
        assert (held["place"], held["action"]) == (place, action)
        assert sum(debugger.ask("held")["count"] for debugger in self.debuggers.values()) == 1
        return held

    def step(self, service: str, step: str, **more: Any) -> None:
        """As a console does it: the rules of the step everywhere, then on."""
        debugger = self.debuggers[service]
        held = debugger.one()
        met = Met(held["place"], held["action"], dict, 0, id=held["id"], parent=held.get("parent"))
        self.rules(*step_rules(met, step))
        assert debugger.release(held["hold"], then=step, **more)["rules"] == step_rules(met, step)


@pytest.fixture
def conversation(name: str, redis_url: str, requester: Requester) -> Iterator[Conversation]:
    with ExitStack() as stack:
        yield Conversation(name, redis_url, requester, stack)


def test_with_an_order_through_all_its_services(conversation: Conversation, requester: Requester) -> None:
    order, payment, bank = conversation.order, conversation.payment, conversation.bank
    conversation.debuggers[order].rules({**HOLD, "once": True})
    call = requester.start(order, "order", {"amount": 5})
    conversation.stands(order, "request", "order")
    conversation.step(order, "into", payload={"amount": 7})
    conversation.stands(payment, "request", "pay")
    conversation.step(payment, "into")
    taken = conversation.stands(bank, "request", "take")
    assert taken["payload"] == {"amount": 7}
    # Nothing is asked for by the bank: its answer comes next.
    conversation.step(bank, "into")
    assert conversation.stands(bank, "answer", "take")["payload"] == {"took": 7}
    # From an answer on in whoever asked: it asks for nothing more.
    conversation.step(bank, "over", payload={"took": 8})
    assert conversation.stands(payment, "answer", "pay")["payload"] == {"took": 8}
    conversation.step(payment, "into")
    second = conversation.stands(payment, "request", "pay")
    assert second["payload"] == {"amount": 1}
    conversation.step(payment, "over")
    conversation.stands(payment, "answer", "pay")
    conversation.step(payment, "out")
    conversation.stands(order, "answer", "order")
    conversation.step(order, "run")
    assert call.result() == {"paid": 8, "again": 1}


def test_a_step_goes_out_of_the_depth(conversation: Conversation, requester: Requester) -> None:
    bank = conversation.bank
    conversation.debuggers[bank].rules({**HOLD, "once": True})
    call = requester.start(conversation.order, "order", {"amount": 5})
    conversation.stands(bank, "request", "take")
    conversation.step(bank, "out")
    conversation.stands(conversation.payment, "answer", "pay")
    conversation.step(conversation.payment, "run")
    assert call.result() == {"paid": 5, "again": 1}


def test_the_instance_itself_sets_the_rules_of_a_step_before_it_lets_go(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    breakpoint_ = {**HOLD, "once": True, "id": "b"}
    debugger.rules(breakpoint_)
    call = requester.start(name, "echo", {"n": 1}, request_id="r1")
    debugger.release(then="over")
    held = debugger.one()
    assert (held["place"], held["id"], held["rule"]) == ("answer", "r1", "step:answer:message:r1")
    assert debugger.release(then="run")["rules"] == []
    assert final(call).payload == {"got": {"n": 1}}
    assert [rule["id"] for rule in debugger.ask("held")["rules"][0]["rules"]] == ["b"]


@pytest.mark.parametrize(
    ("place", "step", "id", "parent", "expected"),
    [
        ("call", "into", "a", "p", [("request", "message", "a"), ("answer", "message", "a")]),
        ("call", "over", "a", "p", [("answer", "message", "a")]),
        ("call", "out", "a", "p", [("answer", "message", "p")]),
        ("request", "into", "a", "p", [("request", "parent", "a"), ("answer", "message", "a")]),
        ("request", "over", "a", None, [("answer", "message", "a")]),
        ("request", "out", "a", None, []),
        ("request", "into", None, "p", []),
        ("request", "into", 17, "p", []),
        ("answer", "into", "a", "p", [("request", "parent", "p"), ("answer", "message", "p")]),
        ("answer", "out", "a", "p", [("answer", "message", "p")]),
        ("answer", "into", "a", None, []),
        ("event", "into", None, None, []),
        ("event", "over", None, None, []),
        ("request", "run", "a", "p", []),
    ],
)
def test_what_a_step_waits_for(
    place: str, step: str, id: Any, parent: Any, expected: list[tuple[str, str, str]]
) -> None:
    rules = step_rules(Met(place, "x", dict, 0, id=id, parent=parent), step)
    assert [
        (rule["place"], *next((k, rule[k]) for k in ("message", "parent") if k in rule)) for rule in rules
    ] == expected
    assert all(rule["once"] and rule["hold"] for rule in rules)


def test_a_suspended_instance_takes_nothing_and_lets_one_through_at_a_time(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules({"place": "request", "answer": {"by": "rule"}})
    assert debugger.ask("suspend", owner="bob", lease=20)["on"] is True
    calls = [requester.start(name, action, {"n": n}) for n, action in enumerate(("echo", "async", "echo"))]
    requester.publish(f"{name}.event", b'{"n":9}')
    assert sorted(held["place"] for held in debugger.held(4)) == ["event", "request", "request", "request"]
    assert [lease["owner"] for lease in debugger.ask("held")["suspended"]] == ["bob"]
    assert (shop.handled, shop.heard) == ([], [])
    first = next(held for held in debugger.held(4) if held["payload"] == {"n": 0})
    debugger.release(first["hold"])
    assert calls[0].result() == {"got": {"n": 0}}
    debugger.held(3)
    assert shop.handled == [{"n": 0}]
    # What it has let go is not looked at by other rules; what comes now is.
    assert debugger.ask("suspend", owner="bob", on=False) == {"owner": "bob", "lease": 0, "on": False, "released": 3}
    assert [call.result() for call in calls[1:]] == [{"got": {"n": 1}}, {"got": {"n": 2}}]
    eventually(lambda: shop.heard == [{"n": 9}])
    assert requester.call(name, "echo", {}) == {"by": "rule"}


def test_it_goes_on_when_the_lease_of_its_suspension_ends(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.ask("suspend", owner="bob", lease=0.5)
    debugger.rules()
    assert requester.call(name, "echo", {"n": 1}) == {"got": {"n": 1}}
    assert debugger.ask("held")["suspended"] == []


def test_a_step_that_cannot_be_waited_for_lets_nothing_go(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules(HOLD)
    call = requester.start(name, "echo", {"n": 1}, request_id="r" * 600)
    hold = debugger.one()["hold"]
    assert debugger.refused("release", hold=hold, then="over").code == "bad_request"
    assert debugger.one()["hold"] == hold
    assert debugger.release(then="run")["rules"] == []
    assert call.result() == {"got": {"n": 1}}


def test_a_step_of_what_a_suspension_held(shop: Shop, debugger: Debugger, requester: Requester, name: str) -> None:
    debugger.ask("suspend", owner="ann", lease=20)
    call = requester.start(name, "echo", {"n": 1})
    debugger.release(then="over")
    assert debugger.one()["place"] == "answer"
    debugger.release()
    assert call.result() == {"got": {"n": 1}}
