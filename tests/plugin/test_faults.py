"""The fixture `fault`, as a test of a user has it: a rule of the debugger for one test."""

from __future__ import annotations

from tests.plugin.conftest import Run

FAULTS = """
import threading
import pytest
from daebus import ConfigurationError, DaebusError, PayloadError, RequestFailed, RequestTimeout
from shop import app

def test_an_error_once(service, stub, fault):
    payments = stub("payments", {"charge": {"ok": True}})
    broken = fault("payments", "charge", fail={"code": "declined", "error": "no money"}, once=True)
    shop = service(app)
    with pytest.raises(RequestFailed, match="no money"):
        shop.request("buy", {"amount": 5})
    assert shop.request("buy", {"amount": 5})["paid"] == {"ok": True}
    assert (broken.hits, len(payments.calls)) == (1, 2)

def test_before_the_service_starts_and_until_it_is_lifted(service, stub, fault, bus):
    slow = fault("shop", "buy", answer={"cached": True}, where=[["amount", ">", 5]])
    shop = service(app)
    stub("payments", {"charge": {"ok": True}})
    assert shop.request("buy", {"amount": 6}) == {"cached": True}
    assert shop.request("buy", {"amount": 5})["paid"] == {"ok": True}
    slow.lift()
    assert shop.request("buy", {"amount": 6})["paid"] == {"ok": True}
    assert (slow.hits, slow.seen) == (1, 1)

def test_an_order_of_ones_own(service, stub, fault, bus):
    stub("payments", {"charge": lambda payload: {"sum": payload["amount"]}})
    gate = fault("payments", "charge", hold=True)
    shop = service(app)
    said = {}
    threads = [
        threading.Thread(target=lambda amount=amount: said.update({amount: shop.request("buy", {"amount": amount})}))
        for amount in (1, 2)
    ]
    for thread in threads:
        thread.start()
    gate.wait(2)
    notice = bus.wait_for("payments.charge", kind="notice")[0]
    assert str(notice).startswith("notice payments.charge from payments")
    second, first = sorted(gate.wait(2), key=lambda each: -each.payload["amount"])
    second.go()
    bus.wait_for("orders.created")
    first.go({"amount": 7})
    for thread in threads:
        thread.join()
    assert [each.payload["amount"] for each in bus.broadcasts("orders.created")] == [2, 1]
    assert said[1]["paid"] == {"sum": 7}
    assert all(each.final for each in bus.responses())
    with pytest.raises(DaebusError, match="gone on already"):
        first.go()

def test_other_ends(service, stub, fault):
    stub("payments", {"charge": {"ok": True}})
    gate = fault("shop", place="call", from_="shop", hold=True)
    shop = service(app)
    outcomes = []

    def ask():
        try:
            outcomes.append(shop.request("buy", {"amount": 5}, timeout=20)["paid"])
        except RequestFailed as error:
            outcomes.append(str(error))

    for release in (lambda each: each.answer({"by": "me"}), lambda each: each.fail("no", code="x")):
        thread = threading.Thread(target=ask)
        thread.start()
        (held,) = gate.wait()
        assert (held.name, held.place, held.payload) == ("charge", "call", {"amount": 5})
        release(held)
        thread.join()
    assert outcomes == [{"by": "me"}, "no"]

def test_a_broadcast(service, fault, bus):
    gate = fault("shop", "orders.refused", place="event", hold=True)
    shop = service(app)
    shop.broadcast("orders.refused", {"customer": "Ann"})
    shop.broadcast("orders.refused", {"customer": "Bob"})
    ann, bob = gate.wait(2)
    with pytest.raises(ConfigurationError, match="event"):
        bob.fail()
    with pytest.raises(PayloadError):
        bob.go(5)
    bob.go()
    ann.drop()
    assert bus.wait_for("mails")[0].payload == {"to": "Bob"}

def test_nothing_is_held(service, fault):
    service(app)
    gate = fault("shop", hold=True)
    with pytest.raises(AssertionError, match="holds 0 messages"):
        gate.wait(timeout=0.01)
    for bad in ({}, {"delay": -1}, {"explode": True}, {"place": "moon", "hold": True}):
        with pytest.raises(ConfigurationError):
            fault("shop", **bad)
"""


def test_a_rule_for_a_test(run: Run) -> None:
    run(FAULTS).assert_outcomes(passed=6)


def test_a_fault_at_a_service_that_did_not_run_fails_the_test(run: Run) -> None:
    result = run('def test_it(service, fault):\n    fault("paymnts", "charge", drop=True)\n')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*a fault was set at 'paymnts', which did not run*"])


def test_on_a_real_redis(run: Run, redis_url: str) -> None:
    run(FAULTS, "--daebus-redis", redis_url.replace("/0", "/5")).assert_outcomes(passed=6)
