"""Who is suspended until when, and who goes on."""

from __future__ import annotations

from daebus_console.engine.holding.desk import Desk

HERE = ["a", "b", "c"]


def known(_service: str) -> list[str]:
    return HERE


def test_one_of_a_suspended_service_goes_on_and_the_others_stay() -> None:
    desk = Desk("us")
    desk.suspend("shop", None, 10.0)
    desk.suspend("shop", "b", 20.0)
    desk.resume("shop", "a", HERE)
    assert desk.suspended == {"shop": {"b": 20.0, "c": 10.0}}
    desk.resume("shop", "b", HERE)
    desk.resume("shop", "c", HERE)
    assert desk.suspended == {}


def test_all_of_a_service_goes_on() -> None:
    desk = Desk("us")
    desk.suspend("shop", None, 10.0)
    desk.suspend("shop", "b", 20.0)
    desk.resume("shop", None, HERE)
    desk.resume("other", None, HERE)
    desk.resume("other", "x", HERE)
    assert desk.suspended == {}


def test_what_is_over_goes_on() -> None:
    desk = Desk("us")
    desk.suspend("shop", None, 10.0)
    desk.suspend("stock", "a", 10.0)
    assert desk.resumed(9.0, known) == []
    assert desk.resumed(10.0, known) == [("shop", None), ("stock", "a")]
    assert desk.suspended == {}


def test_one_that_is_suspended_for_itself_stays_so_when_its_service_goes_on() -> None:
    desk = Desk("us")
    desk.suspend("shop", None, 10.0)
    desk.suspend("shop", "b", 20.0)
    assert desk.resumed(10.0, known) == [("shop", "a"), ("shop", "c")]
    assert desk.resumed(20.0, known) == [("shop", "b")]


def test_one_whose_time_is_over_stays_where_its_service_is_suspended() -> None:
    desk = Desk("us")
    desk.suspend("shop", "b", 10.0)
    desk.suspend("shop", None, 20.0)
    assert desk.resumed(10.0, known) == []
    assert desk.resumed(20.0, known) == [("shop", None)]
