"""Callers and services that do not keep to the rules confuse nobody but themselves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from daebus import Daebus, DaebusCaller, Requester, RequestTimeout, request, response
from tests.support.framework_services import Tap, serving
from tests.support.instances import instances
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def service(redis_url: str, name: str) -> Iterator[str]:
    app = Daebus(name, max_workers=4)
    app.action("echo")(lambda: request.payload)

    @app.action("late")
    def late() -> dict[str, Any]:
        time.sleep(request.payload["seconds"])
        return {"late": True}

    @app.action("steps")
    def steps() -> int:
        for number in range(3):
            response.send({"step": number}, final=False)
        return response.send({"done": True})

    with serving(app, redis_url, name):
        yield name


def _reply(request_id: Any, payload: Any, **fields: Any) -> str:
    return json.dumps({"status": "success", "payload": payload, "request_id": request_id, "final": True, **fields})


def test_two_callers_with_the_same_id_each_get_their_own_answer(redis_url: str, service: str) -> None:
    results: dict[int, list[Any]] = {}

    def ask(number: int) -> None:
        with DaebusCaller(service, redis_url=redis_url) as caller:
            results[number] = [caller.send_request("echo", {"n": number}, request_id="same") for _ in range(50)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [{"n": number}] * 50 for number in range(4)}


def test_an_id_used_twice_at_once_is_answered_twice(redis_url: str, service: str, client: redis.Redis) -> None:
    with Tap(redis_url, f"{service}.mine") as tap:
        for number in range(2):
            message = {"action": "echo", "payload": {"n": number}, "reply_to": f"{service}.mine", "request_id": "same"}
            client.publish(service, json.dumps(message))
        answers = [json.loads(tap.next()[1]) for _ in range(2)]
        assert sorted(answer["payload"]["n"] for answer in answers) == [0, 1]
        assert [answer["request_id"] for answer in answers] == ["same", "same"]


def test_an_answer_after_the_timeout_is_no_answer_to_the_next_call(redis_url: str, service: str) -> None:
    with Requester(redis_url) as requester:
        for _ in range(5):
            with pytest.raises(RequestTimeout):
                requester.call(service, "late", {"seconds": 1}, timeout=0.05)
            for number in range(20):
                assert requester.call(service, "echo", {"n": number}) == {"n": number}
        with Tap(redis_url, requester.reply_channel) as tap:
            with pytest.raises(RequestTimeout):
                requester.call(service, "late", {"seconds": 1}, timeout=0.05)
            assert json.loads(tap.next()[1])["payload"] == {"late": True}
        assert requester.call(service, "echo", {"n": 1}) == {"n": 1}
        assert requester.pending == 0


def test_answers_to_ids_never_sent_reach_nobody(redis_url: str, service: str, client: redis.Redis) -> None:
    with Requester(redis_url) as requester:
        call = requester.start(service, "late", {"seconds": 0.3})
        near = (call.request_id.upper(), call.request_id + " ")
        ids: list[Any] = ["never", "", 0, 1.5, None, True, [], {}, *near]
        for wrong in ids:
            client.publish(requester.reply_channel, _reply(wrong, {"wrong": True}))
            client.publish(requester.reply_channel, _reply(wrong, {"wrong": True}, final=False))
        parts: list[Any] = []
        assert call.result(parts.append) == {"late": True}
        assert parts == []
        assert requester.pending == 0


def test_the_second_of_two_instances_to_answer_is_not_heard(redis_url: str, name: str) -> None:
    with instances(redis_url, name, 2, shared=False) as several, Requester(redis_url) as requester:
        for number in range(50):
            assert requester.call(name, "echo", {"n": number})["by"] in (0, 1)
        eventually(lambda: [len(instance.handled) for instance in several] == [50, 50])
        assert requester.pending == 0


def test_what_comes_after_the_final_answer_is_not_heard(redis_url: str, service: str, client: redis.Redis) -> None:
    with Requester(redis_url) as requester:
        call = requester.start(service, "steps")
        first = list(call)
        for final in (False, True):
            client.publish(requester.reply_channel, _reply(call.request_id, {"again": True}, final=final))
        assert first == [{"step": 0}, {"step": 1}, {"step": 2}, {"done": True}]
        assert requester.call(service, "echo", {"n": 1}) == {"n": 1}
        assert call.result() == {"done": True}
        assert not call.ready()


def test_answers_sent_to_services_start_no_loop(redis_url: str, service: str, client: redis.Redis) -> None:
    other = Daebus("other")
    other.action("echo")(lambda: {"other": True})
    places = [service, f"{service}.other", f"daebus.control.{service}", f"daebus.control.{service}.other"]
    with serving(other, redis_url, f"{service}.other"), Tap(redis_url, *places) as tap:
        sent = 0
        for channel in places:
            for reply_to in places:
                for action in ("echo", "nope", "info", 5, None):
                    message: dict[str, Any] = {
                        "action": action,
                        "payload": {},
                        "reply_to": reply_to,
                        "request_id": f"r{sent}",
                    }
                    client.publish(channel, json.dumps(message))
                    sent += 1
        with DaebusCaller(service, redis_url=redis_url) as caller:
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        settled = len(tap.collect(0.5))
        assert sent < settled <= 2 * sent + 1
        assert len(tap.collect(0.5)) == settled
