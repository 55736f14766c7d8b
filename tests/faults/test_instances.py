"""Instances that share the work die in the middle of it."""

from __future__ import annotations

import signal

import pytest

from daebus import DaebusError, Requester, RequestTimeout
from daebus.transport.reconnecting import HEARTBEAT_AFTER
from tests.support.framework_services import program, subscribers
from tests.support.instances import instances
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault

SERVICE = """
import sys, time
from daebus import Daebus, request
from daebus.service import claims
from redis import Redis
store = Redis.from_url(sys.argv[2])
claims._MARGIN = float(sys.argv[4]) if len(sys.argv) > 4 else claims._MARGIN
app = Daebus("app", max_workers=1)

@app.action("sleep")
def sleep():
    print("asleep", flush=True)
    time.sleep(60)

@app.action("echo")
def echo():
    return {"by": sys.argv[3]}

@app.action("note")
def note():
    store.rpush(f"noted by {sys.argv[3]}", request.payload["n"])
    return {"by": sys.argv[3]}

app.run(service=sys.argv[1], redis_url=sys.argv[2], shared=True)
"""


def test_an_instance_killed_in_the_middle_of_a_request_takes_only_that_one_along(redis_url: str, name: str) -> None:
    with (
        program("-c", SERVICE, name, redis_url, "a", forked=True, serves=name, url=redis_url) as first,
        Requester(redis_url, timeout=30) as requester,
    ):
        lost = requester.start(name, "sleep", timeout=3)
        assert first.process.stdout is not None
        while "asleep" not in first.process.stdout.readline():
            pass
        with program("-c", SERVICE, name, redis_url, "b", forked=True):
            eventually(lambda: subscribers(redis_url, name) == 2)
            assert [requester.call(name, "echo") for _ in range(20)] == [{"by": "b"}] * 20
            first.signal(signal.SIGKILL)
            assert [requester.call(name, "echo") for _ in range(20)] == [{"by": "b"}] * 20
            with pytest.raises(RequestTimeout):
                lost.result()
            eventually(lambda: subscribers(redis_url, name) == 1)
            assert requester.call(name, "echo") == {"by": "b"}


def test_a_frozen_instance_holds_up_nothing_that_another_can_do(redis_url: str, name: str) -> None:
    with (
        program("-c", SERVICE, name, redis_url, "a", forked=True, serves=name, url=redis_url) as first,
        program("-c", SERVICE, name, redis_url, "b", forked=True),
        Requester(redis_url, timeout=30) as requester,
    ):
        eventually(lambda: subscribers(redis_url, name) == 2)
        first.signal(signal.SIGSTOP)
        try:
            calls = [requester.start(name, "echo", timeout=3) for _ in range(50)]
            answers = [_outcome(call.result) for call in calls]
            # It may have been stopped with a claim of its own in hand, but with one only: it was idle.
            assert answers.count({"by": "b"}) >= 49
        finally:
            first.signal(signal.SIGCONT)
        seen = {requester.call(name, "echo")["by"] for _ in range(200)}
        assert seen <= {"a", "b"}


def test_an_instance_that_stood_still_handles_nothing_that_another_has_handled_long_ago(
    own_redis: RedisServer, name: str
) -> None:
    """What came meanwhile looks as if it came now, and the claims of the other have expired."""
    with (
        program("-c", SERVICE, name, own_redis.url, "a", "3", forked=True, serves=name, url=own_redis.url) as first,
        program("-c", SERVICE, name, own_redis.url, "b", "3", forked=True),
        Requester(own_redis.url, timeout=30) as requester,
        own_redis.client(decode_responses=True) as client,
    ):
        eventually(lambda: subscribers(own_redis.url, name) == 2)
        first.signal(signal.SIGSTOP)
        asked = [requester.start(name, "note", {"n": number}, timeout=0.5) for number in range(20)]
        later = requester.start(name, "note", {"n": "later"}, timeout=60)
        for call in asked:
            _outcome(call.result)
        eventually(lambda: len(client.keys("daebus:claim:*")) <= 1, within=30, what="the claims have expired")
        first.signal(signal.SIGCONT)
        _outcome(later.result)
        eventually(lambda: requester.call(name, "note", {"n": "after"}) == {"by": "a"}, what="it has read it all")
        noted = [one for by in "ab" for one in client.lrange(f"noted by {by}", 0, -1) if one != "after"]
    assert "later" in noted
    assert sorted(set(noted)) == sorted(noted), "none was handled twice"


def test_a_claim_outlives_what_a_network_may_hold_back_for_another_instance(own_redis: RedisServer, name: str) -> None:
    with (
        program("-c", SERVICE, name, own_redis.url, "a", forked=True, serves=name, url=own_redis.url),
        Requester(own_redis.url, timeout=1) as requester,
        own_redis.client() as client,
    ):
        before = set(client.keys("daebus:claim:*"))
        requester.call(name, "echo")
        (claim,) = set(client.keys("daebus:claim:*")) - before
        # A connection without a word is given up after twice that.
        assert client.pttl(claim) > (1 + 2 * HEARTBEAT_AFTER) * 1000


def _outcome(result: object) -> object:
    assert callable(result)
    try:
        return result()
    except DaebusError as error:
        return error


def test_what_another_may_have_handled_before_redis_forgot_it_is_left_alone(
    own_redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        instances(own_redis.url, name, 2, max_workers=1) as several,
        Requester(own_redis.url, timeout=30) as requester,
    ):
        held = requester.start(name, "block", {"n": -1})
        eventually(lambda: any(one.handled for one in several))
        waits, works = sorted(several, key=lambda one: not one.handled)
        for number in range(5):
            assert requester.call(name, "echo", {"n": number}) == {"by": works.number}
        own_redis.kill()
        own_redis.start()
        eventually(lambda: subscribers(own_redis.url, name) == 2)
        # In the queue of this one they are still.
        waits.gate.set()
        eventually(lambda: isinstance(_outcome(lambda: requester.call(name, "echo", {"n": 5})), dict))
        eventually(lambda: not waits.app._service.info()["queue"]["size"])  # type: ignore[union-attr]
        held.cancel()
    numbers = [payload["n"] for one in several for payload in one.handled]
    assert [numbers.count(number) for number in range(5)] == [1] * 5
    assert sum("are left alone" in record.getMessage() for record in caplog.records) == 1


def test_instances_that_share_the_work_are_back_after_an_outage(own_redis: RedisServer, name: str) -> None:
    with instances(own_redis.url, name, 3) as several, Requester(own_redis.url, timeout=2) as requester:
        assert requester.call(name, "echo") is not None
        for _ in range(3):
            own_redis.kill()
            own_redis.start()
            eventually(lambda: subscribers(own_redis.url, name) == 3)
            before = sum(len(instance.handled) for instance in several)
            eventually(lambda: isinstance(_outcome(lambda: requester.call(name, "echo")), dict))
            for _ in range(20):
                requester.call(name, "echo")
            assert sum(len(instance.handled) for instance in several) - before <= 22
