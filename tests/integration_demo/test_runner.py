"""The runner's own promises: which broker, what it says, and that a failed start leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from daebus import ConfigurationError, DaebusCaller
from daebus_console.demo import demo as demo_module
from daebus_console.demo.demo import BrokerUnavailable, Demo, DemoError, DemoInterrupted
from tests.integration_demo.support import alive
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer

SECRET = "pa55-w0rd"


@pytest.mark.usefixtures("interpreters")
def test_a_private_redis_server_comes_first() -> None:
    with Demo(services=["users"], client=False) as demo:
        assert demo.broker == f"a private redis-server at {demo.url}"
        assert set(demo.pids) == {"broker", "users"}


@pytest.mark.usefixtures("interpreters")
def test_a_given_redis_is_used_and_left_running(own_redis: RedisServer) -> None:
    with Demo(own_redis.url, ["users"], client=False) as demo:
        assert demo.url == own_redis.url
        assert demo.broker == f"the Redis at {own_redis.url}"
        with DaebusCaller("users", redis_url=own_redis.url) as users:
            assert users.send_request("get_user", {"id": "u-2"})["name"] == "José Peña"
        pids = list(demo.pids.values())
        directory = demo.log_path("users").parent
    assert alive(pids) == []
    assert not directory.exists()
    with own_redis.client() as client:
        assert client.ping()
        assert client.pubsub_numsub("users") == [(b"users", 0)]


def test_without_redis_server_fakeredis_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with Demo(services=["users", "stock", "payment", "notifier", "gateway"], client=False, seed="1") as demo:
        assert demo.broker == f"fakeredis.TcpFakeServer at {demo.url}"
        with DaebusCaller("gateway", redis_url=demo.url) as gateway:
            order = {"user_id": "u-1", "items": [{"sku": "mug-05", "quantity": 1}], "card": {"token": "tok_fake_1"}}
            assert gateway.send_request("place_order", order, timeout=20)["total_cents"] == 1400
        pids = list(demo.pids.values())
    assert alive(pids) == []


def test_a_redis_server_that_does_not_start_is_named_and_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho 'no such luck'\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    said: list[str] = []
    with Demo(services=["users"], client=False, announce=said.append) as demo:
        assert demo.broker.startswith("fakeredis.TcpFakeServer at")
    assert "a private redis-server does not start: no such luck" in said[0]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (f"redis://:{SECRET}@127.0.0.1:PORT/0", "cannot connect to Redis at redis://:***@127.0.0.1:PORT/0"),
        (f"redis+cluster://:{SECRET}@127.0.0.1:PORT", "cannot connect to Redis at "),
        (f"redis+sentinel://:{SECRET}@127.0.0.1:PORT/mymaster", "cannot find the master 'mymaster' of "),
        (f"http://:{SECRET}@127.0.0.1:PORT/0", "not a usable Redis URL"),
        (f"redis://:{SECRET}/more@127.0.0.1:PORT/0", "not a usable Redis URL"),
    ],
)
def test_a_redis_that_cannot_be_used_is_an_error_without_its_password(url: str, text: str) -> None:
    port = str(free_port())
    with pytest.raises((BrokerUnavailable, ConfigurationError)) as caught:
        Demo(url.replace("PORT", port)).start()
    assert isinstance(caught.value, ConfigurationError) == text.startswith("not a usable")
    assert text.replace("PORT", port) in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_wrong_password_is_named_as_such() -> None:
    server = RedisServer(password=SECRET).start()
    try:
        with pytest.raises(BrokerUnavailable, match="refused us: invalid username-password pair") as caught:
            Demo(server.url.replace(SECRET, "wrong-0ne")).start()
        assert "wrong-0ne" not in str(caught.value)
    finally:
        server.close()


@pytest.mark.usefixtures("interpreters")
def test_a_service_that_dies_at_start_is_reported_with_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text("raise SystemExit('the users are on strike')\n")
    monkeypatch.setattr(demo_module, "shop_directory", lambda: tmp_path)
    demo = Demo(services=["users"], client=False)
    with pytest.raises(DemoError, match=r"users ended with status 1(.|\n)*the users are on strike"):
        demo.start()
    assert demo.pids == {}


def test_a_start_can_be_interrupted() -> None:
    demo = Demo(client=False)
    demo.interrupt()
    with pytest.raises(DemoInterrupted):
        demo.start()
    assert demo.pids == {}


def test_services_that_are_served_already_are_named(own_redis: RedisServer) -> None:
    said: list[str] = []
    with (
        Demo(own_redis.url, ["users"], client=False),
        Demo(own_redis.url, ["users"], client=False, announce=said.append),
        own_redis.client() as client,
    ):
        assert client.pubsub_numsub("users") == [(b"users", 2)]
    assert any("already served" in line and "users" in line for line in said)


def test_an_unknown_service_and_an_impossible_rate_are_refused() -> None:
    with pytest.raises(DemoError, match="No such service in the shop: bakery"):
        Demo(services=["bakery"]).start()
    with pytest.raises(DemoError, match="rate"):
        Demo(rate=0)
