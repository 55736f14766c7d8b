"""What is too large or cannot be read is refused by who sends it, and whoever asked is told."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from daebus import (
    AsyncDaebusCaller,
    Daebus,
    DaebusCaller,
    PayloadError,
    Requester,
    RequestFailed,
    broadcast,
    request,
    response,
)
from tests.support.framework_services import Tap, serving

LIMIT = 10_000
LARGE = {"text": "x" * LIMIT}
DEEP: dict[str, Any] = {}
for _ in range(300):
    DEEP = {"a": DEEP}


@pytest.fixture
def service(redis_url: str, name: str) -> Iterator[str]:
    app = Daebus(name, max_message=LIMIT)
    app.action("size")(lambda: {"size": len(request.payload["text"])})
    app.action("large")(lambda: LARGE)
    app.action("deep")(lambda: DEEP)
    app.action("digits")(lambda: {"n": 10**5000})
    app.action("tell")(lambda: {"got": broadcast.send(f"{name}.news", LARGE)})

    @app.action("partly")
    def partly() -> dict[str, Any]:
        response.send(LARGE, final=False)
        return {}

    with serving(app, redis_url, name):
        yield name


@pytest.mark.parametrize("action", ["large", "deep", "digits", "partly", "tell"])
def test_an_answer_that_cannot_be_sent_becomes_an_error(redis_url: str, service: str, action: str) -> None:
    with DaebusCaller(service, redis_url=redis_url) as caller, pytest.raises(RequestFailed) as caught:
        caller.send_request(action)
    assert (caught.value.code, caught.value.type) == ("handler_error", "PayloadError")
    words = {"deep": "nested too deeply", "digits": "more than 4300 digits"}
    assert words.get(action, "max_message is 10,000") in caught.value.message


SENDING: dict[str, Callable[[DaebusCaller, Any], Any]] = {
    "request": lambda caller, payload: caller.send_request("size", payload),
    "stream": lambda caller, payload: next(iter(caller.stream_request("size", payload))),
    "one_way": lambda caller, payload: caller.send_message("size", payload),
    "bare": lambda caller, payload: caller.send_to_service(payload),
    "broadcast": lambda _caller, payload: broadcast.send("news", payload),
}


@pytest.mark.parametrize("way", SENDING)
@pytest.mark.parametrize("payload", [LARGE, DEEP, {"n": 10**5000}], ids=["large", "deep", "digits"])
def test_whoever_sends_it_is_told_and_nothing_is_sent(redis_url: str, service: str, way: str, payload: Any) -> None:
    with (
        Tap(redis_url, service, "news") as tap,
        DaebusCaller(service, redis_url=redis_url, max_message=LIMIT) as caller,
    ):
        with pytest.raises(PayloadError):
            SENDING[way](caller, payload)
        assert caller.send_request("size", {"text": "x" * (LIMIT - 1000)}) == {"size": LIMIT - 1000}
        assert len(tap.collect(0.05)) == 1


@pytest.mark.parametrize("payload", [LARGE, DEEP, {"n": 10**5000}], ids=["large", "deep", "digits"])
def test_the_same_from_asyncio(redis_url: str, service: str, payload: Any) -> None:
    async def main() -> None:
        async with AsyncDaebusCaller(service, redis_url=redis_url, max_message=LIMIT) as caller:
            for sending in (
                caller.send_request("size", payload),
                anext(caller.stream_request("size", payload)),
                caller.send_message("size", payload),
                caller.send_to_service(payload),
            ):
                with pytest.raises(PayloadError):
                    await sending
            assert await caller.send_request("size", {"text": "x" * 5000}) == {"size": 5000}

    asyncio.run(main())


def test_by_default_16_mib_are_the_most(redis_url: str, service: str) -> None:
    with DaebusCaller(service, redis_url=redis_url) as caller:
        assert caller.send_request("size", {"text": "x" * 16_700_000}) == {"size": 16_700_000}
        with pytest.raises(PayloadError, match="max_message is 16,777,216"):
            caller.send_request("size", {"text": "x" * 16_777_216})


def test_the_environment_may_say_how_much(redis_url: str, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAEBUS_MAX_MESSAGE", "500")
    with DaebusCaller(service, redis_url=redis_url) as caller, pytest.raises(PayloadError, match="max_message is 500"):
        caller.send_message("size", {"text": "x" * 500})


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 900 + "]" * 900], ids=["digits", "deep"])
def test_a_foreign_request_that_cannot_be_read_is_a_bad_request(
    redis_url: str, service: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Tap(redis_url, f"{service}.reply") as tap, redis.Redis.from_url(redis_url) as client:
        start = f'{{"action": "size", "reply_to": "{service}.reply", "request_id": "r1", "payload": '
        client.publish(service, f'{start}{{"n": {value}}}}}')
        answer = json.loads(tap.next()[1])
    assert (answer["status"], answer["request_id"], answer["payload"]["code"]) == ("error", "r1", "bad_request")
    assert [record.levelno for record in caplog.records if "refused" in record.getMessage()] == [logging.WARNING]


def test_a_foreign_answer_that_cannot_be_read_fails_the_call(redis_url: str, name: str) -> None:
    with Tap(redis_url, name) as tap, Requester(redis_url) as requester, redis.Redis.from_url(redis_url) as client:
        call = requester.start(name, "size", {})
        asked = json.loads(tap.next()[1])
        client.publish(
            asked["reply_to"], f'{{"request_id": "{asked["request_id"]}", "payload": {{"n": {"9" * 5000}}}}}'
        )
        with pytest.raises(RequestFailed, match="too many digits") as caught:
            call.result()
        assert caught.value.code == "unreadable"
