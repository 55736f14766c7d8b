"""Redis goes away, for any time: services and callers are back when it is, and nobody waits in vain meanwhile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from daebus import ConnectionLost, DaebusCaller, DaebusError, RedisUnavailable, RequestTimeout
from tests.support.faulty import Patient, patient, side_by_side, works
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault

OUTAGES = (0, 0.5, 2, 5, 8, 15, 30)
"""Seconds for which Redis is away."""


def test_redis_is_killed_and_comes_back_after_any_time(caplog: pytest.LogCaptureFixture) -> None:
    def outage(seconds: float) -> None:
        with patient() as one:
            one.begin("block", timeout=100)
            eventually(lambda: one.echo.calls == 1)
            one.server.kill()
            until = time.monotonic() + seconds
            result, _took = one.end(within=15)
            assert isinstance(result, ConnectionLost)
            assert "the request may have been handled" in str(result)
            if seconds >= 2:
                begun = time.monotonic()
                with pytest.raises(RedisUnavailable, match="cannot connect to Redis"):
                    one.caller.send_request("echo", timeout=60)
                assert time.monotonic() - begun < 15
            time.sleep(max(0.0, until - time.monotonic()))
            one.server.start()
            one.recovered()
            one.said_once(caplog.records)
            assert max(one.echo.runs.values()) == 1

    with caplog.at_level(logging.INFO, "daebus"):
        side_by_side(*(lambda seconds=seconds: outage(seconds) for seconds in OUTAGES))


def test_redis_restarts_while_32_callers_are_in_flight(caplog: pytest.LogCaptureFixture) -> None:
    with patient(max_workers=8) as one, caplog.at_level(logging.INFO, "daebus"):
        stop = threading.Event()
        counts: list[tuple[int, int, float]] = []

        def call_on() -> None:
            answered = failed = 0
            longest = 0.0
            with DaebusCaller(one.name, redis_url=one.server.url, timeout=30) as caller:
                while not stop.is_set():
                    begun = time.monotonic()
                    try:
                        assert caller.send_request("echo") == {"a": 1}
                        answered += 1
                    except DaebusError:
                        failed += 1
                        stop.wait(0.05)
                    longest = max(longest, time.monotonic() - begun)
                assert caller.send_request("echo") == {"a": 1}
                counts.append((answered, failed, longest))

        threads = [threading.Thread(target=call_on) for _ in range(32)]
        for thread in threads:
            thread.start()
        # Not in a thread that ends: Linux would end the new Redis along with it.
        eventually(lambda: sum(one.echo.runs.values()) > 1000, within=30)
        one.server.kill()
        time.sleep(0.5)
        one.server.start()
        try:
            one.recovered()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert len(counts) == 32, "a caller did not recover"
        assert all(failed for _answered, failed, _longest in counts)
        assert max(longest for _answered, _failed, longest in counts) < 5
        assert max(one.echo.runs.values()) == 1, "a request was handled twice"
        losses = [line for line in one.lines(caplog.records) if "lost the connection" in line]
        returns = [line for line in one.lines(caplog.records) if "is back after" in line]
        assert (len(losses), len(returns)) == (1, 1)


def test_a_frozen_redis_ends_calls_at_their_timeout_and_no_handler_runs_twice() -> None:
    def asked_before(one: Patient, seconds: float) -> None:
        one.begin("block", timeout=2)
        eventually(lambda: one.echo.calls == 1)
        _freeze(one, seconds, one.echo.gate.set)

    def asked_while_frozen(one: Patient, seconds: float) -> None:
        _freeze(one, seconds, lambda: one.begin("count", timeout=2))

    def _freeze(one: Patient, seconds: float, then: Callable[[], object]) -> None:
        one.server.freeze()
        until = time.monotonic() + seconds
        then()
        result, took = one.end(within=9)
        assert isinstance(result, RequestTimeout)
        assert 2 <= took < 9
        time.sleep(max(0.0, until - time.monotonic()))
        one.server.thaw()
        one.recovered()

    def case(ask: Callable[[Patient, float], None], seconds: float) -> None:
        with patient() as one:
            ask(one, seconds)
            # What was on its way when Redis stopped arrives now, once.
            assert works(one.caller)
            assert one.echo.calls <= 1

    asks = (asked_before, asked_while_frozen)
    side_by_side(*(lambda ask=ask, seconds=seconds: case(ask, seconds) for ask in asks for seconds in (3, 12)))


def test_a_call_that_may_wait_long_is_told_of_a_frozen_redis_before_its_timeout(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with patient() as one, caplog.at_level(logging.INFO, "daebus"):
        one.begin("block", timeout=60)
        eventually(lambda: one.echo.calls == 1)
        one.server.freeze()
        result, took = one.end(within=15)
        assert isinstance(result, ConnectionLost)
        assert took < 15
        eventually(lambda: one.lines(caplog.records), what="the service has noticed, too")
        one.server.thaw()
        one.recovered()
        one.said_once(caplog.records)


def test_redis_paused_for_ten_seconds_is_answered_from_at_once(caplog: pytest.LogCaptureFixture) -> None:
    with patient() as one, caplog.at_level(logging.INFO, "daebus"):
        one.server.freeze()
        time.sleep(10)
        one.server.thaw()
        one.recovered()
        # Ten seconds are as long as silence may last: it was noticed or not, but never left half said.
        assert len(one.lines(caplog.records)) in (0, 2)


def test_three_hundred_threads_on_one_caller_are_told_of_the_loss_at_once(own_redis: RedisServer) -> None:
    with patient(max_workers=2) as one:
        outcomes: list[object] = []

        def ask() -> None:
            try:
                outcomes.append(one.caller.send_request("block", timeout=60))
            except DaebusError as error:
                outcomes.append(error)

        threads = [threading.Thread(target=ask) for _ in range(300)]
        for thread in threads:
            thread.start()
        service = one.echo.app._service
        assert service is not None
        eventually(lambda: service._dispatcher.counts["received"] == 301)
        one.server.kill()
        killed = time.monotonic()
        for thread in threads:
            thread.join(20)
        assert time.monotonic() - killed < 5
        assert [type(outcome) for outcome in outcomes] == [ConnectionLost] * 300
        one.echo.gate.set()
        one.server.start()
        one.recovered()
