"""What a node that was stopped hands out once more, long after."""

from __future__ import annotations

from daebus.transport.seen import LATE, LATEST, SeenLong

REQUEST = b'{"request_id":"a1"}'
NEWS = b'{"n":1}'


def test_a_request_is_known_for_long_and_what_may_be_sent_twice_is_not() -> None:
    seen = SeenLong()
    assert seen.is_new(b"s", REQUEST, 1.0)
    assert seen.is_new(b"s", NEWS, 1.0)
    seen.moved(2.0)
    assert not seen.is_new(b"s", NEWS, 2.5)
    assert seen.is_new(b"s", NEWS, 2.0 + LATE)
    assert not seen.is_new(b"s", REQUEST, 50.0)
    assert seen.is_new(b"s", REQUEST.replace(b"a1", b"a2"), 50.0)
    assert seen.is_new(b"s", REQUEST, 3.0 + LATEST)


def test_it_is_known_also_after_moving_twice() -> None:
    seen = SeenLong()
    seen.is_new(b"s", REQUEST, 1.0)
    seen.moved(2.0)
    seen.is_new(b"s", NEWS, 10.0)
    seen.is_new(b"s", NEWS, 15.0)
    seen.moved(20.0)
    assert not seen.is_new(b"s", REQUEST, 30.0)
