"""The ring: what it keeps, what falls out, and which numbers tell of that."""

from __future__ import annotations

import threading

import pytest

from daebus.recorder.ring import Ring


def test_it_keeps_the_newest_by_count() -> None:
    ring = Ring(3, 10_000)
    for number in range(1, 6):
        ring.append((1, number))
    assert ring.since(0) == (3, [(1, 3), (1, 4), (1, 5)])
    assert (ring.seq, len(ring), ring.size) == (5, 3, 3)


def test_it_keeps_the_newest_by_bytes() -> None:
    ring = Ring(2000, 100)
    for number in range(1, 6):
        ring.append((40, number))
    assert ring.since(0) == (4, [(40, 4), (40, 5)])
    assert ring.size == 80


def test_what_alone_is_too_large_is_numbered_and_not_kept() -> None:
    ring = Ring(10, 100)
    ring.append((1, "small"))
    ring.append((101, "large"))
    assert ring.since(0) == (3, [])
    ring.append((1, "next"))
    assert ring.since(1) == (3, [(1, "next")])


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (0, (3, ["c", "d", "e"])),
        (2, (3, ["c", "d", "e"])),
        (3, (4, ["d", "e"])),
        (5, (6, [])),
        (99, (6, [])),
        (10**400, (6, [])),
    ],
)
def test_it_is_read_from_a_number_on(after: int, found: tuple[int, list[str]]) -> None:
    ring = Ring(3, 100)
    for value in "abcde":
        ring.append((1, value))
    first, entries = ring.since(after)
    assert (first, [value for _size, value in entries]) == found


def test_an_empty_one_has_nothing() -> None:
    assert Ring(3, 100).since(0) == (1, [])


def test_any_number_of_threads_may_write() -> None:
    ring = Ring(50, 10_000)
    threads = [threading.Thread(target=lambda: [ring.append((7, each)) for each in range(500)]) for _thread in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        first, entries = ring.since(0)
        assert len(entries) <= 50
        assert first + len(entries) - 1 <= 2000
    assert ring.seq == 2000
    assert (len(ring), ring.size) == (50, 350)
