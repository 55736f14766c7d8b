"""Whoever waits for what is held: is told, waits longer, and never for longer than it is told."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

import pytest
import redis

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, Requester, RequestTimeout, request
from daebus.client.call import AHEAD, longer
from tests.support.framework_services import Tap, serving
from tests.support.gates import HOLD, Debugger, Shop
from tests.support.waiting import eventually


def test_all_kinds_of_callers_wait_for_as_long_as_it_takes(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, redis_url: str
) -> None:
    """Callers with two seconds, in threads, asyncio and streams, and one who asks through another service."""
    gateway = Daebus("gateway")
    inner = AsyncDaebusCaller(name, redis_url=redis_url)

    @gateway.action("ask")
    async def ask() -> Any:
        return await inner.send_request("echo", request.payload, timeout=2)

    progress: list[Any] = []
    said: dict[str, Any] = {}

    async def ask_async(caller: AsyncDaebusCaller) -> None:
        said["async"] = await caller.send_request("steps", {"n": 2}, timeout=2, on_progress=progress.append)
        said["async stream"] = [each async for each in caller.stream_request("steps", {"n": 3}, timeout=20)]

    def run_async() -> None:
        asyncio.run(ask_async(AsyncDaebusCaller(name, redis_url=redis_url)))

    with (
        serving(gateway, redis_url, f"{name}.gateway"),
        DaebusCaller(name, redis_url=redis_url, timeout=2) as caller,
        DaebusCaller(f"{name}.gateway", redis_url=redis_url, timeout=2) as outer,
    ):
        debugger.rules(HOLD)
        jobs = {
            "thread": lambda: caller.send_request("steps", {"n": 1}, on_progress=progress.append),
            "stream": lambda: list(caller.stream_request("steps", {"n": 4})),
            "through": lambda: outer.send_request("ask", {"n": 5}),
        }
        threads = [
            threading.Thread(target=lambda what=what, job=job: said.update({what: job()})) for what, job in jobs.items()
        ]
        threads.append(threading.Thread(target=run_async))
        for thread in threads:
            thread.start()
        held = debugger.held(4)
        assert all(each["asker"] == {"notified": True, "left": pytest.approx(1, abs=1)} for each in held)
        eventually(lambda: min(each["held"] for each in debugger.held(4)) > 3)
        debugger.rules(lease=0)
        for thread in threads:
            thread.join(20)
    assert said == {
        "thread": {"got": {"n": 1}},
        "stream": [{"step": 1}, {"got": {"n": 4}}],
        "through": {"got": {"n": 5}},
        "async": {"got": {"n": 2}},
        "async stream": [{"step": 1}, {"got": {"n": 3}}],
    }
    assert progress == [{"step": 1}] * 2


def test_an_answer_that_is_held_makes_its_asker_wait_as_well(
    shop: Shop, debugger: Debugger, requester: Requester, name: str
) -> None:
    debugger.rules({"place": "answer", "hold": True}, HOLD)
    call = requester.start(name, "echo", {"n": 1}, timeout=0.9)
    eventually(lambda: debugger.one()["held"] > 1)
    debugger.release()
    eventually(lambda: debugger.one()["place"] == "answer" and debugger.one()["held"] > 2.6)
    debugger.release()
    assert call.result() == {"got": {"n": 1}}


def test_what_is_sent_to_the_asker(shop: Shop, debugger: Debugger, redis_url: str, name: str) -> None:
    debugger.rules(HOLD)
    with Requester(redis_url) as asker, Tap(redis_url, asker.reply_channel) as tap:
        call = asker.start(name, "echo", {"n": 1}, request_id="r1", timeout=10)
        notice = json.loads(tap.next()[1])
        assert notice.items() >= {"request_id": "r1", "final": False, "payload": {}, "service": name}.items()
        assert notice["held"] == pytest.approx(2, abs=1)
        again = json.loads(tap.next()[1])
        assert again["held"] > notice["held"]
        debugger.release()
        assert list(call) == [{"got": {"n": 1}}]


def test_whoever_does_not_say_how_long_it_waits_is_sent_nothing(
    shop: Shop, debugger: Debugger, requester: Requester, redis_url: str, name: str
) -> None:
    """As 0.0.31 asks."""
    debugger.rules(HOLD)
    old = {"action": "echo", "payload": {"n": 1}, "reply_to": f"{name}.old", "request_id": "r1", "service": "old"}
    with redis.Redis.from_url(redis_url) as client, Tap(redis_url, f"{name}.old") as tap:
        client.publish(name, json.dumps(old))
        assert debugger.one()["asker"] == {"notified": False, "left": None}
        # By the time that this one has been told, that one would have been.
        requester.start(name, "echo", {"n": 2}, timeout=1.2)
        eventually(lambda: max(held["held"] for held in debugger.held(2)) > 1.5)
        assert tap.collect() == []
        debugger.rules(lease=0)
        assert json.loads(tap.next()[1])["payload"] == {"got": {"n": 1}}


@pytest.mark.parametrize(("before", "timeout"), [(0.8, None), (True, 0.8)])
def test_it_is_let_go_before_such_a_one_gives_up_where_the_rule_says_so(
    shop: Shop, debugger: Debugger, redis_url: str, name: str, before: Any, timeout: float | None
) -> None:
    debugger.rules({**HOLD, "before_timeout": before})
    old: dict[str, Any] = {"action": "echo", "payload": {"n": 1}, "request_id": "r1", "service": "old"}
    if timeout is not None:
        # It says how long it waits, but not where: nobody can send it a notice.
        old["timeout"] = timeout
    else:
        old["reply_to"] = f"{name}.responses"
    with redis.Redis.from_url(redis_url) as client, Tap(redis_url, f"{name}.responses") as tap:
        client.publish(name, json.dumps(old))
        held = debugger.one()
        assert held["left"] <= 0.3
        assert held["ends"] <= 0.3
        assert held["asker"]["notified"] is False
        answer = json.loads(tap.next()[1])
        assert answer["payload"] == {"got": {"n": 1}}


def test_nobody_waits_for_longer_than_it_is_told(redis_url: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notice from something that is gone, or lies: a call ends all the same."""
    monkeypatch.setattr("daebus.client.call.AHEAD", 0.3)
    with Requester(redis_url) as asker, Tap(redis_url, name) as tap, redis.Redis.from_url(redis_url) as client:
        call = asker.start(name, "echo", {}, timeout=0.2, request_id="r1")
        tap.next()
        for held in (1e308, -5, "x", None, True):
            lie = {"status": "success", "payload": {}, "request_id": "r1", "final": False, "held": held}
            client.publish(asker.reply_channel, json.dumps(lie))
        begun = time.monotonic()
        with pytest.raises(RequestTimeout):
            call.result()
        assert time.monotonic() - begun < 30
        assert call.deadline < begun + 2


