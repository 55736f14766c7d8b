"""Which requests run out of time when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daebus_console.engine.message.exchange import Exchange, Kind, State
from daebus_console.engine.pairing import deadlines
from daebus_console.engine.pairing.deadlines import Deadlines
from tests.console.engine.bus import lone_message


def pending(number: int, deadline: float) -> Exchange:
    return Exchange(number, Kind.REQUEST, State.PENDING, lone_message(), deadline=deadline)


steps = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from([1.0, 2.5, 10.0, float("inf")]) | st.floats(0.1, 50)),
    st.tuples(st.just("wait"), st.floats(-1, 20)),
    st.tuples(st.just("answer"), st.floats(0, 1)),
)


@given(st.lists(steps, max_size=80), st.integers(1, 20))
def test_exactly_what_is_pending_and_due_is_taken_out_in_order(story: list[tuple[str, float]], sweep_at: int) -> None:
    kept = Deadlines()
    kept._sweep_at = sweep_at
    now, number = 100.0, 0
    waiting: list[Exchange] = []
    for step, value in story:
        if step == "ask":
            number += 1
            waiting.append(pending(number, now + value))
            kept.add(waiting[-1], value)
        elif step == "answer" and waiting:
            waiting.pop(int(value * (len(waiting) - 1))).state = State.OK
        elif step == "wait":
            now += value
            due = sorted((one for one in waiting if one.deadline <= now), key=lambda one: (one.deadline, one.number))
            assert kept.due(now) == due
            waiting = [one for one in waiting if one.deadline > now]
            for one in due:
                one.state = State.TIMEOUT
        assert {one.number for one in kept} == {one.number for one in waiting}


def test_what_has_no_queue_of_its_own_is_due_as_well() -> None:
    """There are more durations than queues; and whose clock steps back asks with an earlier deadline."""
    kept = Deadlines()
    waiting = [pending(number, 100.0 + number) for number in range(1, 2 * deadlines._MOST_QUEUES)]
    waiting.append(pending(len(waiting) + 1, 90.0 + 5))
    for one in waiting[:-1]:
        kept.add(one, one.deadline - 100.0)
    kept.add(waiting[-1], 5.0)
    for now in (95.0, 100.0, 130.0, 180.0, 1000.0):
        due = [one for one in waiting if one.state is State.PENDING and one.deadline <= now]
        assert kept.any_due(now) is bool(due)
        assert kept.due(now) == sorted(due, key=lambda one: one.deadline)
        for one in due:
            one.state = State.TIMEOUT
    assert len(kept) == 0


def test_odd_durations_by_the_thousand_are_forgotten_when_settled() -> None:
    kept = Deadlines()
    for number in range(3 * deadlines._SWEEP_AT):
        exchange = pending(number, number + 1000.0 + number / 7)
        kept.add(exchange, 1000.0 + number / 7)
        exchange.state = State.OK
        if number % 1000 == 0:
            kept.due(float(number))
    assert len(kept) <= deadlines._SWEEP_AT


def test_cleared_is_empty() -> None:
    kept = Deadlines()
    kept.add(pending(1, 5.0), 5.0)
    kept.clear()
    assert (len(kept), list(kept), kept.due(100.0)) == (0, [], [])
