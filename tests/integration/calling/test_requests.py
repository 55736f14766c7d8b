"""Requests and their answers over a real Redis."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any
from unittest.mock import AsyncMock

import pytest
import redis

from daebus import (
    AlreadyAnswered,
    AsyncDaebusCaller,
    ConfigurationError,
    ConnectionLost,
    Daebus,
    DaebusCaller,
    DaebusError,
    PayloadError,
    RequestCancelled,
    Requester,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
    broadcast,
    cache,
    logger,
    request,
    response,
)
from tests.support.framework_services import Tap, serving
from tests.support.waiting import eventually


class Shop:
    """A service of this test, with what its handlers noticed."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.notes: list[Any] = []
        self.gate = threading.Event()
        self.app = Daebus(name, max_workers=4, max_queue=5)
        self._register(self.app)

    def _register(self, app: Daebus) -> None:
        @app.action("echo")
        def echo() -> int:
            """Give the payload back.

            And more text.
            """
            return response.send(request.payload)

        @app.action("about")
        def about() -> dict[str, Any]:
            return {
                "service": request.service,
                "request_id": request.request_id,
                "parent_id": request.parent_id,
                "reply_to": request.reply_to,
                "timeout": request.timeout,
                "old_style": app.request.payload is request.payload,
            }

        @app.action("steps")
        def steps() -> int:
            for number in range(request.payload.get("count", 3)):
                response.send({"step": number}, final=False)
            response.progress({"almost": True}, 250)
            return response.success({"done": True})

        @app.action("raise")
        def fail() -> None:
            raise LookupError("not on the shelf")

        @app.action("error")
        def error() -> int:
            return response.error("out of stock", code="stock")

        @app.action("error_from_exception")
        def error_from_exception() -> int:
            return response.error(KeyError("id"))

        @app.action("nothing")
        def nothing() -> None: ...

        @app.action("partial_only")
        def partial_only() -> int:
            return response.send({}, final=False)

        @app.action("exit")
        def leave() -> None:
            raise SystemExit(3)

        @app.action("unwritable")
        def unwritable() -> int:
            return response.send({"when": {1j, 2}})

        @app.action("unwritable_return")
        def unwritable_return() -> dict[str, Any]:
            return {"when": float("nan")}

        @app.action("twice")
        def twice() -> None:
            response.send({"first": True})
            try:
                response.send({"second": True})
            except AlreadyAnswered as problem:
                self.notes.append(problem)
                raise

        @app.action("note")
        def note() -> None:
            self.notes.append(request.payload)
            self.notes.append(response.send({"ignored": True}))

        @app.action("block")
        def block() -> dict[str, Any]:
            self.notes.append("blocking")
            self.gate.wait(20)
            return {"unblocked": True}


@pytest.fixture
def shop(redis_url: str, name: str) -> Iterator[Shop]:
    shop = Shop(redis_url, name)
    with serving(shop.app, redis_url, name):
        yield shop
        shop.gate.set()


@pytest.fixture
def caller(shop: Shop) -> Iterator[DaebusCaller]:
    with DaebusCaller(shop.name, redis_url=shop.url, name="web") as caller:
        yield caller


def failure(caller: DaebusCaller, action: str, payload: dict[str, Any] | None = None) -> RequestFailed:
    begun = time.monotonic()
    with pytest.raises(RequestFailed) as caught:
        caller.send_request(action, payload, timeout=20)
    assert time.monotonic() - begun < 10, "an error is not to wait for the timeout"
    return caught.value


def test_a_request_is_answered(caller: DaebusCaller) -> None:
    payload = {"text": "grüß \u2028 \U0001f600", "deep": [{"a": [1, None, True, 1e300]}]}
    assert caller.send_request("echo", payload) == payload
    assert caller.send_request("echo") == {}


def test_ten_megabytes_there_and_back(caller: DaebusCaller) -> None:
    payload = {"data": "x" * 10_000_000}
    assert caller.send_request("echo", payload, timeout=30) == payload


def test_what_the_handler_knows_of_the_request(caller: DaebusCaller) -> None:
    about = caller.send_request("about", {}, timeout=7, request_id="mine")
    assert about["service"] == "web"
    assert about["request_id"] == "mine"
    assert about["parent_id"] is None
    assert about["reply_to"].startswith("caller:")
    assert about["timeout"] == 7
    assert about["old_style"] is True


