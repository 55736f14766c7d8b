"""Who subscribes, and how things stand, found out once for all who want to know at the same time."""

from __future__ import annotations

import math
import threading
import time

import pytest

from daebus.errors import TooLate
from daebus.transport.address import RedisAddress
from daebus.transport.places.links import Links
from daebus.transport.places.lookout import Lookout
from daebus.transport.places.presence import Presence
from daebus.transport.places.route import Place
from daebus.transport.proof import Greeting


def test_what_was_asked_before_is_not_good_enough_for_who_wants_to_know_since_then() -> None:
    presence, now = Presence(), time.monotonic()
    presence.note("orders", 2, begun=now - 0.01)
    assert presence.known("orders", now) == 2
    assert presence.known("orders", now, since=now - 0.02) == 2
    assert presence.known("orders", now, since=now) is None
    asked: list[float] = []
    assert presence.find("orders", -math.inf, lambda: asked.append(0.0) or 3, since=now) == 3  # type: ignore[func-returns-value]
    assert presence.find("orders", -math.inf, lambda: asked.append(1.0) or 4, since=now) == 3  # type: ignore[func-returns-value]
    assert asked == [0.0]


def test_who_waits_for_another_that_asks_waits_no_longer_than_his_own_time() -> None:
    presence, begun, go_on = Presence(), threading.Event(), threading.Event()

    def count() -> int:
        begun.set()
        assert go_on.wait(20)
        return 1

    asks = threading.Thread(target=lambda: presence.find("orders", -math.inf, count))
    asks.start()
    assert begun.wait(20)
    with pytest.raises(TooLate, match="nothing was sent"):
        presence.find("orders", -math.inf, count, until=time.monotonic() + 0.05)
    assert asks.is_alive()
    go_on.set()
    asks.join()
    assert presence.known("orders", time.monotonic()) in (1, None)


def test_those_who_come_while_it_is_being_asked_are_told_together_what_is_asked_after_that() -> None:
    presence, since = Presence(), time.monotonic()
    begun, go_on = threading.Event(), threading.Event()
    asked, found = list[int](), list[int | None]()

    def count() -> int:
        asked.append(1)
        begun.set()
        assert go_on.wait(20)
        return len(asked)

    first = threading.Thread(target=lambda: presence.find("orders", -math.inf, count, since))
    first.start()
    assert begun.wait(20)
    later = time.monotonic()
    others = [
        threading.Thread(target=lambda: found.append(presence.find("orders", -math.inf, count, later)))
        for _ in range(8)
    ]
    for thread in others:
        thread.start()
    go_on.set()
    for thread in (first, *others):
        thread.join(20)
    # What the first one had begun to ask was asked too early for them.
    assert (asked, found) == ([1, 1], [2] * 8)


class Looked(Lookout):
    """A lookout that counts how often it looks."""

    def __init__(self) -> None:
        super().__init__("here", Links(lambda _place: RedisAddress("redis://localhost"), "test"))
        self.looks = 0

    def candidates(self) -> list[tuple[Place, RedisAddress]]:
        return []

    def misfit(self, greeting: Greeting) -> str | None:
        return None

    def look(self) -> None:
        self.looks += 1

    def wrong_with(self, place: Place) -> str | None:
        return None


def test_it_is_looked_once_for_all_who_want_that_since_the_same_time() -> None:
    lookout = Looked()
    then = time.monotonic()
    threads = [threading.Thread(target=lookout.look_after, args=(then,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lookout.looks == 1
    lookout.look_after(time.monotonic())
    assert lookout.looks == 2
