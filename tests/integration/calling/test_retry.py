"""Requests that are asked again: which, how often, and that they are known to belong together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from daebus import (
    AsyncDaebusCaller,
    ConnectionLost,
    Daebus,
    DaebusCaller,
    PermissionDenied,
    RedisRefused,
    RedisUnavailable,
    RequestFailed,
    RequestTimeout,
    Retry,
    ServiceUnavailable,
    cache,
    request,
    response,
)
from daebus.client.retry import LONGEST, Attempts, passes
from daebus.errors import PayloadError, RequestCancelled
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer

QUICK = Retry(attempts=4, delay=0.01, factor=1)


@dataclass
class Flaky:
    """An app whose action `do` ends in one of the given ways, one after the other, and then well."""

    name: str
    ways: list[Callable[[], Any]]
    seen: list[dict[str, Any]] = field(default_factory=list)

    def app(self) -> Daebus:
        app = Daebus(self.name, max_workers=4)

        @app.action("do")
        def do() -> Any:
            self.seen.append(request.raw)
            return self.ways.pop(0)() if self.ways else {"done": len(self.seen)}

        return app


def fails(code: str) -> Callable[[], Any]:
    return lambda: response.error("not now", code=code)


def raises() -> Any:
    raise LookupError("no idea")


def threads(url: str, name: str, action: str = "do", retry: Retry | None = QUICK, **options: Any) -> Any:
    timeout = options.pop("caller_timeout", 10)
    with DaebusCaller(name, redis_url=url, retry=retry, timeout=timeout) as caller:
        return caller.send_request(action, **options)


def tasks(url: str, name: str, action: str = "do", retry: Retry | None = QUICK, **options: Any) -> Any:
    timeout = options.pop("caller_timeout", 10)

    async def main() -> Any:
        async with AsyncDaebusCaller(name, redis_url=url, retry=retry, timeout=timeout) as caller:
            return await caller.send_request(action, **options)

    return asyncio.run(main())


@pytest.fixture(params=[threads, tasks])
def ask(request: pytest.FixtureRequest) -> Callable[..., Any]:
    found: Callable[..., Any] = request.param
    return found


def test_what_may_be_handled_twice_is_asked_again(ask: Callable[..., Any], redis_url: str, name: str) -> None:
    flaky = Flaky(name, [fails("busy"), fails("shutting_down"), fails("redis_refused")])
    with serving(flaky.app(), redis_url, name):
        assert ask(redis_url, name, idempotent=True, payload={"a": 1}, request_id="first") == {"done": 4}
    # Each has an id of its own, and names the first.
    ids = [one["request_id"] for one in flaky.seen]
    assert ids[0] == "first"
    assert len(set(ids)) == 4
    assert [one.get("retry_of") for one in flaky.seen] == [None, "first", "first", "first"]
    assert [one["payload"] for one in flaky.seen] == [{"a": 1}] * 4


@pytest.mark.parametrize(
    ("options", "way", "error"),
    [
        ({"idempotent": False}, fails("busy"), RequestFailed),
        ({"idempotent": True, "retry": None}, fails("busy"), RequestFailed),
        ({"idempotent": True, "retry": Retry(attempts=1)}, fails("busy"), RequestFailed),
        ({"idempotent": True}, fails("out_of_stock"), RequestFailed),
        ({"idempotent": True}, raises, RequestFailed),
        ({"idempotent": True, "action": "nothing"}, None, RequestFailed),
        ({"idempotent": True, "payload": {"a": object()}}, None, PayloadError),
        ({"idempotent": True, "timeout": 0}, None, RequestTimeout),
    ],
)
def test_all_else_is_asked_once(
    ask: Callable[..., Any], redis_url: str, name: str, options: dict[str, Any], way: Any, error: type[Exception]
) -> None:
    flaky = Flaky(name, [way] if way else [])
    with serving(flaky.app(), redis_url, name), pytest.raises(error) as raised:
        ask(redis_url, name, **options)
    assert len(flaky.seen) == (1 if way else 0)
    assert not hasattr(raised.value, "__notes__")


def test_the_last_failure_is_told_with_how_often_it_was_asked(
    ask: Callable[..., Any], redis_url: str, name: str
) -> None:
    flaky = Flaky(name, [fails("busy")] * 9)
    with serving(flaky.app(), redis_url, name), pytest.raises(RequestFailed) as raised:
        ask(redis_url, name, idempotent=True)
    assert raised.value.code == "busy"
    assert raised.value.__notes__ == ["Asked 4 times, within 10 s in all; before: RequestFailed: not now"]
    assert len(flaky.seen) == 4


def test_a_service_that_is_not_there_yet_is_waited_for(ask: Callable[..., Any], redis_url: str, name: str) -> None:
    app = Flaky(name, []).app()
    found: list[Any] = []
    patient = Retry(attempts=1000, delay=0.01, factor=1)
    thread = threading.Thread(target=lambda: found.append(ask(redis_url, name, idempotent=True, retry=patient)))
    thread.start()
    with serving(app, redis_url, name):
        thread.join(20)
    assert found == [{"done": 1}]


def test_the_time_of_the_call_is_that_of_all_attempts(ask: Callable[..., Any], redis_url: str, name: str) -> None:
    for patience in (Retry(attempts=1000, delay=0.01, factor=1), Retry(attempts=1000, delay=1e6)):
        with pytest.raises((ServiceUnavailable, RequestTimeout)) as raised:
            ask(redis_url, name, idempotent=True, retry=patience, caller_timeout=1)
        # Where the time is over in the middle of the last attempt, what it was before is told with it.
        assert "nobody serves" in "\n".join([str(raised.value), *getattr(raised.value, "__notes__", ())])


def test_an_attempt_that_takes_too_long_is_given_up_for_the_next(
    ask: Callable[..., Any], redis_url: str, name: str
) -> None:
    gate = threading.Event()
    flaky = Flaky(name, [lambda: {"late": gate.wait(20)}])
    with serving(flaky.app(), redis_url, name):
        # On a busy machine one may be over before it was handled.
        retry = Retry(attempts=50, delay=0, attempt_timeout=0.1)
        assert ask(redis_url, name, idempotent=True, retry=retry)["done"] >= 2
        gate.set()
    assert flaky.seen[0]["timeout"] == 0.1


def test_what_has_begun_to_answer_is_not_asked_again(ask: Callable[..., Any], redis_url: str, name: str) -> None:
    def partly() -> Any:
        response.send({"step": 1}, final=False)
        return response.error("no more", code="busy")

    flaky = Flaky(name, [fails("busy"), partly])
    steps: list[Any] = []
    with serving(flaky.app(), redis_url, name), pytest.raises(RequestFailed, match="no more"):
        ask(redis_url, name, idempotent=True, on_progress=steps.append)
    assert steps == [{"step": 1}]
    assert len(flaky.seen) == 2


def test_a_lost_connection_is_made_again(ask: Callable[..., Any], own_redis: RedisServer, name: str) -> None:
    def lose() -> Any:
        cache.execute_command("CLIENT", "KILL", "TYPE", "PUBSUB")
        return {"lost": True}

    flaky = Flaky(name, [lose])
    with serving(flaky.app(), own_redis.url, name):
        retry = Retry(attempts=1000, delay=0.02, factor=1)
        assert ask(own_redis.url, name, idempotent=True, retry=retry) == {"done": 2}


def test_actions_called_like_functions_may_be_asked_again(redis_url: str, name: str) -> None:
    flaky = Flaky(name, [fails("busy")])
    with serving(flaky.app(), redis_url, name), DaebusCaller(name, redis_url=redis_url, retry=QUICK) as caller:
        assert caller.actions(idempotent=True).do(a=1) == {"done": 2}
        flaky.ways.append(fails("busy"))
        with pytest.raises(RequestFailed):
            caller.actions.do()


def test_pauses_grow_and_vary() -> None:
    retry = Retry(attempts=5, delay=0.1, factor=3, jitter=0.5)
    assert [retry.pause(attempt, 0) for attempt in (1, 2, 3)] == pytest.approx([0.1, 0.3, 0.9])
    assert retry.pause(1, 1) == pytest.approx(0.15)
    assert retry.pause(1, -1) == pytest.approx(0.05)
    assert Retry(delay=1, factor=1e300).pause(900, 0) == LONGEST
    assert Retry(delay=0).pause(3, 1) == 0


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (ServiceUnavailable("x"), True),
        (RedisUnavailable("x"), True),
        (ConnectionLost("x"), True),
        (RedisRefused("x", "OOM"), True),
        (RequestTimeout("x"), True),
        (RequestFailed("x", "busy"), True),
        (RequestFailed("x", "expired"), False),
        (RequestFailed("x", None), False),
        (PermissionDenied("x", "NOPERM"), False),
        (RequestCancelled("x"), False),
        (PayloadError("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_passes(error: Any, again: bool) -> None:
    assert passes(error) is again


def test_no_pause_reaches_beyond_the_end() -> None:
    attempts = Attempts(Retry(attempts=9, delay=1, factor=1, jitter=0), 3.0, "id", 100.0)
    assert attempts.begin(100.0).timeout == 3.0
    assert attempts.pause(ServiceUnavailable("x"), 101.5) == 1
    assert attempts.begin(102.5).timeout == 0.5
    assert attempts.pause(ServiceUnavailable("x"), 102.6) is None
