"""The clock: even between steps of the wall clock, and right after each of them."""

from __future__ import annotations

import json

from daebus_console.engine.figures.stats import Stats
from daebus_console.engine.message.exchange import State
from daebus_console.engine.pairing.clock import STOOD_STILL, Clock, Step
from daebus_console.engine.pairing.correlator import Correlator
from daebus_console.engine.pairing.journal import Journal
from daebus_console.engine.rate import Rate
from daebus_console.tui.documents.exchange import gap_lines

NOON = 1_700_000_000.0


class System:
    """The clocks of a system that a test sets."""

    def __init__(self) -> None:
        self.wall, self.steady, self.slept = NOON, 100.0, 0.0
        self.reading = self.worked = 0.0

    def clock(self) -> Clock:
        return Clock(self._wall, lambda: self.steady, lambda: self.steady + self.slept, lambda: self.worked)

    def _wall(self) -> float:
        self.steady += self.reading
        return self.wall

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


def test_it_tells_the_time_and_goes_on_evenly() -> None:
    system = System()
    clock = system.clock()
    assert clock() == NOON
    system.pass_by(2.5)
    assert clock() == NOON + 2.5
    assert clock.step() is None


def test_a_step_is_told_once_and_from_then_on_the_time_is_right() -> None:
    system = System()
    clock = system.clock()
    for far in (7200.0, -7200.0, -1.0):
        system.wall += far
        before = clock()
        step = clock.step()
        assert step == Step(before, system.wall, 0.0)
        assert step.seconds == far
        assert clock() == system.wall
        assert clock.step() is None
        system.pass_by(1)


def test_what_drifts_slowly_is_made_up_for_in_the_end() -> None:
    system = System()
    clock = system.clock()
    steps = []
    for _second in range(1000):
        system.pass_by(1)
        system.wall += 0.001
        steps.append(clock.step())
        assert abs(clock() - system.wall) < 0.3
    assert 1 <= sum(step is not None for step in steps) < 10


def test_a_machine_that_slept_is_told_from_a_clock_that_was_set() -> None:
    system = System()
    clock = system.clock()
    system.wall += 3600
    system.slept += 3600
    step = clock.step()
    assert step is not None
    assert step.slept == 3600
    system.wall += 60
    step = clock.step()
    assert step is not None
    assert step.slept == 0


def test_a_process_that_was_held_up_between_two_looks_sees_no_step() -> None:
    system = System()
    clock = system.clock()
    system.reading = 5.0
    system.wall += 0.0
    assert clock.step() is None


def test_a_process_that_stood_still_is_told_from_one_that_had_much_to_do() -> None:
    system = System()
    clock = system.clock()
    system.pass_by(STOOD_STILL - 1)
    assert clock.step() is None
    system.pass_by(60)
    system.worked += 59
    assert clock.step() is None
    system.pass_by(60)
    system.worked += 1
    step = clock.step()
    assert step == Step(clock(), clock(), 0.0, 60.0)
    assert step.seconds == 0
    system.pass_by(1)
    assert clock.step() is None


def test_a_clock_that_is_set_while_the_process_stands_still_steps() -> None:
    system = System()
    clock = system.clock()
    system.pass_by(60)
    system.wall += 3600
    step = clock.step()
    assert step is not None
    assert (step.seconds, step.stood) == (3600, 60)


def ask(correlator: Correlator, at: float, number: int) -> None:
    request = {"action": "a", "payload": {}, "reply_to": "caller:me", "request_id": f"r{number}"}
    correlator.feed(at, "svc", json.dumps(request).encode())


def answer(correlator: Correlator, at: float, number: int) -> None:
    correlator.feed(at, "caller:me", b'{"status":"success","payload":1,"request_id":"r%d","final":true}' % number)


def test_what_is_under_way_is_unknown_and_answered_without_a_time() -> None:
    journal = Journal(100, 100_000)
    correlator = Correlator(journal)
    ask(correlator, NOON, 1)
    gap = correlator.step(Step(NOON + 1, NOON - 7199, 0.0))
    assert gap is not None
    assert gap.state is State.GAP
    assert gap.aside.gap is not None
    assert gap.aside.gap.reason == "the clock of this machine was set back by 2 h 0 min"
    assert gap.aside.gap.seconds == 0
    exchange = journal.exchange(1)
    assert exchange is not None
    assert exchange.state is State.UNKNOWN
    answer(correlator, NOON - 7198, 1)
    assert exchange.state is State.OK
    assert exchange.latency is None
    ask(correlator, NOON - 7198, 2)
    answer(correlator, NOON - 7197.5, 2)
    again = journal.exchange(3)
    assert again is not None
    assert again.latency == 0.5


def test_a_sleep_is_a_gap_as_long_as_it() -> None:
    correlator = Correlator(Journal(100, 100_000))
    gap = correlator.step(Step(NOON, NOON + 3600, 3600.0))
    assert gap is not None
    assert gap.aside.gap is not None
    assert gap.aside.gap.seconds == 3600
    assert "slept" in gap.aside.gap.reason


def test_a_stand_still_is_a_gap_as_long_as_it() -> None:
    correlator = Correlator(Journal(100, 100_000))
    gap = correlator.step(Step(NOON, NOON, 0.0, 60.0))
    assert gap is not None
    assert gap.aside.gap is not None
    assert (gap.aside.gap.start, gap.aside.gap.end) == (NOON - 60, NOON)
    assert gap.aside.gap.reason == "this console stood still"
    assert "was read after it" in str(gap_lines(gap)[0])


def test_a_step_within_a_gap_leaves_one_gap_that_does_not_end_before_it_began() -> None:
    correlator = Correlator(Journal(100, 100_000))
    lost = correlator.lose(NOON, "closed")
    assert correlator.step(Step(NOON, NOON - 100, 0.0)) is None
    assert correlator.resume(NOON - 99) is lost
    assert lost.aside.gap is not None
    assert lost.aside.gap.seconds == 0


def test_rates_and_figures_go_on_after_a_clock_was_set_back() -> None:
    rate, stats, correlator = Rate(), Stats(), Correlator(Journal(1000, 1_000_000))

    def ten_seconds_from(begin: float) -> None:
        for number in range(50):
            at = begin + number / 5
            rate.add(at)
            request = {"action": "a", "payload": 1, "reply_to": "caller:me", "request_id": f"r{at}"}
            taken = correlator.take(at, [("svc", json.dumps(request).encode())])
            stats.opened_many(at, taken.requests)

    ten_seconds_from(NOON)
    assert (rate.per_second(NOON + 10), stats.rows(NOON + 10)[0].rate) == (5, 5)
    stats.stepped()
    ten_seconds_from(NOON - 7190)
    assert (rate.per_second(NOON - 7180), stats.rows(NOON - 7180)[0].rate) == (5, 5)
    assert stats.rows(NOON - 7180)[0].count == 100
