"""Requests and their answers over a real Redis."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import AsyncMock

import pytest
import redis

from daebus import (
    AsyncDaebusCaller,
    ConfigurationError,
    Daebus,
    DaebusCaller,
    DaebusError,
    PayloadError,
    RequestFailed,
    RequestTimeout,
    ServiceUnavailable,
    response,
)
from tests.integration.shop import Shop, failure
from tests.support.framework_services import Tap, serving
from tests.support.waiting import eventually


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


def test_a_timeout_says_how_many_parts_had_come(redis_url: str, name: str) -> None:
    app, gate = Daebus(name), threading.Event()

    @app.action("parts")
    def parts() -> None:
        response.send({"part": 1}, final=False)
        response.send({"part": 2}, final=False)
        gate.wait(120)

    def ask(timeout: float, told: Callable[[Any], None]) -> None:
        with DaebusCaller(name, redis_url=redis_url) as caller:
            for part in caller.stream_request("parts", timeout=timeout, request_id="r"):
                told(part)

    async def ask_too(timeout: float, told: Callable[[Any], None]) -> None:
        async with AsyncDaebusCaller(name, redis_url=redis_url) as caller:
            await caller.send_request("parts", timeout=timeout, request_id="r", on_progress=told)

    def timed_out(ask: Callable[[float, Callable[[Any], None]], object]) -> str:
        """Why it failed when both parts had come: within how long that is depends on the machine."""
        for timeout in (0.5, 2, 8, 32):
            come: list[Any] = []
            with pytest.raises(RequestTimeout) as caught:
                ask(timeout, come.append)
            if len(come) == 2:
                assert come == [{"part": 1}, {"part": 2}]
                return str(caught.value).replace(f"within {timeout:g} s", "in time")
        raise AssertionError("the parts do not come")

    told = f"no final answer from '{name}' to 'parts' in time, after 2 parts (request r); it may still be handled"
    with serving(app, redis_url, name):
        try:
            assert timed_out(ask) == told
            assert timed_out(lambda timeout, told: asyncio.run(ask_too(timeout, told))) == told
        finally:
            gate.set()


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
