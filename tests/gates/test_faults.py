"""What goes wrong while messages are held: nothing is lost, nothing runs twice, and nobody is lied to."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from typing import Any

import pytest
import redis

from daebus import (
    ConnectionLost,
    Daebus,
    DaebusCaller,
    DaebusError,
    Requester,
    RequestTimeout,
    request,
)
from daebus.client.call import Call
from daebus.gates.gates import MOST_HELD
from tests.support.framework_services import Program, Tap, program, serving
from tests.support.gates import HOLD, Debugger, Shop
from tests.support.instances import instances
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault

SERVICE = """
import sys
from daebus import Daebus, request

app = Daebus("app", max_workers=2, debugger=True)

@app.action("echo")
def echo():
    print(f"handled {request.payload['n']}\\n", end="", flush=True)
    return {"got": request.payload}

@app.action("async")
async def echo_async():
    return echo()

app.run(service=sys.argv[1], redis_url=sys.argv[2])
"""


def ask_ten(requester: Requester, name: str, timeout: float = 20.0) -> list[Call]:
    """Ten requests, to handlers of both kinds."""
    return [requester.start(name, ("echo", "async")[n % 2], {"n": n}, timeout=timeout) for n in range(10)]


def handled(started: Program) -> list[int]:
    """What a program that has ended has handled."""
    return sorted(int(line.split()[1]) for line in started.output.splitlines() if line.startswith("handled"))


def test_sigterm_lets_all_go_on_within_the_grace(redis_url: str, requester: Requester, name: str) -> None:
    with program("-c", SERVICE, name, redis_url, serves=name, url=redis_url, forked=True) as started:
        debugger = Debugger(requester, name)
        debugger.rules(HOLD, {"place": "answer", "hold": True, "where": [["got.n", ">", 5]]})
        calls = ask_ten(requester, name)
        held = debugger.held(10)
        # One of them has its answer held.
        debugger.release(next(each["hold"] for each in held if each["payload"]["n"] == 6))
        eventually(lambda: "answer" in [each["place"] for each in debugger.held(10)])
        started.signal(signal.SIGTERM)
        assert [call.result() for call in calls] == [{"got": {"n": n}} for n in range(10)]
        # A second signal would end it at once.
        eventually(lambda: started.process.poll() == 0)
    assert handled(started) == list(range(10))


def test_a_service_that_stands_still_for_longer_than_the_lease_lets_all_go_on(
    redis_url: str, requester: Requester, name: str
) -> None:
    with program("-c", SERVICE, name, redis_url, serves=name, url=redis_url, forked=True) as started:
        debugger = Debugger(requester, name, lease=0.5)
        debugger.rules(HOLD)
        calls = ask_ten(requester, name)
        debugger.held(10)
        begun = time.monotonic()
        started.signal(signal.SIGSTOP)
        eventually(lambda: time.monotonic() > begun + 0.6)
        started.signal(signal.SIGCONT)
        assert [call.result() for call in calls] == [{"got": {"n": n}} for n in range(10)]
    assert handled(started) == list(range(10))


def test_whoever_waits_for_a_service_that_is_killed_is_told_no_lie(
    redis_url: str, requester: Requester, name: str
) -> None:
    with program("-c", SERVICE, name, redis_url, serves=name, url=redis_url, forked=True) as started:
        debugger = Debugger(requester, name)
        debugger.rules(HOLD)
        call = requester.start(name, "echo", {"n": 1}, timeout=0.3)
        debugger.one()
        started.signal(signal.SIGKILL)
        begun = time.monotonic()
        with pytest.raises(RequestTimeout):
            call.result()
        assert time.monotonic() - begun < 20


def test_redis_is_gone_for_a_while(own_redis: RedisServer, name: str) -> None:
    """For less than the lease: what is held stays held. For longer: it goes on. Whoever asked knows of the loss."""
    shop = Shop(name)
    with serving(shop.app, own_redis.url, name), Requester(own_redis.url, timeout=20) as requester:
        debugger = Debugger(requester, name)
        debugger.rules(HOLD)
        calls = ask_ten(requester, name)
        debugger.held(10)
        own_redis.kill()
        for call in calls:
            with pytest.raises(ConnectionLost):
                call.result()
        own_redis.start()
        eventually(lambda: asked(debugger)["count"] == 10)
        assert shop.handled == []
        debugger.release(debugger.held(10)[0]["hold"])
        eventually(lambda: len(shop.handled) == 1)
        debugger.rules(HOLD, lease=0.5)
        own_redis.kill()
        eventually(lambda: len(shop.handled) == 10)
        own_redis.start()
        eventually(lambda: asked(debugger)["count"] == 0)
    assert sorted(payload["n"] for payload in shop.handled) == list(range(10))


def asked(debugger: Debugger) -> dict[str, Any]:
    """What is held; an empty thing as long as that cannot be asked."""
    try:
        found: dict[str, Any] = debugger.ask("held")
    except DaebusError:
        return {"count": None}
    return found


def test_the_clock_of_the_machine_is_set(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    debugger.rules({**HOLD, "for": 100})
    for shift in (86400.0, -86400.0):
        call = requester.start(name, "echo", {"shift": shift}, timeout=5)
        debugger.one()
        monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
        debugger.rules({**HOLD, "for": 100})
        assert 0 <= debugger.one()["held"] < 20
        assert debugger.one()["left"] > 20
        debugger.release()
        assert call.result() == {"got": {"shift": shift}}
        monkeypatch.undo()


def test_large_messages_are_held_up_to_a_limit(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, redis_url: str
) -> None:
    debugger.rules(HOLD, {"place": "answer", "hold": True})
    half = "x" * (9 * 1024 * 1024)
    with DaebusCaller(name, redis_url=redis_url, max_message=25_000_000, timeout=20) as caller:
        caller.send_message("echo", {"text": half * 2})
        eventually(lambda: len(shop.handled) == 1)
        caller.send_message("echo", {"text": half})
        held = debugger.one()
        assert held["length"] > len(half)
        assert held["cut"] is True
        assert debugger.ask("held", hold=held["hold"])["held"][0]["cut"] is True
        # With it there is no room for another one like it, but for a small one.
        caller.send_message("echo", {"text": half})
        eventually(lambda: len(shop.handled) == 2)
        call = requester.start(name, "echo", {"n": 1})
        small = debugger.held(2)[1]["hold"]
        told = debugger.ask("held")
        assert told["passed"] == 2
        assert 9_000_000 < told["bytes"] < 16 * 1024 * 1024
        debugger.release(small)
        debugger.release(debugger.held(2)[1]["hold"])
        assert call.result() == {"got": {"n": 1}}
        debugger.release()
        eventually(lambda: len(shop.handled) == 4)
    assert sorted(len(payload.get("text", "")) for payload in shop.handled) == [0, len(half), len(half), 2 * len(half)]


@pytest.mark.timeout(120)
def test_a_flood_on_a_rule_leaves_the_service_alive(redis_url: str, requester: Requester, name: str) -> None:
    shop = Shop(name, max_queue=20_000)
    with serving(shop.app, redis_url, name):
        debugger = Debugger(requester, name)
        debugger.rules({**HOLD, "where": [["n", "exists"]]})
        flood(redis_url, name, [{"action": "echo", "payload": {"n": n}} for n in range(10_000)])
        eventually(lambda: len(shop.handled) == 10_000 - MOST_HELD, within=60)
        assert requester.call(name, "echo", {"alive": True}) == {"got": {"alive": True}}
        told = debugger.ask("held")
        (rule,) = told["rules"][0]["rules"]
        assert (told["count"], told["passed"], rule["seen"], rule["hits"]) == (200, 9800, 10_000, 200)
        assert debugger.ask("release", all=True)["released"] == 200
        eventually(lambda: len(shop.handled) == 10_001)
    counted = Counter(payload["n"] for payload in shop.handled if "n" in payload)
    assert counted == Counter(range(10_000))


def flood(url: str, channel: str, messages: list[dict[str, Any]]) -> None:
    """Publish all of them as fast as it goes."""
    with redis.Redis.from_url(url) as client:
        for first in range(0, len(messages), 500):
            with client.pipeline(transaction=False) as pipeline:
                for message in messages[first : first + 500]:
                    pipeline.publish(channel, json.dumps(message))
                pipeline.execute()


def test_of_instances_that_share_the_work_exactly_one_holds_a_request(
    redis_url: str, requester: Requester, name: str
) -> None:
    with instances(redis_url, name, 3, debugger=True) as several:
        debuggers = [Debugger(requester, name) for _ in several]
        ids = [str(instance.app.instance) for instance in several]
        for debugger, id in zip(debuggers, ids, strict=True):
            debugger.rules(HOLD, instance=id)
        calls = [requester.start(name, "echo", {"n": n}) for n in range(12)]

        def held() -> list[dict[str, Any]]:
            asked = zip(debuggers, ids, strict=True)
            return [each for debugger, id in asked for each in debugger.ask("held", instance=id)["held"]]

        found = eventually(lambda: found if len(found := held()) == 12 else [])
        assert Counter(each["payload"]["n"] for each in found) == Counter(range(12))
        with redis.Redis.from_url(redis_url) as client:
            # Its claim outlives the time for which it may be held.
            keys = list(client.scan_iter(f"daebus:claim:{{{name}}}:*"))
            eventually(lambda: len([key for key in keys if client.pttl(key) > 300_000]) == 12)
        # Whoever does not say which instance it means is answered by the one that has it.
        with Tap(redis_url, requester.reply_channel) as tap:
            for each in found:
                assert debuggers[0].release(each["hold"])["hold"] == each["hold"]
            for call in calls:
                call.result()
            answers = [json.loads(data) for _channel, data in tap.collect(0.05)]
        assert sum("got" not in str(each) and each.get("payload", {}).get("released") == 1 for each in answers) == 12
        assert Counter(each["n"] for instance in several for each in instance.handled) == Counter(range(12))


def test_of_instances_that_do_not_share_it_each_holds_its_own(redis_url: str, requester: Requester, name: str) -> None:
    with instances(redis_url, name, 2, shared=False, debugger=True) as several:
        debugger = Debugger(requester, name)
        ids = [str(instance.app.instance) for instance in several]
        for id in ids:
            debugger.rules(HOLD, instance=id)
        call = requester.start(name, "echo", {"n": 1})
        for id in ids:
            (held,) = eventually(lambda id=id: debugger.ask("held", instance=id)["held"])
            assert held["hold"].startswith(id)
            debugger.release(held["hold"])
        call.result()
        eventually(lambda: [len(instance.handled) for instance in several] == [1, 1])


def test_a_service_that_stops_while_it_cannot_handle_what_it_has_let_go_says_so(
    redis_url: str, requester: Requester, name: str
) -> None:
    app = Daebus(name, max_workers=1, debugger=True)

    @app.action("block")
    def block() -> dict[str, Any]:
        time.sleep(request.payload["for"])
        return {"done": True}

    app.start(service=name, redis_url=redis_url, shared=True)
    debugger = Debugger(requester, name)
    debugger.rules({**HOLD, "where": [["hold", "=", True]]})
    calls = [requester.start(name, "block", {"for": 2, "hold": True}) for _ in range(2)]
    debugger.held(2)
    app.stop(grace=0.2)
    codes = []
    for call in calls:
        with pytest.raises(DaebusError) as caught:
            call.result()
        codes.append(getattr(caught.value, "code", None))
    assert codes == ["shutting_down"] * 2


FORKING = """
import os, sys
from daebus import Daebus, DaebusCaller, request

