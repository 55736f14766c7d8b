"""Who is suspended until when, and who goes on."""

from __future__ import annotations

from daebus_console.engine.holding.suspended import Suspended

HERE = ["a", "b", "c"]


def known(_service: str) -> list[str]:
    return HERE


def test_one_of_a_suspended_service_goes_on_and_the_others_stay() -> None:
    ours = Suspended(lambda: None)
    ours.suspend("shop", None, 10.0)
    ours.suspend("shop", "b", 20.0)
    ours.resume("shop", "a", HERE)
    assert ours.all() == {"shop": {"b": 20.0, "c": 10.0}}
    ours.resume("shop", "b", HERE)
    ours.resume("shop", "c", HERE)
    assert ours.all() == {}


def test_all_of_a_service_goes_on() -> None:
    ours = Suspended(lambda: None)
    ours.suspend("shop", None, 10.0)
    ours.suspend("shop", "b", 20.0)
    ours.resume("shop", None, HERE)
    ours.resume("other", None, HERE)
    ours.resume("other", "x", HERE)
    assert ours.all() == {}


def test_what_is_over_goes_on() -> None:
    ours = Suspended(lambda: None)
    ours.suspend("shop", None, 10.0)
    ours.suspend("stock", "a", 10.0)
    assert ours.end(9.0, known) == []
    assert ours.end(10.0, known) == [("shop", None), ("stock", "a")]
    assert ours.all() == {}


def test_one_that_is_suspended_for_itself_stays_so_when_its_service_goes_on() -> None:
    ours = Suspended(lambda: None)
    ours.suspend("shop", None, 10.0)
    ours.suspend("shop", "b", 20.0)
    assert ours.end(10.0, known) == [("shop", "a"), ("shop", "c")]
    assert ours.end(20.0, known) == [("shop", "b")]


def test_one_whose_time_is_over_stays_where_its_service_is_suspended() -> None:
    ours = Suspended(lambda: None)
    ours.suspend("shop", "b", 10.0)
    ours.suspend("shop", None, 20.0)
    assert ours.end(10.0, known) == []
    assert ours.end(20.0, known) == [("shop", None)]
