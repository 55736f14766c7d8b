"""What becomes of services and callers when Redis or the connection goes away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from daebus import ConnectionLost, Daebus, DaebusCaller, DaebusError, RequestTimeout, ServiceUnavailable, broadcast
from tests.support.framework_services import serving, subscribers
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault


class Echo:
    """A service that echoes, with a gate in one of its actions."""

    def __init__(self, name: str) -> None:
        self.calls = 0
        self.gate = threading.Event()
        self.app = Daebus(name)
        self.app.action("echo")(lambda: {"a": 1})
        self.app.action("count")(self.count)
        self.app.action("block")(self.block)

    def count(self) -> dict[str, Any]:
        self.calls += 1
        return {}

    def block(self) -> dict[str, Any]:
        self.calls += 1
        self.gate.wait(20)
        return {}


@pytest.fixture
def echo(own_redis: RedisServer, name: str) -> Iterator[Echo]:
    echo = Echo(name)
    with serving(echo.app, own_redis.url, name):
        yield echo
        echo.gate.set()


@pytest.fixture
def caller(own_redis: RedisServer, echo: Echo, name: str) -> Iterator[DaebusCaller]:
    with DaebusCaller(name, redis_url=own_redis.url) as caller:
        assert caller.send_request("echo") == {"a": 1}
        yield caller


def works(caller: DaebusCaller) -> bool:
    try:
        return bool(caller.send_request("echo", timeout=2) == {"a": 1})
    except DaebusError:
        return False


@pytest.mark.parametrize("seconds", [0, 1.5])
def test_redis_killed_and_started_again(
    own_redis: RedisServer, caller: DaebusCaller, name: str, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "daebus"):
        own_redis.kill()
        time.sleep(seconds)
        own_redis.start()
        back = time.monotonic()
        eventually(lambda: works(caller))
        assert time.monotonic() - back < 9
        eventually(lambda: subscribers(own_redis.url, name) == 1)
        lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(lines) == 2, lines
        assert "lost the connection" in lines[0]
        assert "is back after" in lines[1]


def test_a_pending_call_fails_as_soon_as_the_loss_is_known(
    own_redis: RedisServer, caller: DaebusCaller, echo: Echo
) -> None:
    problems: list[Exception] = []

    def ask() -> None:
        try:
            caller.send_request("block", timeout=60)
        except DaebusError as error:
            problems.append(error)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    eventually(lambda: echo.calls == 5)
    own_redis.kill()
    for thread in threads:
        thread.join(10)
    assert [type(problem) for problem in problems] == [ConnectionLost] * 5
    assert caller._requester.pending == 0
    with pytest.raises(DaebusError):
        caller.send_request("echo")
    own_redis.start()
    echo.gate.set()
    eventually(lambda: works(caller))


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
def test_connections_killed_by_the_server(own_redis: RedisServer, caller: DaebusCaller, name: str, kind: str) -> None:
    for _ in range(5):
        with own_redis.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", kind)
        eventually(lambda: works(caller))
        eventually(lambda: subscribers(own_redis.url, name) == 1)


def test_a_frozen_redis_holds_no_call_beyond_its_timeout_and_runs_nothing_twice(
    own_redis: RedisServer, caller: DaebusCaller, echo: Echo
) -> None:
    own_redis.freeze()
    for timeout in (0.5, 1.0):
        begun = time.monotonic()
        with pytest.raises(RequestTimeout):
            caller.send_request("count", timeout=timeout)
        assert timeout <= time.monotonic() - begun < timeout + 5
    own_redis.thaw()
    eventually(lambda: works(caller))
    assert echo.calls <= 2


def test_a_new_caller_is_not_held_by_a_frozen_redis_either(own_redis: RedisServer, name: str) -> None:
    own_redis.freeze()
    with DaebusCaller(name, redis_url=own_redis.url) as caller:
        begun = time.monotonic()
        with pytest.raises(RequestTimeout):
            caller.send_request("x", timeout=0.5)
        assert time.monotonic() - begun < 8
    own_redis.thaw()


def test_broadcast_reconnects_by_itself(own_redis: RedisServer, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert broadcast.send("nobody", {}) == 0
    own_redis.kill()
    with pytest.raises(DaebusError):
        broadcast.send("nobody", {})
    own_redis.start()
    assert broadcast.send("nobody", {}) == 0


def test_broadcast_in_a_program_without_an_app(own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAEBUS_REDIS_URL", own_redis.url)
    broadcast.close()
    for _ in range(2):
        assert broadcast.send("nobody", {}) == 0
        broadcast.close()


def test_a_revoked_right_is_a_loud_named_error_until_it_is_given_back(
    own_redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daebus.transport.reconnecting.REFUSED_DELAY", 0.2)
    with own_redis.client() as client:
        client.execute_command("ACL", "SETUSER", "svc", "on", ">pw", "+@all", "~*", "&*")
        url = own_redis.url.replace("redis://", "redis://svc:pw@")
        echo = Echo(name)
        with serving(echo.app, url, name), caplog.at_level(logging.INFO, "daebus"):
            client.execute_command("ACL", "SETUSER", "svc", "resetchannels", "&caller:*")
            eventually(lambda: [r for r in caplog.records if r.levelno == logging.ERROR])
            line = next(r.getMessage() for r in caplog.records if r.levelno == logging.ERROR)
            assert "does not allow subscribing to" in line
            assert "NOPERM" in line
            assert ":pw@" not in caplog.text
            client.execute_command("ACL", "SETUSER", "svc", "allchannels")
            eventually(lambda: subscribers(own_redis.url, name) == 1)


def test_a_user_who_may_do_only_the_necessary_can_serve_and_call(
    own_redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with own_redis.client() as client:
        rights = ["+publish", "+subscribe", "+unsubscribe", "+ping", "resetchannels", f"&{name}", "&caller:*"]
        client.execute_command("ACL", "SETUSER", "svc", "on", ">pw", "-@all", *rights)
    url = own_redis.url.replace("redis://", "redis://svc:pw@")
    with serving(Echo(name).app, url, name), DaebusCaller(name, redis_url=url) as caller:
        assert caller.send_request("echo") == {"a": 1}
    assert "does not allow" in caplog.text
    assert f"daebus.control.{name}" in caplog.text


def test_nothing_is_left_behind_by_many_losses(own_redis: RedisServer, caller: DaebusCaller, name: str) -> None:
    import os

    def resources() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    before = resources()
    for _ in range(20):
        with own_redis.client() as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        eventually(lambda: works(caller))
    eventually(lambda: resources() <= before, what=f"{resources()} after, {before} before")
    assert caller._requester.pending == 0
    assert subscribers(own_redis.url, name) == 1


def test_a_service_stops_while_redis_is_away(own_redis: RedisServer, name: str) -> None:
    echo = Echo(name)
    echo.app.start(service=name, redis_url=own_redis.url)
    own_redis.kill()
    begun = time.monotonic()
    echo.app.stop()
    assert time.monotonic() - begun < 10


def test_unserved_again_after_the_service_is_gone(own_redis: RedisServer, name: str) -> None:
    with DaebusCaller(name, redis_url=own_redis.url) as caller:
        with serving(Echo(name).app, own_redis.url, name):
            assert works(caller)
        with pytest.raises(ServiceUnavailable):
            caller.send_request("echo")
    with redis.Redis.from_url(own_redis.url) as client:
        eventually(lambda: not client.pubsub_channels())