app = Daebus("app", debugger=True)

@app.action("note")
def note():
    print(f"noted {request.payload['n']}\\n", end="", flush=True)

@app.action("fork")
def fork():
    child = os.fork()
    if child == 0:
        with DaebusCaller(sys.argv[1] + ".shop", redis_url=sys.argv[2]) as caller:
            answer = caller.send_request("echo", {"n": "child"})
        os._exit(0 if answer == {"got": {"n": "child"}} else 1)
    return {"status": os.waitpid(child, 0)[1]}

app.run(service=sys.argv[1], redis_url=sys.argv[2])
"""


def test_a_forked_child_holds_nothing_and_lets_nothing_go(redis_url: str, requester: Requester, name: str) -> None:
    shop = Shop(f"{name}.shop")
    options: dict[str, Any] = {"PYTHONWARNINGS": "ignore"}
    with (
        serving(shop.app, redis_url, f"{name}.shop"),
        program("-c", FORKING, name, redis_url, serves=name, url=redis_url, **options) as started,
    ):
        debugger = Debugger(requester, name)
        debugger.rules({**HOLD, "action": "note"}, {"place": "call", "hold": True})
        requester.send(name, "note", {"n": 1})
        debugger.one()
        assert requester.call(name, "fork") == {"status": 0}
        assert shop.handled == [{"n": "child"}]
        debugger.one()
        debugger.release()
        assert debugger.nothing()
    assert started.output.count("noted") == 1
