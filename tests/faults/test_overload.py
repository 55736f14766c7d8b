"""Ten times more is asked for than can be done."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter

import pytest
import redis

from daebus import Daebus, DaebusCaller, Requester, request
from tests.support.faulty import memory
from tests.support.framework_services import serving
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault

SECONDS = float(os.environ.get("DAEBUS_OVERLOAD_SECONDS", "10"))
CAPACITY = 200
"""Requests a second that the service below gets done: two workers, ten milliseconds each."""


def test_memory_stays_flat_and_the_surplus_is_refused_at_once(redis_url: str, name: str) -> None:
    app = Daebus(name, max_workers=2, max_queue=100)
    done: Counter[str] = Counter()

    @app.action("work")
    def work() -> dict[str, int]:
        time.sleep(0.01)
        done[str(request.request_id)] += 1
        return {}

    ids = (f"{number}" for number in range(10**9))
    padding = "x" * 1000

    def offer(client: redis.Redis, count: int) -> None:
        pipeline = client.pipeline(transaction=False)
        for _ in range(count):
            message = {"action": "work", "payload": {"padding": padding}, "reply_to": "sink", "request_id": next(ids)}
            pipeline.publish(name, json.dumps({**message, "timeout": 5}))
        pipeline.execute()

    with serving(app, redis_url, name), redis.Redis.from_url(redis_url) as client, Requester(redis_url) as requester:
        service = app._service
        assert service is not None
        counts = service._dispatcher.counts
        begun = time.monotonic()
        offered = 0
        levels: list[int] = []
        refusals: list[float] = []
        while (passed := time.monotonic() - begun) < SECONDS:
            # On a busy machine it falls behind, and a burst of all that is due would take memory of its own.
            due = min(200, int(10 * CAPACITY * passed) - offered)
            offer(client, due)
            offered += due
            if service.info()["queue"]["size"] == 100 and len(refusals) < passed:
                refusals.append(_seconds_to_refuse(requester, name))
            done.clear()
            levels.append(memory())
            time.sleep(0.02)
        # Ten times as much, unless the machine is too busy to offer it.
        assert offered >= 3 * CAPACITY * SECONDS
        eventually(lambda: service.rest(0))
        # The first part fills the queue, the buffers and the allocator's pools.
        settled = max(levels[len(levels) // 4 : len(levels) // 2])
        assert max(levels[len(levels) // 2 :]) < settled + 5_000_000
        assert counts["busy"] > 0.6 * offered
        assert counts["handled"] + counts["busy"] + counts["expired"] == counts["received"] >= offered
        assert len(refusals) >= 5
        assert max(refusals) < 3
        with DaebusCaller(name, redis_url=redis_url) as caller:
            assert caller.send_request("work") == {}


def _seconds_to_refuse(requester: Requester, name: str) -> float:
    """How long it takes until a request is answered, busy or not."""
    begun = time.monotonic()
    list(requester.start(name, "work", timeout=10).replies())
    return time.monotonic() - begun


def test_what_has_expired_in_the_queue_costs_no_work_and_is_counted(redis_url: str, name: str) -> None:
    app = Daebus(name, max_workers=1, max_queue=1000)
    gate = threading.Event()
    worked: list[str] = []
    app.action("block")(lambda: gate.wait(30) and {})
    app.action("work")(lambda: worked.append(str(request.request_id)))
    with serving(app, redis_url, name), Requester(redis_url, timeout=30) as requester:
        service = app._service
        assert service is not None
        blocked = requester.start(name, "block")
        eventually(lambda: service.info()["workers"]["busy"] == 1)
        for _ in range(300):
            requester.start(name, "work", timeout=1.0)
        eventually(lambda: service.info()["queue"]["size"] == 300)
        # A service counts from when a request came in, for its clock is not that of who asked.
        over = time.monotonic() + 1.0
        eventually(lambda: time.monotonic() > over)
        gate.set()
        assert blocked.result() == {}
        eventually(lambda: service._dispatcher.counts["expired"] == 300)
        assert worked == []