def test_partial_responses_go_to_on_progress_on_the_thread_that_waits(caller: DaebusCaller) -> None:
    seen: list[tuple[Any, int]] = []
    final = caller.send_request("steps", on_progress=lambda part: seen.append((part, threading.get_ident())))
    assert final == {"done": True}
    assert [part for part, _ in seen] == [
        {"step": 0},
        {"step": 1},
        {"step": 2},
        {"almost": True, "progress_percentage": 100},
    ]
    assert {ident for _, ident in seen} == {threading.get_ident()}


def test_an_async_on_progress_is_refused_where_nothing_would_await_it(caller: DaebusCaller) -> None:
    async def told(part: object) -> None: ...

    class Teller:
        async def __call__(self, part: object) -> None: ...

    for awaited in (told, Teller(), partial(Teller()), AsyncMock()):
        with pytest.raises(ConfigurationError, match="on_progress must be a plain function and not an async one"):
            caller.send_request("steps", on_progress=awaited)


def test_a_generator_as_on_progress_is_refused_since_nothing_would_go_through_it(
    caller: DaebusCaller, redis_url: str
) -> None:
    def goes(part: object) -> Iterator[object]:
        yield part

    async def goes_on(part: object) -> AsyncIterator[object]:
        yield part

    class Teller:
        def __call__(self, part: object) -> Iterator[object]:
            yield part

    async def ask(on_progress: Any) -> None:
        async with AsyncDaebusCaller(caller.target_service, redis_url=redis_url) as other:
            await other.send_request("steps", on_progress=on_progress)

    told = r"on_progress must be a .*function.*, which nothing would"
    for generator in (goes, goes_on, Teller(), partial(goes)):
        with pytest.raises(ConfigurationError, match=told):
            caller.send_request("steps", on_progress=generator)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match=told):
            asyncio.run(ask(generator))


def test_on_progress_may_call_the_same_caller(caller: DaebusCaller) -> None:
    seen = []
    caller.send_request("steps", on_progress=lambda part: seen.append(caller.send_request("echo", part)))
    assert len(seen) == 4


def test_a_stream_gives_the_parts_and_then_the_final_payload(caller: DaebusCaller) -> None:
    parts = list(caller.stream_request("steps", {"count": 2}))
    assert parts[:2] == [{"step": 0}, {"step": 1}]
    assert parts[-1] == {"done": True}
    with pytest.raises(RequestFailed, match="not on the shelf"):
        list(caller.stream_request("raise"))


@pytest.mark.parametrize(
    ("action", "message", "code", "kind"),
    [
        ("raise", "not on the shelf", "handler_error", "LookupError"),
        ("error", "out of stock", "stock", None),
        ("error_from_exception", "'id'", None, "KeyError"),
        ("nothing", "action 'nothing' ended without a final response", "no_response", None),
        ("partial_only", "action 'partial_only' ended without a final response", "no_response", None),
        ("exit", "3", "handler_error", "SystemExit"),
        ("unwritable", "cannot be written as JSON", "handler_error", "PayloadError"),
        ("unwritable_return", "cannot be written as JSON", "handler_error", "PayloadError"),
        ("nope", "unknown action 'nope'", "unknown_action", None),
    ],
)
def test_every_failure_is_an_error_at_once(
    caller: DaebusCaller, action: str, message: str, code: str | None, kind: str | None
) -> None:
    error = failure(caller, action)
    assert message in str(error)
    assert (error.code, error.type) == (code, kind)
    assert error.payload["error"] == error.message
    assert "traceback" not in error.payload
    assert isinstance(error, DaebusError)
    assert caller.send_request("echo", {"still": "alive"}) == {"still": "alive"}


def test_a_second_response_after_the_final_one_is_not_sent(shop: Shop, caller: DaebusCaller) -> None:
    with Tap(shop.url, "replies") as tap:
        message = {"action": "twice", "payload": {}, "reply_to": "replies", "request_id": "r"}
        with redis.Redis.from_url(shop.url) as client:
            client.publish(shop.name, json.dumps(message))
        assert json.loads(tap.next()[1])["payload"] == {"first": True}
        eventually(lambda: shop.notes)
        assert "has sent its final response already" in str(shop.notes[0])
        caller.send_request("echo")
        assert len(tap.collect(0.1)) == 1


