"""What wakes a thread that waits for sockets."""

from __future__ import annotations

import select
import signal
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from daebus.transport.sockets.bell import Bell


@pytest.fixture
def bell() -> Iterator[Bell]:
    with closing(Bell()) as made:
        yield made


def has_rung(bell: Bell) -> bool:
    return bool(select.select([bell], [], [], 0)[0])


def test_it_rings_until_it_is_heard_however_often_it_was_rung(bell: Bell) -> None:
    assert not has_rung(bell)
    bell.ring()
    assert has_rung(bell)
    bell.hear()
    assert not has_rung(bell)
    bell.hear()
    for _ in range(100_000):
        bell.ring()
    assert has_rung(bell)


def test_who_waits_is_woken_by_another_thread(bell: Bell) -> None:
    ringing = threading.Thread(target=bell.ring)
    ringing.start()
    bell.wait()
    ringing.join()
    assert not has_rung(bell)


def test_signals_ring_it_whichever_thread_gets_them(bell: Bell) -> None:
    caught: list[int] = []
    handler = signal.signal(signal.SIGUSR1, lambda number, _frame: caught.append(number))

    def get_one() -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    try:
        with bell.rung_by_signals():
            getting = threading.Thread(target=get_one)
            getting.start()
            bell.wait()
            getting.join()
        assert caught == [signal.SIGUSR1]
        get_one()
        assert not has_rung(bell)
    finally:
        signal.signal(signal.SIGUSR1, handler)


def test_what_was_told_of_signals_before_is_again_afterwards(bell: Bell) -> None:
    with closing(Bell()) as other, other.rung_by_signals():
        before = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(before)
        with bell.rung_by_signals():
            pass
        assert signal.set_wakeup_fd(before) == before


def test_one_that_is_closed_is_rung_in_vain(bell: Bell) -> None:
    bell.close()
    bell.ring()


def test_in_another_thread_than_the_main_one_nothing_is_changed(bell: Bell) -> None:
    def use() -> None:
        with bell.rung_by_signals():
            told.append(True)

    told: list[bool] = []
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert told == [True]
    assert signal.set_wakeup_fd(-1) == -1
