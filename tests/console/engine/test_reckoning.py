"""What is made of what passed: directory, figures, findings and what services tell all know of it."""

from __future__ import annotations

from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.reckoning import Reckoning
from tests.console.engine.bus import Sent, answer, request

CONTROL = "daebus.control.orders"


class Passing:
    """What passes is taken, a batch a second."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.correlator = Correlator(Journal(1_000), 10.0)
        self.reckoning = Reckoning(self.correlator, 1)

    def take(self, *sent: Sent) -> None:
        self.now += 1.0
        taken = self.correlator.take_all([(self.now, [tuple(one) for one in sent])])
        self.reckoning.take(self.now, taken)
        for message in taken.control:
            self.reckoning.learn(message, 0.0)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.reckoning.expired(self.correlator.advance(self.now))


def test_who_is_asked_is_known_with_figures() -> None:
    passing = Passing()
    passing.take(request("orders", "create", id="a"), answer("caller:1", id="a"), request("orders", "create", id="b"))
    passing.take(answer("caller:1", id="b", status="error", payload={"error": "no", "code": "stock"}))
    totals = passing.reckoning.stats.totals(passing.now)
    orders = passing.reckoning.directory.services["orders"]
    assert (totals.count, totals.errors) == (2, 1)
    assert (orders.actions["create"].requests, orders.errors) == (2, 1)


def test_what_ran_out_of_its_time_is_known_to_all() -> None:
    passing = Passing()
    passing.take(request("orders", "create", id="a", timeout=1))
    passing.wait(5.0)
    assert passing.reckoning.stats.totals(passing.now).timeouts == 1
    assert passing.reckoning.directory.services["orders"].timeouts == 1


def test_what_a_service_tells_of_itself_is_taken_and_not_what_it_tells_of_another() -> None:
    passing = Passing()
    passing.take(request(CONTROL, "info", id="a"), request(CONTROL, "info", id="b"))
    told = {"instance": "i-1", "actions": [{"name": "create", "doc": "Create one."}], "listens": []}
    passing.take(answer("caller:1", id="a", payload={"service": "users", **told}))
    assert "users" not in passing.reckoning.directory.services
    passing.take(answer("caller:1", id="b", payload={"service": "orders", **told}))
    orders = passing.reckoning.directory.services["orders"]
    assert list(orders.instances) == ["i-1"]
    assert orders.actions["create"].doc == "Create one."


def test_after_a_loss_and_a_step_of_the_clock_it_goes_on() -> None:
    passing = Passing()
    passing.take(request("orders", "create", id="a"), answer("caller:1", id="a"))
    passing.reckoning.lost()
    passing.reckoning.stepped(-500.0)
    passing.now -= 500.0
    passing.take(request("orders", "create", id="b"), answer("caller:1", id="b"))
    assert passing.reckoning.stats.totals(passing.now).count == 2
    assert passing.reckoning.findings.problem is None