def test_a_payload_that_cannot_be_sent_is_told_before_anything_is_sent(shop: Shop, caller: DaebusCaller) -> None:
    for payload in ([1], "text", {"a": object()}, {"a": float("nan")}):
        with pytest.raises(PayloadError):
            caller.send_request("note", payload)  # type: ignore[arg-type] # that is the point
        with pytest.raises(PayloadError):
            caller.send_message("note", payload)  # type: ignore[arg-type] # that is the point
    assert shop.notes == []


def test_nobody_there_is_told_at_once_even_while_a_console_watches(redis_url: str, name: str) -> None:
    with redis.Redis.from_url(redis_url) as client, client.pubsub() as tap:
        tap.psubscribe("*")
        tap.get_message(timeout=5)
        with DaebusCaller(name, redis_url=redis_url) as caller:
            begun = time.monotonic()
            with pytest.raises(ServiceUnavailable, match=f"nobody serves '{name}'"):
                caller.send_request("x", timeout=30)
            assert time.monotonic() - begun < 10


@pytest.mark.parametrize("timeout", [1e12, 1e300, float("inf")])
def test_a_timeout_may_be_as_long_as_it_likes(caller: DaebusCaller, timeout: float) -> None:
    assert caller.send_request("echo", {"a": 1}, timeout=timeout) == {"a": 1}
    assert list(caller.stream_request("echo", {"a": 2}, timeout=timeout)) == [{"a": 2}]


def test_the_timeout_bounds_the_whole_call(shop: Shop, caller: DaebusCaller) -> None:
    begun = time.monotonic()
    with pytest.raises(RequestTimeout, match=r"no answer from .* to 'block' within 0.3 s") as caught:
        caller.send_request("block", timeout=0.3)
    assert 0.3 <= time.monotonic() - begun < 9
    assert isinstance(caught.value, TimeoutError)
    shop.gate.set()
    assert caller.send_request("echo", {"next": 1}) == {"next": 1}
    assert caller._requester.pending == 0


@pytest.mark.parametrize("timeout", [0, -1])
def test_no_time_means_nothing_is_sent(shop: Shop, caller: DaebusCaller, timeout: float) -> None:
    with pytest.raises(RequestTimeout, match="nothing was sent"):
        caller.send_request("note", {}, timeout=timeout)
    caller.send_request("echo")
    assert shop.notes == []


@pytest.mark.parametrize("timeout", [float("nan"), "5", True])
def test_a_timeout_that_cannot_be(caller: DaebusCaller, timeout: Any) -> None:
    with pytest.raises(ConfigurationError):
        caller.send_request("echo", timeout=timeout)


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


def test_one_way_messages_are_handled_and_never_answered(shop: Shop, caller: DaebusCaller) -> None:
    with Tap(shop.url, f"{shop.name}.responses", "None.responses") as tap:
        assert caller.send_message("note", {"way": "message"}) == 1
        assert caller.send_to_service({"way": "service"}, action="note") == 1
        assert caller.send_to_service({"action": "note", "way": "flat"}) == 1
        eventually(lambda: len(shop.notes) == 6)
        assert sorted(note["way"] for note in shop.notes if note) == ["flat", "message", "service"]
        assert [note for note in shop.notes if not note] == [0, 0, 0]
        caller.send_message("nope", {})
        caller.send_request("echo")
        assert tap.collect(0.1) == []


def test_a_request_with_an_id_and_no_reply_to_is_answered_for_whoever_listens(shop: Shop) -> None:
    with Tap(shop.url, f"{shop.name}.responses") as tap, redis.Redis.from_url(shop.url) as client:
        client.publish(shop.name, json.dumps({"action": "echo", "payload": {"a": 1}, "request_id": 7}))
        answer = json.loads(tap.next()[1])
        assert (answer["payload"], answer["request_id"], answer["final"]) == ({"a": 1}, 7, True)


BAD: list[tuple[Any, str]] = [
    ({"payload": {}}, "has no `action`"),
    ({"action": 5, "payload": {}}, "`action` must be text"),
    ({"action": "echo", "payload": 5}, "`payload` must be a JSON object, not a number"),
    ({"action": "echo", "payload": [1]}, "`payload` must be a JSON object, not a list"),
    ({"action": "echo", "payload": "text"}, "`payload` is text that is not JSON"),
]


