"""A sequence whose items keep their number for life."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine.pairing.ring import Ring


def ring_of(*items: str) -> Ring[str]:
    ring: Ring[str] = Ring()
    for item in items:
        ring.append(item)
    return ring


def test_numbers_start_at_one_and_survive_dropping() -> None:
    ring = ring_of("a", "b", "c")
    assert ring.drop() == "a"
    assert (ring.first, ring.last, len(ring)) == (2, 3, 2)
    assert [ring.get(number) for number in (0, 1, 2, 3, 4)] == [None, None, "b", "c", None]
    assert (list(ring), list(reversed(ring)), ring.peek()) == (["b", "c"], ["c", "b"], "b")


def test_between_takes_what_is_still_there() -> None:
    ring = ring_of("a", "b", "c", "d")
    ring.drop()
    assert ring.between(1, 3) == ["b", "c"]
    assert ring.between(3, 99) == ["c", "d"]
    assert ring.between(5, 9) == []
    assert ring.between(3, 2) == []


def test_an_empty_ring_has_nothing_to_give() -> None:
    ring: Ring[str] = Ring()
    assert (len(ring), ring.first, ring.last) == (0, 1, 0)
    with pytest.raises(IndexError):
        ring.peek()
    with pytest.raises(IndexError):
        ring.drop()


def test_clear_goes_on_counting() -> None:
    ring = ring_of("a", "b")
    ring.drop()
    ring.clear()
    ring.append("c")
    assert (ring.first, ring.last, ring.get(3), ring.get(2)) == (3, 3, "c", None)


def test_the_oldest_up_to_a_key_are_counted_among_what_is_still_there() -> None:
    ring = ring_of("a", "bb", "bb", "ccc", "ddddd")
    ring.drop()
    assert [ring.count_until(last, len) for last in (0, 1, 2, 4, 5)] == [0, 0, 2, 3, 4]
    ring.drop_many(4)
    assert ring.count_until(9, len) == 0


def test_what_was_dropped_is_given_back_to_memory() -> None:
    ring: Ring[int] = Ring()
    for number in range(100_000):
        ring.append(number)
        if len(ring) > 10:
            ring.drop()
    assert (len(ring), ring.first, ring.last) == (10, 99_991, 100_000)
    assert len(ring._items) < 10_000


@given(st.lists(st.sampled_from(["append", "drop", "clear"])))
def test_it_is_what_a_list_with_an_offset_would_be(steps: list[str]) -> None:
    ring: Ring[int] = Ring()
    model: dict[int, int] = {}
    last = 0
    for step in steps:
        if step == "append":
            last += 1
            model[last] = last * 10
            ring.append(last * 10)
        elif step == "clear":
            model.clear()
            ring.clear()
        elif model:
            assert ring.drop() == model.pop(min(model))
    assert list(ring) == list(model.values())
    assert ring.last == last
    assert ring.first == (min(model) if model else last + 1)
    assert all(ring.get(number) == model.get(number) for number in range(last + 2))
