"""Calls: under way, cancelled, closed, and many at once from one caller."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
import redis

from daebus import (
    ConfigurationError,
    ConnectionLost,
    Daebus,
    DaebusCaller,
    DaebusError,
    RequestCancelled,
    Requester,
    ServiceUnavailable,
    request,
)
from tests.integration.shop import Shop
from tests.support.framework_services import serving
from tests.support.waiting import eventually


def test_a_request_id_that_waits_already_is_refused(shop: Shop) -> None:
    with Requester(shop.url) as requester:
        call = requester.start(shop.name, "block", request_id="same")
        with pytest.raises(ConfigurationError, match="waiting already"):
            requester.start(shop.name, "echo", request_id="same")
        shop.gate.set()
        assert call.result() == {"unblocked": True}
        assert call.result() == {"unblocked": True}


def test_a_call_can_be_cancelled_and_shows_its_replies(shop: Shop) -> None:
    with Requester(shop.url) as requester:
        requester.start(shop.name, "block").cancel()
        assert requester.pending == 0
        replies = list(requester.start(shop.name, "raise").replies())
        assert [reply.ok for reply in replies] == [False]
        assert replies[0].service == shop.name
        assert replies[0].instance == shop.app.instance
        assert replies[0].elapsed is not None


def test_a_call_tells_when_it_was_sent_and_how_many_serve_the_channel(shop: Shop) -> None:
    with Requester(shop.url) as requester:
        begun = time.monotonic()
        call = requester.start(shop.name, "echo")
        assert call.subscribers == 1
        assert call.sent_at is not None
        # Connecting came before it, the answer after it.
        assert begun < call.sent_at < time.monotonic()
        call.result()
        with pytest.raises(ServiceUnavailable):
            requester.start(f"{shop.name}.nobody", "echo")


def test_cancelling_ends_the_wait_of_another_thread(shop: Shop) -> None:
    problems: list[Exception] = []
    with Requester(shop.url, timeout=60) as requester:
        call = requester.start(shop.name, "block")

        def wait() -> None:
            try:
                call.result()
            except DaebusError as error:
                problems.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        eventually(lambda: shop.notes)
        # Once it waits for the answer, it is the one that reads.
        eventually(
            lambda: requester._replies is not None and requester._replies.listener.leadership.leader is call.waiter
        )
        call.cancel()
        thread.join(3)
        assert [type(problem) for problem in problems] == [RequestCancelled]
        with pytest.raises(RequestCancelled):
            call.result()
        shop.gate.set()
        assert requester.call(shop.name, "echo", {"a": 1}) == {"a": 1}


def test_rotten_replies_confuse_nobody(shop: Shop) -> None:
    with Requester(shop.url) as requester, redis.Redis.from_url(shop.url) as client:
        call = requester.start(shop.name, "block")
        good = {"status": "success", "payload": 1, "request_id": "nobody's", "final": True}
        for data in (b"\xff", b"[]", b"5", b"{}", json.dumps(good), json.dumps({**good, "request_id": [1]})):
            client.publish(requester.reply_channel, data)
        shop.gate.set()
        assert call.result() == {"unblocked": True}
        duplicate = json.dumps({**good, "request_id": call.request_id})
        client.publish(requester.reply_channel, duplicate)
        assert requester.call(shop.name, "echo", {"a": 1}) == {"a": 1}


def test_a_closed_caller_that_is_used_again_connects_again(caller: DaebusCaller) -> None:
    for number in range(5):
        assert caller.send_request("echo", {"n": number}) == {"n": number}
        caller.close()
        caller.close()


def test_closing_a_caller_leaves_the_calls_of_other_threads_alone(shop: Shop, caller: DaebusCaller) -> None:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(caller.send_request("block", timeout=60)))
    thread.start()
    eventually(lambda: shop.notes)
    caller.close()
    shop.gate.set()
    thread.join(10)
    assert results == [{"unblocked": True}]
    assert caller._requester._publisher is None
    assert caller._requester._replies is None


def test_handlers_may_close_a_caller_that_they_share(shop: Shop, caller: DaebusCaller) -> None:
    problems: list[Exception] = []

    def ask_and_close() -> None:
        for number in range(20):
            try:
                assert caller.send_request("echo", {"n": number}) == {"n": number}
            except Exception as error:
                problems.append(error)
            finally:
                caller.close()

    threads = [threading.Thread(target=ask_and_close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_closing_a_requester_ends_its_calls_at_once(shop: Shop) -> None:
    requester = Requester(shop.url, timeout=60)
    call = requester.start(shop.name, "block")
    requester.close()
    with pytest.raises(ConnectionLost, match="closed while waiting"):
        call.result()


def test_three_hundred_threads_share_one_caller(redis_url: str, name: str) -> None:
    app = Daebus(name, max_workers=8)

    @app.action("echo")
    def echo() -> dict[str, Any]:
        return {"n": request.payload["n"], "id": request.request_id}

    results: dict[int, Any] = {}
    with serving(app, redis_url, name), DaebusCaller(name, redis_url=redis_url, timeout=60) as caller:

        def ask(number: int) -> None:
            results[number] = caller.send_request("echo", {"n": number}, request_id=f"id-{number}")

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(300)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {number: {"n": number, "id": f"id-{number}"} for number in range(300)}
        assert caller._requester.pending == 0


def test_slow_handlers_run_side_by_side_whatever_came_before(redis_url: str, name: str) -> None:
    app = Daebus(name, max_workers=8)
    meeting = threading.Barrier(8)

    @app.action("meet")
    def meet() -> dict[str, Any]:
        if request.payload.get("wait"):
            meeting.wait(20)
        return {}

    with serving(app, redis_url, name), Requester(redis_url, timeout=30) as requester:
        for _ in range(20):
            requester.call(name, "meet")
        calls = [requester.start(name, "meet", {"wait": True}) for _ in range(8)]
        assert [call.result() for call in calls] == [{}] * 8
