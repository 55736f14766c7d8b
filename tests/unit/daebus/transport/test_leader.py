"""Leader/followers: one reads for all, whoever leaves wakes the next, and nobody who is gone keeps others waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from daebus.transport.sockets import leader
from daebus.transport.sockets.leader import Leadership
from daebus.transport.sockets.waiter import Changes, Waiter
from tests.support.waiting import eventually

FAR = float("inf")


def never() -> bool:
    return False


class Member:
    """A thread that joins, and says what became of it."""

    def __init__(self, leadership: Leadership, deadline: float = FAR) -> None:
        self.leadership = leadership
        self.waiter = Waiter()
        self.ready = False
        self.leads: bool | None = None
        self._deadline = deadline
        self._thread = threading.Thread(target=self._join)
        self._thread.start()

    def _join(self) -> None:
        self.leads = self.leadership.join(self.waiter, lambda: self.ready, self._deadline)

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> None:
        self.ready = True
        self.waiter.wake()
        self._thread.join(10)
        self.leadership.leave(self.waiter)


@pytest.fixture
def leadership() -> Leadership:
    return Leadership()


@pytest.fixture
def members(leadership: Leadership) -> Iterator[list[Member]]:
    several: list[Member] = []
    yield several
    for member in several:
        member.end()


def test_the_first_leads_and_the_next_follows(leadership: Leadership, members: list[Member]) -> None:
    members.append(Member(leadership))
    eventually(lambda: members[0].leads)
    leadership.back_by = FAR
    members.append(Member(leadership))
    eventually(lambda: leadership.wanted)
    assert members[1].leads is None
    leadership.leave(members[0].waiter)
    eventually(lambda: members[1].leads)
    assert not leadership.wanted


def test_who_is_ready_does_not_lead(leadership: Leadership) -> None:
    assert not leadership.join(Waiter(), lambda: True, FAR)
    assert leadership.take(Waiter())


def test_a_follower_that_has_what_it_waits_for_wakes_the_next_where_nobody_leads(
    leadership: Leadership, members: list[Member]
) -> None:
    first = Waiter()
    assert leadership.take(first)
    leadership.back_by = FAR
    for number in range(2):
        members.append(Member(leadership))
        eventually(lambda number=number: len(leadership.followers) == number + 1)
    # Woken to lead, the one finds that it has what it waits for.
    members[0].ready = True
    leadership.leave(first)
    members[0].end()
    eventually(lambda: members[1].leads)


def test_who_is_handed_the_lead_has_it_before_another_that_comes_first(leadership: Leadership) -> None:
    first, next_one, another = Waiter(), Waiter(), Waiter()
    assert leadership.take(first)
    leadership.followers[next_one] = None
    leadership.leave(first)
    assert leadership.leader is next_one
    assert not leadership.wanted
    # It has not woken up yet; the one that has just left asks again.
    assert not leadership.join(another, never, time.monotonic() + 0.01)
    assert leadership.join(next_one, never, FAR)
    leadership.leave(next_one)
    assert leadership.leader is another
    leadership.leave(another)
    assert leadership.leader is None


def test_a_deadline_ends_the_wait(leadership: Leadership) -> None:
    assert leadership.take(Waiter())
    leadership.back_by = FAR
    follower = Waiter()
    assert not leadership.join(follower, never, time.monotonic() + 0.05)
    leadership.leave(follower)
    assert not leadership.wanted


def test_leaving_twice_is_leaving_once(leadership: Leadership) -> None:
    waiter, other = Waiter(), Waiter()
    assert leadership.join(waiter, never, FAR)
    leadership.leave(waiter)
    assert leadership.take(other)
    leadership.leave(waiter)
    assert leadership.leader is other


def test_a_leader_that_does_not_come_back_is_replaced(
    leadership: Leadership, members: list[Member], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader, "OVERDUE_AFTER", 0.05)
    gone = Waiter()
    assert leadership.take(gone)
    members.append(Member(leadership))
    eventually(lambda: members[0].leads)
    leadership.leave(gone)
    assert leadership.leader is members[0].waiter


def test_a_follower_that_does_not_come_when_woken_does_not_keep_the_place_empty(
    leadership: Leadership, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader, "OVERDUE_AFTER", 0.05)
    first, gone, keeper = Waiter(), Waiter(), Waiter()
    assert leadership.take(first)
    leadership.followers[gone] = None
    leadership.leave(first)
    eventually(lambda: leadership.take(keeper))
    assert not leadership.wanted


def test_who_takes_it_after_a_while_leaves_it_to_those_who_come_before(leadership: Leadership) -> None:
    waiter = Waiter()
    assert leadership.take(waiter, vacant_for=0.05)
    leadership.leave(waiter)
    assert not leadership.take(waiter, vacant_for=60)
    eventually(lambda: leadership.take(waiter, vacant_for=0.05))


def test_waking_before_the_sleep_ends_it_at_once_and_once() -> None:
    waiter = Waiter()
    waiter.wake()
    waiter.wake()
    waiter.sleep(60)
    begun = time.monotonic()
    waiter.sleep(0.05)
    assert time.monotonic() - begun >= 0.04


def test_a_change_is_looked_at_by_all_who_wait_for_it() -> None:
    changes, state, seen = Changes(), [0], []
    threads = [
        threading.Thread(target=lambda: seen.append(changes.wait_for(lambda: state[0] > 1, 60))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for _ in range(2):
        state[0] += 1
        changes.tell()
    for thread in threads:
        thread.join(10)
    assert seen == [True, True, True]
    assert not changes.wait_for(lambda: state[0] > 2, 0)


def test_one_that_has_been_woken_is_not_made_the_leader_while_another_would_be(leadership: Leadership) -> None:
    """It has what it waited for, as a rule, and would hand on at once."""
    leader, woken, waiting = Waiter(), Waiter(), Waiter()
    assert leadership.take(leader)
    leadership.followers.update({woken: None, waiting: None})
    woken.wake()
    leadership.leave(leader)
    assert leadership.leader is waiting
    leadership.leave(waiting)
    assert leadership.leader is woken


def test_a_sleep_that_is_interrupted_as_it_ends_leaves_a_waiter_that_can_be_woken() -> None:
    class Interrupted(Waiter):
        """In whose sleep a signal raises, once it is `armed`, when it has been woken."""

        armed = False

        def __setattr__(self, name: str, value: object) -> None:
            if name == "woken" and value is False and self.armed:
                self.armed = False
                raise KeyboardInterrupt
            super().__setattr__(name, value)

    waiter = Interrupted()
    waiter.armed = True
    waiter.wake()
    with pytest.raises(KeyboardInterrupt):
        waiter.sleep(60)
    sleeper = threading.Thread(target=waiter.sleep, args=(60,), daemon=True)
    sleeper.start()
    waiter.wake()
    sleeper.join(30)
    assert not sleeper.is_alive()
