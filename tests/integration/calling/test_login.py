"""Connecting to a plain TCP port is our own, anything else redis-py's: the same is connected, refused and said."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from daebus.errors import ConfigurationError, PermissionDenied, RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.aio.dialing import opened
from daebus.wire.resp import pack
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer

SECRET = "s3cr3t/@"
Open = Callable[[str], str]


def by_thread(url: str) -> str:
    """What the server says of the connection that a URL leads to."""
    link = RedisAddress(url).link("login", time.monotonic() + 10)
    told: bytes = link.ask(pack(b"CLIENT", b"INFO"), time.monotonic() + 10)
    link.close()
    return told.decode()


def by_loop(url: str) -> str:
    """The same in an event loop."""

    async def ask() -> str:
        connection = await opened(RedisAddress(url), "login", lambda _error: None)
        (told,) = (await connection.ask(pack(b"CLIENT", b"INFO"))).replies
        connection.close()
        await connection.closed
        assert isinstance(told, bytes)
        return told.decode()

    return asyncio.run(ask())


@pytest.fixture(params=[by_thread, by_loop])
def told(request: pytest.FixtureRequest) -> Open:
    """Connects, and returns what the server says of that."""
    connect: Open = request.param
    return connect


@pytest.fixture(params=["", "?socket_keepalive=true"], ids=["plain", "redis-py"])
def more(request: pytest.FixtureRequest) -> str:
    """What stands behind a URL: with an option redis-py connects."""
    return str(request.param)


@pytest.fixture
def guarded(own_redis: RedisServer) -> RedisServer:
    """A server with a user that may do all."""
    with own_redis.client() as client:
        client.execute_command("ACL", "SETUSER", "ann", "on", f">{SECRET}", "~*", "&*", "+@all")
        client.execute_command("CONFIG", "SET", "requirepass", SECRET)
    return own_redis


def at(server: RedisServer, credentials: str, database: str, more: str) -> str:
    return f"redis://{credentials}@127.0.0.1:{server.port}/{database}{more}"


def test_a_user_and_a_password_whatever_the_database(guarded: RedisServer, told: Open, more: str) -> None:
    found = told(at(guarded, "ann:s3cr3t%2F%40", "3", more))
    assert " user=ann " in found
    # Channels belong to none, and claims are all in one.
    assert " db=0 " in found
    assert " name=daebus:login " in found


def test_a_password_alone(guarded: RedisServer, told: Open, more: str) -> None:
    found = told(at(guarded, ":s3cr3t%2F%40", "", more))
    assert " user=default " in found
    assert " db=0 " in found


@pytest.mark.parametrize("credentials", ["ann:wrong", "nobody:s3cr3t%2F%40", ":x", "ann", "ann:"])
def test_who_is_refused_is_told_by_redis(guarded: RedisServer, told: Open, more: str, credentials: str) -> None:
    with pytest.raises(PermissionDenied, match=rf"Redis at .*:{guarded.port}.* refused us: \w+") as caught:
        told(at(guarded, credentials, "0", more))
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nobody_listens(told: Open, more: str, host: str) -> None:
    with pytest.raises(RedisUnavailable, match=r"cannot connect to Redis at .*(onnect|refused)"):
        told(f"redis://{host}:{free_port()}/0{more}")


# None of which anybody is asked for: they cannot be names.
@pytest.mark.parametrize("host", ["a" * 70, "a..b"])
def test_a_host_that_there_is_not(told: Open, more: str, host: str) -> None:
    with pytest.raises(RedisUnavailable, match="cannot connect to Redis at"):
        told(f"redis://{host}/0{more}")


def test_a_server_that_takes_no_more_clients(own_redis: RedisServer, told: Open, more: str) -> None:
    with own_redis.client() as client:
        client.execute_command("CONFIG", "SET", "maxclients", "1")
        with pytest.raises(RedisUnavailable, match=r"max number of clients reached|closed|reset"):
            told(f"redis://127.0.0.1:{own_redis.port}/0{more}")


def test_options_are_read_and_those_that_are_none_are_not_shown(told: Open, own_redis: RedisServer) -> None:
    url = f"redis://127.0.0.1:{own_redis.port}/0?no_such_option=s3cr3t"
    with pytest.raises(ConfigurationError, match="it has an option that cannot be: no_such_option") as caught:
        told(url)
    assert "s3cr3t" not in str(caught.value)


def test_the_system_keeps_it_alive_as_redis_py_has_it(own_redis: RedisServer) -> None:
    """What stands in between, a firewall say, gives up what nobody uses."""
    url, options = (
        f"redis://127.0.0.1:{own_redis.port}/0",
        (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT),
    )

    def settings(sock: socket.socket) -> list[int]:
        kept = bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        quick = bool(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        return [kept, quick, *(sock.getsockopt(socket.IPPROTO_TCP, option) for option in options if option)]

    def of(address: str) -> list[int]:
        with RedisAddress(address).connect("login") as sock:
            return settings(sock)

    async def in_a_loop() -> list[int]:
        connection = await opened(RedisAddress(url), "login", lambda _error: None)
        transport = connection._transport
        assert transport is not None
        found = settings(transport.get_extra_info("socket"))
        connection.close()
        await connection.closed
        return found

    found = of(url)
    assert found == of(f"{url}?db=0") == asyncio.run(in_a_loop())
    assert found[:2] == [True, True]
