"""Who is asked what it does, since it may wait for good, and which circles are told to stand."""

from __future__ import annotations

from daebus_console.engine.directory import Directory
from daebus_console.engine.live.standstill import ASK_EVERY, Standstill
from daebus_console.engine.records.cycles import cycles
from daebus_console.engine.records.running import Report
from tests.console.engine.records.test_running import answered, does, queued

WORKERS = {"orders": 1, "stock": 4}


def told(directory: Directory, service: str, busy: int, workers: int, waiting: int) -> None:
    directory.poll(1.0, {f"daebus.control.{name}": 1 for name in {service, *directory.services}})
    info = {"workers": {"busy": busy, "max": workers}, "queue": {"size": waiting, "max": 100}}
    directory.info(1.0, {"service": service, "instance": "i1", "features": ["running"], **info})


def at(when: float, report: Report) -> Report:
    return Report(**{**report.__dict__, "at": when})


ORDERS = answered("orders", does("a", "order", ("stock", "reserve", "b")), queue=queued("c"))
STOCK = answered("stock", does("b", "reserve", ("orders", "price", "c")))


def test_who_is_full_is_asked_and_whom_it_waits_for() -> None:
    directory = Directory()
    told(directory, "orders", 1, 1, 1)
    told(directory, "stock", 1, 4, 0)
    told(directory, "users", 1, 4, 0)
    standstill = Standstill(directory)
    assert standstill.due(1.0, {}) == [("orders", "running", {})]
    reports = {("orders", "i1"): ORDERS}
    assert standstill.due(2.0, reports) == [("stock", "running", {})]
    assert standstill.due(3.0, reports) == []
    assert standstill.due(1.0 + ASK_EVERY, reports) == [("orders", "running", {})]
    told(directory, "orders", 1, 1, 0)
    assert standstill.due(20.0, reports) == []


def test_to_whom_requests_are_in_vain_is_asked_some_times() -> None:
    directory = Directory()
    told(directory, "users", 1, 4, 0)
    standstill = Standstill(directory)
    standstill.gave_up("users")
    standstill.gave_up("nobody")
    asked = [standstill.due(10.0 + n, {}) for n in range(60)]
    assert [one for one in asked if one] == [[("users", "running", {})]] * 4
    standstill.gave_up("users")
    assert standstill.due(100.0, {}) == [("users", "running", {})]


def test_those_that_cannot_be_asked_take_no_place() -> None:
    directory = Directory()
    told(directory, "users", 1, 4, 0)
    told(directory, "orders", 1, 1, 1)
    told(directory, "stock", 1, 4, 0)
    standstill = Standstill(directory)
    standstill.gave_up("users")
    for number in range(30):
        standstill.gave_up(f"plain-{number}")
    asked = standstill.due(10.0, {("orders", "i1"): ORDERS})
    assert [name for name, _verb, _payload in asked] == ["orders", "stock", "users"]


def test_a_circle_stands_where_all_of_it_was_told_twice() -> None:
    standstill = Standstill(Directory())

    def stand(*reports: Report) -> list[float]:
        return [seconds for seconds, _circle in standstill.stand(cycles(reports, WORKERS), reports)]

    assert stand(at(1.0, ORDERS), at(2.0, STOCK)) == []
    assert stand(at(2.0, STOCK), at(3.0, ORDERS)) == []
    assert stand(at(3.0, ORDERS), at(4.0, STOCK)) == [2.0]


def test_a_circle_of_others_is_another_one() -> None:
    standstill = Standstill(Directory())

    def stand(*reports: Report) -> list[float]:
        return [seconds for seconds, _circle in standstill.stand(cycles(reports, WORKERS), reports)]

    later = answered("orders", does("x", "order", ("stock", "reserve", "y")), queue=queued("z"))
    after = answered("stock", does("y", "reserve", ("orders", "price", "z")))
    assert stand(at(1.0, ORDERS), at(1.0, STOCK)) == []
    assert stand(at(4.0, later), at(4.0, after)) == []
    assert stand(at(7.0, later), at(7.0, answered("stock"))) == []
    assert stand(at(9.0, later), at(9.0, after)) == []
    assert stand(at(12.0, later), at(12.0, after)) == [3.0]
