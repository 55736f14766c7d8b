"""What came at one node does not come again at the next."""

from __future__ import annotations

from daebus.transport.seen import LATE, Seen


def test_what_was_read_at_the_node_before_is_not_new() -> None:
    seen = Seen()
    assert seen.is_new(b"c", b"1", 0.0)
    assert seen.is_new(b"c", b"1", 0.1), "the same bytes twice are two messages"
    seen.moved(0.2)
    assert not seen.is_new(b"c", b"1", 0.3)
    assert seen.is_new(b"d", b"1", 0.3)
    assert seen.is_new(b"c", b"2", 0.3)
    assert seen.is_new(b"c", b"2", 0.4)


def test_it_is_forgotten_when_it_cannot_come_any_more() -> None:
    seen = Seen()
    assert seen.is_new(b"c", b"1", 10.0)
    seen.moved(10.1)
    assert seen.is_new(b"c", b"1", 10.1 + LATE)
    for step in range(6):
        assert seen.is_new(b"c", b"%d" % step, 20.0 + step * LATE)
    seen.moved(20.0 + 6 * LATE)
    assert seen.is_new(b"c", b"1", 20.0 + 6 * LATE), "that was long ago"