@pytest.mark.parametrize(
    ("held", "passed", "before", "expected"),
    [(2, 0, 0, 2), (3, 1, 2, 1), (2, 5, 3, -1), (1e308, 1, 0, AHEAD + 1), (-5, 1, 0, -5)],
)
def test_how_much_longer_a_call_may_take(held: float, passed: float, before: float, expected: float) -> None:
    assert longer(held, passed, before) == expected


def test_a_generator_goes_on_while_what_it_waits_for_is_held(
    shop: Shop, debugger: Debugger, requester: Requester, name: str, redis_url: str
) -> None:
    app = Daebus("streams")
    inner = DaebusCaller(name, redis_url=redis_url)

    @app.action("ask")
    def ask() -> Any:
        yield {"part": 1}
        yield inner.send_request("echo", request.payload, timeout=2)

    with serving(app, redis_url, f"{name}.streams"), inner:
        # Connected, both get there in their time on a busy machine as well.
        assert len(list(requester.start(f"{name}.streams", "ask", {"n": 0}, timeout=20))) == 2
        debugger.rules(HOLD)
        call = requester.start(f"{name}.streams", "ask", {"n": 1}, timeout=2)
        eventually(lambda: debugger.one()["held"] > 2.2)
        debugger.release()
        assert list(call) == [{"part": 1}, {"got": {"n": 1}}]
