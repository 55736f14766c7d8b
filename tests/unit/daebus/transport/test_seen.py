"""What came at one node does not come again at the next."""

from __future__ import annotations

from daebus.transport.seen import LATE, LATEST, STOPPED, Seen
from daebus.wire.sharded import once_more

REQUEST = b'{"request_id":"a1"}'
NEWS = b'{"n":1}'


def test_what_was_read_at_the_node_before_is_not_new() -> None:
    seen = Seen()
    assert seen.first(b"c", b"1", 0.0)
    assert seen.first(b"c", b"1", 0.1), "the same bytes twice are two messages"
    seen.moved(0.2)
    assert not seen.first(b"c", b"1", 0.3)
    assert seen.first(b"d", b"1", 0.3)
    assert seen.first(b"c", b"2", 0.3)
    assert seen.first(b"c", b"2", 0.4)


def test_it_is_forgotten_when_it_cannot_come_any_more() -> None:
    seen = Seen()
    assert seen.first(b"c", b"1", 10.0)
    seen.moved(10.1)
    assert seen.first(b"c", b"1", 10.1 + LATE)
    for step in range(6):
        assert seen.first(b"c", b"%d" % step, 20.0 + step * LATE)
    seen.moved(20.0 + 6 * LATE)
    assert seen.first(b"c", b"1", 20.0 + 6 * LATE), "that was long ago"


def test_a_request_is_known_for_long_and_what_may_be_sent_twice_is_not() -> None:
    seen = Seen()
    assert seen.first(b"s", REQUEST, 1.0)
    assert seen.first(b"s", NEWS, 1.0)
    seen.moved(2.0)
    assert not seen.first(b"s", NEWS, 2.5)
    assert seen.first(b"s", NEWS, 2.0 + LATE)
    assert not seen.first(b"s", REQUEST, 50.0)
    assert seen.first(b"s", REQUEST.replace(b"a1", b"a2"), 50.0)
    assert seen.first(b"s", REQUEST, 3.0 + LATEST)


def test_it_is_known_also_after_moving_twice() -> None:
    seen = Seen()
    seen.first(b"s", REQUEST, 1.0)
    seen.moved(2.0)
    seen.first(b"s", NEWS, 10.0)
    seen.first(b"s", NEWS, 15.0)
    seen.moved(20.0)
    assert not seen.first(b"s", REQUEST, 30.0)


def test_a_node_that_was_stopped_hands_out_what_came_long_before_the_move() -> None:
    seen = Seen()
    assert seen.first(b"s", REQUEST, 100.0)
    for second in range(1, int(STOPPED)):
        assert seen.first(b"s", REQUEST.replace(b"a1", b"b%d" % second), 100.0 + second)
    seen.moved(100.0 + STOPPED)
    assert not seen.first(b"s", REQUEST, 100.5 + STOPPED)


def test_what_came_before_a_long_silence_is_forgotten() -> None:
    seen = Seen()
    seen.first(b"s", REQUEST, 100.0)
    seen.first(b"s", REQUEST.replace(b"a1", b"a2"), 100.0 + 2 * STOPPED)
    seen.moved(101.0 + 2 * STOPPED)
    assert seen.first(b"s", REQUEST, 102.0 + 2 * STOPPED)
    assert not seen.first(b"s", REQUEST.replace(b"a1", b"a2"), 102.0 + 2 * STOPPED)


def test_a_request_that_is_published_once_more_is_the_same_on_any_connection() -> None:
    seen = Seen()
    assert seen.first(b"s", REQUEST, 1.0) == REQUEST
    assert seen.first(b"s", once_more(REQUEST), 2.0) is None
    assert seen.first(b"s", once_more(once_more(REQUEST)), 3.0) is None
    assert seen.first(b"s", REQUEST, 4.0) == REQUEST, "the same bytes twice are two messages"
    later = REQUEST.replace(b"a1", b"a2")
    assert seen.first(b"s", once_more(later), 5.0) == later, "what was not read the first time is"
    seen.moved(6.0)
    assert seen.first(b"s", later, 7.0) is None
    assert seen.first(b"s", once_more(later), 7.0) is None


def test_what_is_no_request_is_not_altered() -> None:
    seen = Seen()
    for data in (b"hello ", b'{"n":1} ', b" ", b'"request_id" '):
        assert seen.first(b"s", data, 1.0) == data
        assert seen.first(b"s", data, 1.0) == data
