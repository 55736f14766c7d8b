"""A host that has several addresses, the first of which swallows whatever comes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, request
from daebus.errors import RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.aio.dialing import opened_at
from daebus.transport.by_redis_py import connected
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.route import Place, route_of
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer

HOST = "several.test"


def echoing(name: str) -> Daebus:
    app = Daebus(name)
    app.action("echo")(lambda: request.payload)
    return app


@pytest.fixture
def dead(own_redis: RedisServer) -> Iterator[str]:
    """An address of this machine where nobody takes connections, at the port of Redis."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        try:
            listener.bind(("127.0.0.2", own_redis.port))
        except OSError:
            pytest.skip("this machine has one address of its own only")
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.2", own_redis.port))
        with socket.socket() as one:
            one.settimeout(0.5)
            try:
                one.connect(("127.0.0.2", own_redis.port))
            except TimeoutError:
                pass
            else:
                pytest.skip("this system takes more connections than were asked for")
        yield "127.0.0.2"


@pytest.fixture
def url(own_redis: RedisServer, dead: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """By the name that has both addresses."""
    look_up = socket.getaddrinfo

    def looked_up(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        if host not in (HOST, HOST.encode()):
            return look_up(host, port, *more, **options)
        return [found for each in (dead, "127.0.0.1") for found in look_up(each, port, *more, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return f"redis://{HOST}:{own_redis.port}/0"


@pytest.mark.parametrize("options", ["", "?socket_timeout=5"], ids=["plain", "by redis-py"])
def test_a_service_and_a_caller_come_to_the_one_that_answers(url: str, name: str, options: str) -> None:
    with (
        serving(echoing(name), f"{url}{options}", name),
        DaebusCaller(name, redis_url=f"{url}{options}", timeout=30) as caller,
    ):
        assert caller.send_request("echo", {"n": 1}) == {"n": 1}


@pytest.mark.parametrize("options", ["", "?socket_timeout=5"], ids=["plain", "by redis-py"])
def test_an_asyncio_caller_does_as_well(own_redis: RedisServer, url: str, name: str, options: str) -> None:
    async def ask() -> Any:
        async with AsyncDaebusCaller(name, redis_url=f"{url}{options}", timeout=30) as caller:
            return await caller.send_request("echo", {"n": 1})

    with serving(echoing(name), own_redis.url, name):
        assert asyncio.run(ask()) == {"n": 1}


@pytest.mark.parametrize("options", ["", "?socket_timeout=5"], ids=["plain", "by redis-py"])
def test_one_of_several_servers_that_has_less_time_is_come_to_as_well(
    own_redis: RedisServer, url: str, options: str
) -> None:
    route = route_of(f"redis+cluster://{HOST}:{own_redis.port}")
    assert route is not None
    lookout, place = ClusterLookout("here", route), Place(HOST, own_redis.port)
    # So the way is a short one, and no server gets more time than that.
    lookout.took(0.01)

    async def come() -> None:
        for left in reversed(range(20)):
            try:
                link = await opened_at(lookout, place, RedisAddress(f"{url}{options}"), "test", lambda _error: None)
            except RedisUnavailable:
                # A busy machine may need another go.
                assert left
            else:
                link.close()
                await link.closed
                return

    asyncio.run(come())


def test_a_server_of_several_addresses_has_as_much_time_for_its_answers_as_any(own_redis: RedisServer) -> None:
    """For the handshake of TLS, say; only how long one that swallows everything is waited for depends on the others."""
    with connected({"host": "127.0.0.1", "port": own_redis.port}, 30.0, 5.0) as sock:
        assert sock.gettimeout() == 30.0
