"""Callers that are not told where to ask: they ask at the Redis of the running service, wherever that is by now."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis

from daebus import (
    AsyncDaebusCaller,
    ConfigurationError,
    Daebus,
    DaebusCaller,
    Requester,
    ServiceUnavailable,
    broadcast,
)
from daebus.testing import TestClient
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


def echo(name: str, where: str) -> Daebus:
    app = Daebus(name)
    app.action("where")(lambda: {"where": where})
    return app


def callers_at(url: str, name: str) -> list[str]:
    """The connections of callers that ask as `name`, beside those of the service of that name."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return sorted(each["addr"] for each in client.client_list() if each["name"] == f"daebus:{name}")


class Both:
    """Asks as a thread or in an event loop that lasts."""

    def __init__(self, name: str) -> None:
        self.caller = DaebusCaller(name)
        self.other = AsyncDaebusCaller(name)
        self.loop = asyncio.new_event_loop()

    def by_thread(self) -> Any:
        return self.caller.send_request("where")

    def by_loop(self) -> Any:
        return self.loop.run_until_complete(self.other.send_request("where"))

    def close(self) -> None:
        self.caller.close()
        self.loop.run_until_complete(self.other.close())
        self.loop.close()


@pytest.mark.parametrize("by", ["by_thread", "by_loop"])
def test_a_caller_goes_along_with_a_service_that_starts_at_another_redis(
    redis_url: str, own_redis: RedisServer, name: str, by: str
) -> None:
    both = Both(name)
    ask: Callable[[], Any] = getattr(both, by)
    for url, where in ((redis_url, "first"), (own_redis.url, "second"), (redis_url, "third")):
        with serving(echo(name, where), url, name):
            assert ask() == {"where": where}
            assert ask() == {"where": where}
    both.close()
    for url in (redis_url, own_redis.url):
        eventually(lambda url=url: callers_at(url, name) == [])  # type: ignore[misc]