@pytest.mark.parametrize(("message", "reason"), BAD)
def test_a_bad_request_is_answered_as_such(
    shop: Shop, message: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        Tap(shop.url, "replies") as tap,
        redis.Redis.from_url(shop.url) as client,
        caplog.at_level(logging.WARNING, "daebus"),
    ):
        client.publish(shop.name, json.dumps({**message, "reply_to": "replies", "request_id": 17}))
        answer = json.loads(tap.next()[1])
        assert (answer["status"], answer["final"], answer["request_id"]) == ("error", True, 17)
        assert answer["payload"]["code"] == "bad_request"
        assert reason in answer["payload"]["error"]
    # Dropped is what nobody is told of.
    assert [reason in line and line.endswith("; refused") for line in caplog.messages] == [True]


def test_garbage_is_logged_with_its_channel_and_kills_nothing(
    shop: Shop, caller: DaebusCaller, caplog: pytest.LogCaptureFixture
) -> None:
    garbage = [b"", b"no json", b"\x00\xff" * 100, b"[1, 2]", b"null", b"[" * 200_000, b'{"a": ' * 5000]
    garbage += [b"x" * 10_000_000, b'{"action": "echo", "payload": {}, "reply_to": 5}', b"9" * 10_000]
    with caplog.at_level(logging.WARNING, "daebus"), redis.Redis.from_url(shop.url) as client:
        for data in garbage:
            assert client.publish(shop.name, data) == 1
            assert client.publish(f"daebus.control.{shop.name}", data) == 1
        eventually(lambda: len(caplog.messages) == len(garbage))
        assert caller.send_request("echo", {"still": "alive"}) == {"still": "alive"}
        assert client.pubsub_numsub(shop.name) == [(shop.name.encode(), 1)]
    assert all(repr(shop.name) in line and "\x00" not in line and len(line) < 300 for line in caplog.messages)


def test_a_reply_to_that_names_a_service_channel_starts_no_loop(shop: Shop, caller: DaebusCaller) -> None:
    control = f"daebus.control.{shop.name}"
    with Tap(shop.url, shop.name, control) as tap, redis.Redis.from_url(shop.url) as client:
        sent = 0
        for reply_to in (shop.name, control):
            for channel in (shop.name, control):
                for action in ("echo", "nope", "info", 5):
                    client.publish(channel, json.dumps({"action": action, "reply_to": reply_to, "request_id": "r"}))
                    sent += 1
        caller.send_request("echo")
        # The request itself, and at most one answer for each message; then silence.
        settled = len(tap.collect(0.5))
        assert settled <= 2 * sent + 1
        assert len(tap.collect(0.5)) == settled


def test_beyond_the_queue_a_request_is_told_busy_at_once(shop: Shop) -> None:
    with Requester(shop.url, timeout=30) as requester:
        calls = [requester.start(shop.name, "block") for _ in range(4)]
        eventually(lambda: len(shop.notes) == 4)
        calls += [requester.start(shop.name, "block") for _ in range(5)]
        control = f"daebus.control.{shop.name}"
        eventually(lambda: requester.call(control, "info")["queue"]["size"] == 5)
        with pytest.raises(RequestFailed) as caught:
            requester.call(shop.name, "echo")
        assert caught.value.code == "busy"
        info = requester.call(control, "info")
        assert info["workers"] == {"max": 4, "busy": 4}
        assert info["counts"]["busy"] == 1
        shop.gate.set()
        assert [call.result() for call in calls] == [{"unblocked": True}] * 9


def test_no_work_is_done_for_a_request_that_has_expired(shop: Shop) -> None:
    with Requester(shop.url, timeout=30) as requester:
        calls = [requester.start(shop.name, "block") for _ in range(4)]
        eventually(lambda: len(shop.notes) == 4)
        late = requester.start(shop.name, "note", {"too": "late"}, timeout=0.5)
        service = shop.app._service
        assert service is not None
        eventually(lambda: service.info()["queue"]["size"] == 1)
        # A service counts from when a request came in, for its clock is not that of who asked.
        over = time.monotonic() + 0.6
        with pytest.raises(RequestTimeout):
            late.result()
        eventually(lambda: time.monotonic() > over)
        shop.gate.set()
        assert [call.result() for call in calls] == [{"unblocked": True}] * 4
        control = f"daebus.control.{shop.name}"
        eventually(lambda: requester.call(control, "info")["counts"]["expired"] == 1)
        assert {"too": "late"} not in shop.notes


def _refusal(requester: Requester, service: str) -> DaebusError:
    with pytest.raises(DaebusError) as caught:
        requester.call(service, "echo")
    assert isinstance(caught.value, ServiceUnavailable) or getattr(caught.value, "code", None) == "shutting_down"
    return caught.value


