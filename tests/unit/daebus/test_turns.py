"""Threads that share one task, one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from daebus.turns import Relay, Turns, Visitor
from tests.support.waiting import eventually


class Regulars:
    """Threads that do `work(turn)` whenever they have the turn."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.leaders: list[str] = []
        self.resume = threading.Event()
        self._threads = [threading.Thread(target=self._run, name=str(n)) for n in range(turns.threads)]

    def __enter__(self) -> Regulars:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.turns.end()
        self.resume.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        for turn in self.turns:
            self.leaders.append(threading.current_thread().name)
            self.resume.wait(10)
            self.resume.clear()
            self.turns.pass_on(turn)


@pytest.fixture
def regulars() -> Iterator[Regulars]:
    with Regulars(Turns(3)) as threads:
        yield threads


def test_one_thread_at_a_time_has_the_turn_and_passes_it_on(regulars: Regulars) -> None:
    for count in range(1, 10):
        eventually(lambda count=count: len(regulars.leaders) == count)
        assert len(regulars.turns._resting) <= 2
        regulars.resume.set()


def test_a_thread_that_is_not_back_yet_leaves_the_turn_to_another() -> None:
    turns = Turns(2)
    first = next(iter(turns))
    turns.pass_on(first)
    assert next(iter(turns)) == first + 1


def test_a_turn_can_be_passed_on_once_only() -> None:
    turns = Turns(1)
    turn = next(iter(turns))
    turns.pass_on(turn)
    turns.pass_on(turn)
    assert next(iter(turns)) == turn + 1


def test_the_turn_is_taken_from_a_thread_that_steps_out_for_long() -> None:
    turns = Turns(2)
    taken = threading.Event()

    def rest() -> None:
        for _turn in turns:
            taken.set()

    turn = next(iter(turns))
    thread = threading.Thread(target=rest)
    thread.start()
    eventually(lambda: turns._resting)
    turns.step_out()
    assert taken.wait(10)
    assert not turns.step_in(turn)
    turns.end()
    thread.join()


def test_a_thread_that_is_back_in_time_keeps_the_turn() -> None:
    turns = Turns(1)
    turn = next(iter(turns))
    turns.step_out()
    assert turns.step_in(turn)
    assert not turns.is_over(turn)


def test_a_visitor_asks_for_the_turn_and_gets_it() -> None:
    asked = threading.Event()
    turns = Turns(1, asked.set)

    def regular() -> None:
        for turn in turns:
            asked.wait(10)
            turns.pass_on(turn)

    thread = threading.Thread(target=regular)
    thread.start()
    eventually(lambda: not turns._vacant)
    visited = turns.visit(Visitor(), lambda: False, time.monotonic() + 10)
    assert visited is not None
    assert asked.is_set()
    turns.end()
    turns.pass_on(visited)
    thread.join()


def test_after_visitors_a_regular_thread_takes_over_by_itself() -> None:
    turns = Turns(1)
    visited = turns.visit(Visitor(), lambda: False, time.monotonic() + 10)
    assert visited is not None
    taken = threading.Event()

    def regular() -> None:
        for _turn in turns:
            taken.set()

    thread = threading.Thread(target=regular)
    thread.start()
    turns.pass_on(visited, prompt=False)
    assert taken.wait(10)
    turns.end()
    thread.join()


def test_a_visitor_whose_wish_is_granted_or_whose_time_is_over_gets_no_turn() -> None:
    turns = Turns(1)
    assert next(iter(turns)) == 0
    assert turns.visit(Visitor(), lambda: True, time.monotonic() + 10) is None
    assert turns.visit(Visitor(), lambda: False, time.monotonic() - 1) is None
    assert not turns.wanted


def test_many_visitors_all_come_to_their_turn_one_at_a_time() -> None:
    turns = Turns(1)
    inside, most, served = 0, 0, []

    def visit(number: int) -> None:
        nonlocal inside, most
        turn = turns.visit(Visitor(), lambda: False, time.monotonic() + 20)
        assert turn is not None
        inside += 1
        most = max(most, inside)
        served.append(number)
        inside -= 1
        turns.pass_on(turn, prompt=False)

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(served) == list(range(50))
    assert most == 1


def test_a_relay_wakes_one_after_the_other() -> None:
    relay, visitors = Relay(), [Visitor() for _ in range(3)]
    for visitor in visitors:
        relay.add(visitor)

    def awake() -> list[bool]:
        return [visitor._signalled for visitor in visitors]

    assert relay.step()
    assert awake() == [True, False, False]
    assert relay.step()
    assert not relay.step()
    assert awake() == [True, True, True]
    assert not relay.step()


def test_a_relay_can_be_rushed() -> None:
    relay, visitors = Relay(), [Visitor() for _ in range(3)]
    for visitor in visitors:
        relay.add(visitor)
    # None has waited for so long.
    assert relay.rush(60)
    assert not any(visitor._signalled for visitor in visitors)
    assert not relay.rush()
    assert all(visitor._signalled for visitor in visitors)
    assert not relay.step()