@pytest.mark.parametrize("by", ["by_thread", "by_loop"])
def test_a_caller_that_asked_before_there_was_a_service_asks_where_that_is(
    redis_url: str, own_redis: RedisServer, name: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAEBUS_REDIS_URL", redis_url)
    both = Both(name)
    ask: Callable[[], Any] = getattr(both, by)
    with pytest.raises(ServiceUnavailable):
        ask()
    with serving(echo(name, "here"), own_redis.url, name):
        assert ask() == {"where": "here"}
    with pytest.raises(ServiceUnavailable):
        ask()
    both.close()
    monkeypatch.setenv("DAEBUS_REDIS_URL", own_redis.url)
    with pytest.raises(ServiceUnavailable, match=str(own_redis.port)):
        Both.by_thread(both)
    both.caller.close()


def test_of_two_services_each_asks_at_its_own_redis_and_connects_once(
    redis_url: str, own_redis: RedisServer, name: str
) -> None:
    shared = DaebusCaller(f"{name}.data")
    told: dict[str, set[str]] = {"first": set(), "second": set()}

    def gateway(where: str) -> Daebus:
        app = Daebus(name)

        @app.action("ask")
        def ask() -> dict[str, Any]:
            answer: dict[str, Any] = shared.send_request("where")
            told[where].add(answer["where"])
            return answer

        return app

    with (
        serving(echo(f"{name}.data", "first"), redis_url, f"{name}.data"),
        serving(echo(f"{name}.data", "second"), own_redis.url, f"{name}.data"),
        serving(gateway("first"), redis_url, f"{name}.first"),
        serving(gateway("second"), own_redis.url, f"{name}.second"),
        DaebusCaller(f"{name}.first", redis_url=redis_url) as one,
        DaebusCaller(f"{name}.second", redis_url=own_redis.url) as other,
    ):

        def hammer(caller: DaebusCaller) -> None:
            for _ in range(30):
                caller.send_request("ask")

        one.send_request("ask")
        other.send_request("ask")
        names = {redis_url: f"{name}.first", own_redis.url: f"{name}.second"}
        connections = {url: callers_at(url, asks) for url, asks in names.items()}
        threads = [threading.Thread(target=hammer, args=(caller,)) for caller in (one, other) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert told == {"first": {"first"}, "second": {"second"}}
        # Nobody connected anew.
        assert {url: callers_at(url, asks) for url, asks in names.items()} == connections
    shared.close()


def test_a_redis_at_which_no_service_runs_any_more_is_left_by_who_asked_elsewhere_before(
    redis_url: str, own_redis: RedisServer, name: str
) -> None:
    with DaebusCaller(name) as caller, serving(echo(name, "first"), redis_url, name):
        assert caller.send_request("where") == {"where": "first"}
        with serving(echo(name, "second"), own_redis.url, name):
            assert caller.send_request("where") == {"where": "second"}
        assert caller.send_request("where") == {"where": "first"}
        eventually(lambda: callers_at(own_redis.url, name) == [])


def test_who_waits_at_the_redis_that_is_left_has_the_answer_first(
    redis_url: str, own_redis: RedisServer, name: str
) -> None:
    goes_on = threading.Event()
    slow = Daebus(name)

    @slow.action("slow")
    def waits() -> dict[str, Any]:
        assert goes_on.wait(30)
        return {"where": "first"}

    requester = Requester(timeout=30)
    found: list[Any] = []
    slow.start(service=name, redis_url=redis_url)
    waiting = threading.Thread(target=lambda: found.append(requester.call(name, "slow")))
    waiting.start()
    eventually(lambda: requester.pending == 1)
    left = requester._here()
    stopping = threading.Thread(target=slow.stop)
    # The service that was started last is the one that is meant.
    with serving(echo(f"{name}.second", "second"), own_redis.url, f"{name}.second"):
        assert requester.call(f"{name}.second", "where") == {"where": "second"}
        stopping.start()
        goes_on.set()
        waiting.join(30)
        stopping.join(30)
        assert found == [{"where": "first"}]
    with serving(echo(name, "third"), own_redis.url, name):
        assert requester.call(name, "where") == {"where": "third"}
    requester.close()
    assert requester.pending == left.pending == 0
    eventually(lambda: callers_at(redis_url, name) == [])


def test_a_caller_of_a_module_is_used_by_several_tests(name: str) -> None:
    users, gateway = Daebus("users"), Daebus("gateway")
    shared = DaebusCaller("users")
    users.action("get")(lambda: {"id": 7})
    gateway.action("get")(lambda: shared.send_request("get"))
    for _ in range(3):
        with users.test_client() as client, TestClient(gateway, bus=client.bus) as asked:
            assert asked.request("get") == {"id": 7}


@pytest.mark.parametrize("variable", ["DAEBUS_REDIS_URL", "REDIS_URL"])
def test_a_wrong_url_of_the_environment_is_told_with_its_variable(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAEBUS_REDIS_URL", raising=False)
    monkeypatch.setenv(variable, "localhost:6379")
    broadcast.close()
    ways: list[Callable[[], object]] = [
        lambda: Daebus("users").start(),
        lambda: DaebusCaller("users").send_request("get_user"),
        lambda: DaebusCaller("users", sharded=True),
        lambda: asyncio.run(AsyncDaebusCaller("users").send_request("get_user")),
        lambda: AsyncDaebusCaller("users", sharded=True),
        lambda: broadcast.send("news", {}),
    ]
    for way in ways:
        with pytest.raises(ConfigurationError, match=f", from {variable}$"):
            way()
    for way in (lambda: Daebus("users").start(redis_url="localhost"), lambda: DaebusCaller("users", redis_url="host")):
        with pytest.raises(ConfigurationError, match="not a usable Redis URL") as told:
            way()
        assert variable not in str(told.value)