def test_a_stopping_service_finishes_what_runs_and_answers_the_rest(redis_url: str, name: str) -> None:
    shop = Shop(redis_url, name)
    shop.app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=30) as requester:
        running = [requester.start(name, "block") for _ in range(4)]
        eventually(lambda: len(shop.notes) == 4)
        waiting = [requester.start(name, "block") for _ in range(5)]
        eventually(lambda: requester.call(f"daebus.control.{name}", "info")["queue"]["size"] == 5)
        stopping = threading.Thread(target=shop.app.stop)
        stopping.start()
        for call in waiting:
            with pytest.raises(RequestFailed) as caught:
                call.result()
            assert caught.value.code == "shutting_down"
        eventually(lambda: isinstance(_refusal(requester, name), ServiceUnavailable))
        shop.gate.set()
        assert [call.result() for call in running] == [{"unblocked": True}] * 4
        stopping.join()
    assert not shop.app.running


def test_what_outlasts_the_grace_period_is_answered_too(redis_url: str, name: str) -> None:
    shop = Shop(redis_url, name)
    shop.app.start(service=name, redis_url=redis_url)
    with Requester(redis_url, timeout=30) as requester:
        call = requester.start(name, "block")
        eventually(lambda: shop.notes)
        shop.app.stop(grace=0.1)
        with pytest.raises(RequestFailed) as caught:
            call.result()
        assert caught.value.code == "shutting_down"
    shop.gate.set()


def test_an_app_can_be_started_again(redis_url: str, name: str) -> None:
    shop = Shop(redis_url, name)
    with DaebusCaller(name, redis_url=redis_url) as caller:
        for _ in range(3):
            with serving(shop.app, redis_url, name):
                assert caller.send_request("echo", {"a": 1}) == {"a": 1}
                with pytest.raises(ConfigurationError, match="runs already"):
                    shop.app.start(service=name, redis_url=redis_url)
            with pytest.raises(ServiceUnavailable):
                caller.send_request("echo")


def test_unknown_actions_are_left_to_a_service_that_shares_the_channel(redis_url: str, name: str) -> None:
    first, second = Daebus(name, unknown_action="ignore"), Daebus(name, unknown_action="ignore")
    first.action("one")(lambda: {"from": 1})
    second.action("two")(lambda: {"from": 2})
    caller = DaebusCaller(name, redis_url=redis_url)
    with serving(first, redis_url, name), serving(second, redis_url, name), caller:
        assert caller.send_request("one") == {"from": 1}
        assert caller.send_request("two") == {"from": 2}
        with pytest.raises(RequestTimeout):
            caller.send_request("three", timeout=0.2)


def test_a_call_from_a_handler_names_its_service_and_its_parent(shop: Shop, redis_url: str, name: str) -> None:
    gateway = Daebus("gateway")
    inner = DaebusCaller(name)

    @gateway.action("ask")
    def ask() -> dict[str, Any]:
        return {"inner": inner.send_request("about")}

    with serving(gateway, redis_url, f"{name}.gateway"), DaebusCaller(f"{name}.gateway", redis_url=redis_url) as caller:
        about = caller.send_request("ask", request_id="outer")["inner"]
        assert about["service"] == f"{name}.gateway"
        assert about["parent_id"] == "outer"
        inner.close()


def test_info_tells_all_about_the_instance(shop: Shop) -> None:
    with Requester(shop.url) as requester:
        requester.call(shop.name, "echo")
        control = f"daebus.control.{shop.name}"
        eventually(lambda: requester.call(control, "info")["counts"]["handled"] == 1)
        info = requester.call(control, "info")
        assert {
            "service",
            "instance",
            "version",
            "pid",
            "host",
            "started",
            "features",
            "debugger",
            "actions",
            "listens",
            "background",
            "workers",
            "queue",
            "counts",
            "debug",
            "shared",
            "redis",
        } == set(info)
        assert info["actions"][0] == {"name": "echo", "doc": "Give the payload back."}
        assert info["counts"]["received"] == 1
        with pytest.raises(RequestFailed) as caught:
            requester.call(f"daebus.control.{shop.name}", "dance")
        assert caught.value.code == "unknown_action"


