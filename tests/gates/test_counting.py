"""Whatever rules, releases and ends of leases do: each message is handled exactly once, but by a rule that says so."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any

import pytest

from daebus import Daebus, DaebusError, Requester, request
from tests.support.framework_services import serving
from tests.support.gates import Debugger
from tests.support.waiting import eventually

from .test_faults import flood

MESSAGES = 10_000
RULES: list[dict[str, Any]] = [
    {"id": "twice", "place": "request", "where": [["twice", "=", True]], "duplicate": True},
    {"id": "gone", "place": "request", "where": [["gone", "=", True]], "drop": True},
    {"id": "some", "place": "request", "probability": 0.1, "hold": True},
    {"id": "late", "place": "request", "probability": 0.02, "delay": 0.02},
    {"id": "answers", "place": "answer", "probability": 0.02, "hold": True, "for": 0.5},
]


class Storm:
    """Two debuggers that set rules, let them run out, release what is held, one by one or all, and suspend."""

    def __init__(self, url: str, name: str, seed: int) -> None:
        self._url = url
        self._name = name
        self._over = threading.Event()
        self.released: Counter[str] = Counter()
        """How many were let go by hand at each place."""
        self._threads = [
            threading.Thread(target=self._rage, args=(owner, seed)) for seed, owner in enumerate(("ann", "bob"), seed)
        ]

    def __enter__(self) -> Storm:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _rage(self, owner: str, seed: int) -> None:
        chance = random.Random(seed)
        with Requester(self._url, timeout=10) as requester:
            debugger = Debugger(requester, self._name, owner)
            while not self._over.is_set():
                try:
                    self._once(debugger, chance)
                except DaebusError:
                    # Another one has released it.
                    pass

    def _once(self, debugger: Debugger, chance: random.Random) -> None:
        if chance.random() < 0.3:
            debugger.rules(*RULES, lease=chance.choice([0.05, 5, 5]))
        if chance.random() < 0.1:
            debugger.ask("suspend", owner=debugger.owner, lease=chance.choice([0.01, 0.1]))
        if chance.random() < 0.03:
            debugger.ask("release", all=True)
        for held in debugger.ask("held")["held"]:
            if chance.random() < 0.5:
                debugger.ask("release", hold=held["hold"], owner=debugger.owner)
                self.released[held["place"]] += 1


@pytest.mark.fault
@pytest.mark.timeout(180)
def test_each_of_ten_thousand_is_handled_exactly_once(redis_url: str, name: str) -> None:
    counts: Counter[int] = Counter()
    lock = threading.Lock()
    app = Daebus(name, debugger=True, max_queue=MESSAGES * 2, recorder=0)

    @app.action("plain")
    def plain() -> dict[str, Any]:
        with lock:
            counts[request.payload["n"]] += 1
        return {}

    @app.action("async")
    async def asynchronous() -> dict[str, Any]:
        return plain()

    messages = [
        {"action": ("plain", "async")[n % 2], "payload": {"n": n}, "request_id": f"r{n}"} for n in range(MESSAGES)
    ]
    with serving(app, redis_url, name), Requester(redis_url, timeout=20) as requester:
        with Storm(redis_url, name, 17) as storm:
            for first in range(0, MESSAGES, 500):
                flood(redis_url, name, messages[first : first + 500])
                # What is held does not come soon.
                eventually(lambda first=first: len(counts) > first, within=60)  # type: ignore[misc]
            eventually(lambda: len(counts) == MESSAGES, within=120)
        assert storm.released["request"] > 0
        calm = Debugger(requester, name, "calm")
        for owner in ("ann", "bob"):
            calm.ask("rules", owner=owner, lease=0)
            calm.ask("suspend", owner=owner, on=False)
        eventually(calm.nothing)
        told = calm.rules(RULES[0], RULES[1])
        assert told["held"] == 0
        for n, fate in enumerate(("twice", "gone", "as it is"), MESSAGES):
            requester.send(name, "plain", {"n": n, fate: True})
        eventually(lambda: counts[MESSAGES + 2] == 1 and counts[MESSAGES] == 2)
        info = requester.call(f"daebus.control.{name}", "info")
    assert {n: times for n, times in counts.items() if times != 1} == {MESSAGES: 2}
    assert MESSAGES + 1 not in counts
    assert info["queue"]["size"] == info["workers"]["busy"] == 0
