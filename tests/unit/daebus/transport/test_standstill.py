"""How old what is read may be, where whoever reads stood still."""

from __future__ import annotations

from daebus.transport.standstill import SHORT, Standstill


def test_what_is_read_as_it_comes_is_as_old_as_it_seems() -> None:
    reading = Standstill()
    assert reading.here_since(5.0) == 5.0
    reading.looked(10.0, 2.0, 12.0, came=False)
    reading.looked(12.0, 2.0, 13.5, came=True)
    assert reading.here_since(13.5) == 13.5
    # One that is kept busy a little looks later.
    reading.looked(13.5 + SHORT, 2.0, 13.5 + SHORT, came=True)
    assert reading.here_since(15.0) == 15.0


def test_what_came_while_it_was_stopped_may_be_as_old_as_that_until_nothing_is_left_to_be_read() -> None:
    reading = Standstill()
    reading.looked(10.0, 2.0, 12.0, came=False)
    reading.looked(12.0, 2.0, 22.0, came=True)
    assert reading.here_since(22.0) == 12.0
    reading.looked(22.1, 2.0, 22.2, came=True)
    assert reading.here_since(22.3) == 12.0
    reading.looked(22.4, 2.0, 24.4, came=False)
    assert reading.here_since(24.5) == 24.5
    # What waits since then is known to.
    assert reading.here_since(22.3) == 12.0


def test_it_may_stand_still_between_two_looks_and_more_than_once() -> None:
    reading = Standstill()
    reading.looked(10.0, 2.0, 10.5, came=True)
    # With what it has read.
    assert reading.here_since(17.0) == 10.5
    reading.looked(17.0, 2.0, 17.0, came=True)
    assert reading.here_since(17.1) == 10.5
    reading.looked(17.1, 2.0, 30.0, came=True)
    assert reading.here_since(30.1) == 10.5


def test_a_look_that_finds_nothing_as_it_goes_on_is_not_the_end_of_it() -> None:
    reading = Standstill()
    reading.looked(10.0, 2.0, 20.0, came=False)
    reading.looked(20.0, 2.0, 20.0, came=True)
    assert reading.here_since(20.1) == 10.0