def test_debug_logs_each_message_and_sends_tracebacks(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop(redis_url, name)
    with serving(shop.app, redis_url, name, debug=True), DaebusCaller(name, redis_url=redis_url, name="web") as caller:
        caller.send_request("echo", request_id="r-1")
        error = failure(caller, "raise")
        assert "LookupError: not on the shelf" in error.payload["traceback"]
    lines = [line for line in caplog.messages if "r-1" in line]
    assert lines[0] == f"<- {name} 'echo' id='r-1' from 'web'"
    assert lines[1].startswith(f"-> {name} 'echo' id='r-1' from 'web' success after ")
    assert lines[1].endswith(" ms")
    assert logging.getLogger("daebus").level == logging.NOTSET


@pytest.mark.parametrize("first", [0, 1])
def test_everything_is_logged_as_long_as_one_app_wants_it(redis_url: str, name: str, first: int) -> None:
    logger = logging.getLogger("daebus")
    apps = [Daebus(f"{name}{number}") for number in range(2)]
    for app in apps:
        app.start(redis_url=redis_url, debug=True)
    apps[first].stop()
    assert logger.level == logging.DEBUG
    apps[1 - first].stop()
    assert logger.level == logging.NOTSET


def test_debug_logs_what_a_service_sends_and_what_nobody_is_answered(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    caller, other = DaebusCaller(name), AsyncDaebusCaller(name)

    @app.action("go")
    def go() -> dict[str, Any]:
        caller.send_request("inner")
        caller.send_message("note", {"n": 1})
        broadcast.send(f"{name}.events", {"n": 1})
        return {}

    @app.action("go_async")
    async def go_async() -> dict[str, Any]:
        with pytest.raises(RequestFailed):
            await other.send_request("gone")
        await other.send_message("fail")
        return {}

    @app.action("inner")
    def inner() -> dict[str, Any]:
        return {}

    @app.action("note")
    def note() -> None:
        pass

    @app.action("fail")
    def fail() -> None:
        raise ValueError("no")

    with serving(app, redis_url, name, debug=True), DaebusCaller(name, redis_url=redis_url, name="web") as web:
        web.send_request("go")
        web.send_request("go_async")
        lines = "\n".join(re.sub(r"id='\w+'|[\d.]+ ms", "…", line) for line in caplog.messages)
        eventually(lambda: any(line.startswith(f"-- {name} 'fail'") for line in caplog.messages))
        eventually(lambda: any(line.startswith(f"-- {name} 'note'") for line in caplog.messages))
    for line in (
        f"=> {name} asks {name} 'inner' …",
        f"<= {name} {name} 'inner' … ok after …",
        f"=> {name} tells {name} 'note' …",
        f"=> {name} broadcasts on '{name}.events' (7 bytes)",
        f"<= {name} {name} 'gone' … unknown_action after …",
        f"=> {name} tells {name} 'fail' …",
    ):
        assert line in lines.splitlines()
    (failed,) = [line for line in caplog.messages if line.startswith(f"-- {name} 'fail'")]
    assert " ValueError after " in failed
    assert "id=None" not in "".join(caplog.messages)
    assert not [line for line in caplog.messages if line.startswith((f"-> {name} 'note'", f"-> {name} 'fail'"))]


def test_listeners_hear_broadcasts_and_one_that_raises_harms_none(
    redis_url: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Daebus(name)
    heard: list[Any] = []

    @app.listen(f"{name}.events")
    def bad(data: Any) -> None:
        logger.info("about to fail")
        raise ValueError("deaf")

    @app.listen(f"{name}.events")
    def good(data: Any) -> None:
        cache.set(name, json.dumps(data))
        heard.append(json.loads(cache[name]))
        broadcast.send(f"{name}.heard", data)

    with serving(app, redis_url, name), Tap(redis_url, f"{name}.heard") as tap:
        with redis.Redis.from_url(redis_url) as client:
            for data in (b"\xff", b"[1]", b"5", b"null"):
                client.publish(f"{name}.events", data)
        assert broadcast.send(f"{name}.events", {"type": "x"}) == 1
        assert json.loads(tap.next()[1]) == {"type": "x"}
        assert heard == [{"type": "x"}]
    assert sum("is JSON, but no object" in line or "not UTF-8" in line for line in caplog.messages) == 4
    with pytest.raises(PayloadError):
        broadcast.send("c", [1])  # type: ignore[arg-type] # that is the point
    with pytest.raises(PayloadError):
        broadcast.send("", {})
