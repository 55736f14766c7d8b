"""The gates by themselves, where something goes wrong that no service brings about."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from daebus.errors import DaebusError
from daebus.gates.gates import MOST_BYTES, MOST_HELD, Gates, Gone
from daebus.gates.held import Asker, Held, Outcome, Verdict
from daebus.gates.leases import MOST_OWNERS
from daebus.gates.reading import read_rules
from daebus.gates.rule import Met
from tests.support.waiting import eventually

HOLD = {"place": "request", "hold": True}


def at_once(function: Callable[[], object]) -> None:
    function()


@pytest.fixture
def gates() -> Iterator[Gates]:
    gates = Gates("svc", "i", at_once)
    yield gates
    gates.end()


def met(**fields: Any) -> Met:
    return Met(**{"place": "request", "name": "echo", "payload": dict, "size": 10, **fields})


def hold(gates: Gates, outcomes: list[Outcome], asker: Asker | None = None) -> Held:
    held = gates.meet(met(), outcomes.append, asker)
    assert isinstance(held, Held)
    return held


def test_one_that_cannot_go_on_keeps_none_of_the_others(gates: Gates, caplog: pytest.LogCaptureFixture) -> None:
    gates.set_rules("ann", 10, read_rules([HOLD]))
    outcomes: list[Outcome] = []

    def fail(_outcome: Outcome) -> None:
        raise KeyError("broken")

    gates.meet(met(), fail)
    hold(gates, outcomes)
    assert gates.release_all(None) == 2
    assert len(outcomes) == 1
    assert "could not go on" in caplog.text


def test_leases_end_whatever_happens_to_their_clock(
    gates: Gates, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("daebus.gates.gates.EVERY", 0.01)
    real, failed = gates._due, threading.Event()

    def fail_once() -> float:
        if not failed.is_set():
            failed.set()
            raise MemoryError
        return real()

    monkeypatch.setattr(gates, "_due", fail_once)
    gates.set_rules("ann", 0.05, read_rules([HOLD]))
    outcomes: list[Outcome] = []
    hold(gates, outcomes)
    eventually(lambda: len(outcomes) == 1)
    # What is held after its lease has ended goes on at once, and the clock may be looked at later.
    assert eventually(failed.is_set)
    assert gates.leases() == []
    eventually(lambda: "has failed, and goes on" in caplog.text)


def test_the_share_of_a_rule_for_so_many_is_the_share_of_all_messages(gates: Gates) -> None:
    lease = gates.set_rules(
        "ann", 10, read_rules([{"place": "request", "drop": True, "probability": 0.1, "times": 20}])
    )
    gates._random.seed(1)
    met_by_it = [gates.meet(met(), lambda _outcome: None) is not None for _ in range(1000)]
    assert sum(met_by_it) == lease.rules[0].hits == 20
    # One roll for each message: with twenty of them it would be nine in ten.
    assert 100 < met_by_it[::-1].index(True) < 900
    assert gates.watched == frozenset()


def test_without_a_thread_there_is_no_lease(gates: Gates, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("daebus.gates.gates.begin", none)
        with pytest.raises(DaebusError, match="no thread"):
            gates.set_rules("ann", 10, read_rules([HOLD]))
    assert gates.watched == frozenset()
    assert gates.meet(met(), lambda _outcome: None) is None
    gates.set_rules("ann", 10, read_rules([HOLD]))
    hold(gates, [])


def test_there_are_so_many_leases_at_most(gates: Gates) -> None:
    for number in range(MOST_OWNERS):
        gates.set_rules(f"owner {number}", 10, [])
    with pytest.raises(DaebusError, match="leases already"):
        gates.set_rules("one more", 10, [])
    gates.set_rules("owner 0", 10, read_rules([HOLD]))
    gates.end_lease("owner 1", suspends=False)
    gates.set_rules("one more", 10, [])


def test_whoever_asked_is_told_at_once_and_as_long_as_it_is_held(gates: Gates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daebus.gates.gates.EVERY", 0.02)
    gates.set_rules("ann", 10, read_rules([HOLD]))
    told: list[float] = []
    outcomes: list[Outcome] = []
    held = hold(gates, outcomes, Asker(1.0, told.append))
    assert len(told) == 1
    eventually(lambda: len(told) > 3)
    assert told == sorted(told)
    gates.release(held.id, Verdict())
    assert len(outcomes) == 1
    with pytest.raises(Gone):
        gates.release(held.id, Verdict())
    assert not gates.withdraw(held)


@pytest.mark.parametrize(("tell", "left"), [(lambda _seconds: None, 5.0), (None, 3.0)])
def test_the_time_of_an_asker_who_is_told_stands_still(
    gates: Gates, tell: Callable[[float], None] | None, left: float
) -> None:
    gates.set_rules("ann", 10, read_rules([HOLD]))
    held = hold(gates, [], Asker(5.0, tell))
    told = held.told(held.since + 2, held.since + 10)
    assert told["asker"] == {"notified": tell is not None, "left": left}


def test_what_waits_behind_something_held_takes_room_until_it_goes_on(gates: Gates) -> None:
    gates.set_rules("ann", 10, read_rules([HOLD]))
    held = hold(gates, [])
    for _ in range(2 * MOST_HELD):
        assert gates.wait_behind(MOST_BYTES - 10, held)
        gates.goes_on(MOST_BYTES - 10)
    for _ in range(MOST_HELD - 1):
        assert gates.wait_behind(0, held)
    assert not gates.wait_behind(0, held)
    assert held.rule.passed == 1


def test_what_is_withdrawn_is_not_let_go(gates: Gates) -> None:
    gates.set_rules("ann", 10, read_rules([HOLD]))
    outcomes: list[Outcome] = []
    held = hold(gates, outcomes)
    assert gates.withdraw(held)
    gates.end()
    assert outcomes == []
    assert gates.bytes == 0


def test_at_the_end_and_in_a_forked_child_they_are_open(gates: Gates) -> None:
    gates.set_rules("ann", 10, read_rules([HOLD]))
    outcomes: list[Outcome] = []
    hold(gates, outcomes)
    gates.after_fork()
    assert gates.meet(met(), outcomes.append) is None
    assert (outcomes, gates.held(), gates.watched) == ([], [], frozenset())
    with pytest.raises(DaebusError, match="stopping"):
        gates.suspend("ann", 10)


def test_the_end_waits_for_what_somebody_else_is_just_letting_go(gates: Gates) -> None:
    """Else a service that stops as a lease ends takes it that nothing is left to be handled."""
    gates.set_rules("ann", 10, read_rules([HOLD]))
    begun, go_on, order = threading.Event(), threading.Event(), list[str]()

    def resume(_outcome: Outcome) -> None:
        begun.set()
        go_on.wait(10)
        order.append("went on")

    gates.meet(met(), resume)
    releasing = threading.Thread(target=gates.release_all, args=(None,))
    releasing.start()
    assert begun.wait(10)
    ending = threading.Thread(target=lambda: (gates.end(), order.append("ended")))
    ending.start()
    ending.join(0.05)
    assert not order
    go_on.set()
    releasing.join()
    ending.join()
    assert order == ["went on", "ended"]


def test_a_rule_that_cannot_be_tried_holds_nothing_up(gates: Gates, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Any:
        raise RecursionError

    gates.set_rules("ann", 10, read_rules([{**HOLD, "where": [["a", "exists"]]}]))
    assert gates.meet(met(payload=broken), lambda _outcome: None) is None
    assert "could not be tried" in caplog.text
