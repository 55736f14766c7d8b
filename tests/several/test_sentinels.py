"""A master under sentinels: everybody follows it, whatever it takes, and nobody is told a lie meanwhile."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from contextlib import ExitStack, closing
from typing import Any

import pytest
import redis

from daebus import (
    AsyncDaebusCaller,
    Daebus,
    DaebusCaller,
    PermissionDenied,
    RedisRefused,
    RedisUnavailable,
    ServiceUnavailable,
)
from daebus.transport.address import RedisAddress
from daebus.transport.commands import Delivery, Pending
from daebus.transport.places import dialing
from daebus.transport.places.route import Place, route_of
from daebus.transport.places.sentinels import SentinelLookout
from daebus.transport.publisher import Publisher
from daebus_console.engine.session import Session
from tests.console.sick.conftest import carry_out
from tests.console.tui.support import Driver, drive
from tests.support.faulty import works
from tests.support.hammer import hammering
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer
from tests.support.several import MASTER, Sentinel, Sentinels, order, start_all
from tests.support.transport import connection_of
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("several"), pytest.mark.fault]


def test_a_failover_under_load_while_the_old_master_lives_on(sentinels: Sentinels) -> None:
    with hammering(sentinels.url, callers=6) as hammer:
        service = hammer.app._service
        assert service is not None
        before = service._listener.connections
        sentinels.fail_over()
        hammer.goes_on()
        # On a busy machine the new one may be taken for dead, and the old one made the master again.
        eventually(
            lambda: (
                service._listener.connections > before and str(sentinels.master().port) in str(service._listener.node)
            ),
            within=20,
        )
        hammer.goes_on()


def test_a_failover_under_two_thousand_calls_a_second(sentinels: Sentinels) -> None:
    with hammering(sentinels.url, callers=1, rate=2000) as hammer:
        before = sentinels.master()
        sentinels.fail_over()
        sentinels.await_another(before)
        hammer.goes_on()


def test_the_master_is_killed_and_comes_back(sentinels: Sentinels) -> None:
    with hammering(sentinels.url) as hammer:
        before = sentinels.master()
        before.kill()
        sentinels.await_another(before)
        hammer.goes_on()
        before.start()
        hammer.goes_on()


def test_the_master_stops_and_goes_on_as_if_it_were_one_still(sentinels: Sentinels) -> None:
    with hammering(sentinels.url) as hammer:
        before = sentinels.master()
        before.freeze()
        sentinels.await_another(before)
        hammer.goes_on()
        before.thaw()
        hammer.goes_on()


def test_who_is_idle_follows_too(sentinels: Sentinels) -> None:
    with hammering(sentinels.url, callers=0) as hammer, DaebusCaller(hammer.name, redis_url=sentinels.url) as idle:
        assert idle.send_request("echo") == {"a": 1}
        before = sentinels.master()
        sentinels.fail_over()
        publisher = idle._requester._publisher
        assert publisher is not None
        eventually(lambda: publisher._connection is None or not publisher._connection.usable, within=20)
        # A call that is made in the very moment may end with the connection.
        eventually(lambda: works(idle) and str(before.port) not in str(connection_of(publisher).node), within=20)


def test_servers_that_go_by_names_are_followed() -> None:
    with closing(Sentinels(host="localhost")) as sentinels:
        sentinels.start()
        with hammering(sentinels.url) as hammer:
            with sentinels.sentinels[0].client(decode_responses=True) as client:
                assert client.sentinel_get_master_addr_by_name(MASTER)[0] == "localhost"
            before = sentinels.master()
            before.kill()
            sentinels.await_another(before)
            hammer.goes_on()


def test_a_sentinel_that_is_gone_is_not_missed(sentinels: Sentinels) -> None:
    sentinels.sentinels[0].kill()
    sentinels.sentinels[1].freeze()
    with hammering(sentinels.url, callers=1) as hammer:
        hammer.goes_on()


def test_without_any_sentinel_what_is_known_goes_on(sentinels: Sentinels, monkeypatch: pytest.MonkeyPatch) -> None:
    with hammering(sentinels.url, callers=1) as hammer:
        for sentinel in sentinels.sentinels:
            sentinel.kill()
        hammer.goes_on()
        with DaebusCaller(hammer.name, redis_url=sentinels.url) as caller:
            assert caller.send_request("echo") == {"a": 1}
        # Another process knows nothing.
        monkeypatch.setattr(dialing, "_lookouts", {})
        with (
            DaebusCaller(hammer.name, redis_url=sentinels.url) as caller,
            pytest.raises(RedisUnavailable, match=f"cannot find the master '{MASTER}'"),
        ):
            caller.send_request("echo")


def counted(client: redis.Redis) -> int:
    """How often the server was asked who subscribes."""
    # Redis counts subcommands by themselves from 7.0 on.
    stats = client.info("commandstats")
    return sum(int(stats[name]["calls"]) for name in ("cmdstat_pubsub", "cmdstat_pubsub|numsub") if name in stats)


def test_what_is_about_to_be_sent_when_the_connection_moves_asks_first_at_the_new_one(sentinels: Sentinels) -> None:
    """It was to go where nobody need be asked; at the other one those who are to get it may be on their way."""
    told: list[Delivery | RedisUnavailable] = []
    publisher = Publisher(RedisAddress(sentinels.url), "test")
    with closing(publisher), redis.Redis(port=sentinels.master().port) as client:
        publisher.publish("moving", b"")
        eventually(lambda: not publisher._presence.asks_first(time.monotonic()), what="nobody need be asked")
        made = publisher._audience.publishing

        def moving(*given: Any) -> Pending:
            connection_of(publisher).fail("it is not the master any more")
            return made(*given)

        publisher._audience.publishing = moving  # type: ignore[method-assign]  # the moment in between
        deadline = time.monotonic() + 20
        asking = threading.Thread(target=lambda: publisher.submit("moving", b"{}", told.append, deadline))
        asking.start()
        eventually(lambda: counted(client), what="who subscribes is asked at the new connection")
        listener = client.pubsub()  # type: ignore[no-untyped-call]  # redis has no types
        listener.subscribe("moving")
        asking.join()
        # Replies come in order: whoever waits for a later one tells of this one.
        publisher.publish("moving", b"")
        assert [one.subscribers for one in told if isinstance(one, Delivery)] == [1], told


def test_nobody_is_said_to_be_there_only_where_a_sentinel_confirms_the_master(sentinels: Sentinels) -> None:
    with DaebusCaller("nobody-there", redis_url=sentinels.url) as caller:

        def is_unserved() -> bool:
            try:
                caller.send_request("echo")
            except ServiceUnavailable:
                return True
            except RedisUnavailable:
                # None of them answered in time: the machine is busy.
                return False
            raise AssertionError("somebody answered")

        eventually(is_unserved, within=20, what="a sentinel confirms that")
        for sentinel in sentinels.sentinels:
            sentinel.freeze()
        with pytest.raises(RedisUnavailable, match="no sentinel tells whether it is the master still"):
            caller.send_request("echo")


def test_a_master_that_is_called_otherwise_is_told_of(sentinels: Sentinels) -> None:
    url = sentinels.url.replace(MASTER, "other")
    with DaebusCaller("x", redis_url=url) as caller, pytest.raises(RedisUnavailable, match="No such master"):
        caller.send_request("echo")


def test_a_sentinel_is_taken_for_no_server(own_redis: RedisServer) -> None:
    """It lets everybody subscribe to anything, so that all would look well."""
    sentinel = Sentinel(lambda: own_redis.port, 1)
    url = sentinel.start().url
    said = r"it is a sentinel, which passes no messages on; .* redis\+sentinel://HOST:26379,HOST2:26379/MASTER"

    async def ask() -> None:
        async with AsyncDaebusCaller("x", redis_url=url) as caller:
            await caller.send_request("y")

    try:
        with pytest.raises(RedisRefused, match=said):
            Daebus("x").start("x", redis_url=url)
        with DaebusCaller("x", redis_url=url) as caller, pytest.raises(RedisRefused, match=said):
            caller.send_request("y")
        with pytest.raises(RedisRefused, match=said):
            asyncio.run(ask())
        assert re.search(said, carry_out(url, "services").words)
        assert re.search(said, carry_out(url, "tail --for 1").words)
    finally:
        sentinel.close()


def test_sentinels_and_servers_have_passwords_of_their_own(own_redis: RedisServer) -> None:
    order(own_redis, "ACL", "SETUSER", "ann", "on", ">s3cr3t", "+@all", "&*", "~*")
    sentinel = Sentinel(lambda: own_redis.port, 1)
    try:
        sentinel.start()
        order(sentinel, "ACL", "SETUSER", "bob", "on", ">hidden", "+@all", "&*")
        order(sentinel, "ACL", "SETUSER", "default", "off")
        order_url = f"redis+sentinel://ann:s3cr3t@localhost:{sentinel.port}/{MASTER}"
        with DaebusCaller("x", redis_url=f"{order_url}?sentinel_username=bob&sentinel_password=hidden") as caller:
            assert caller._requester.publish("x", b"{}") == 0
        # The second is read by redis-py, the third has none.
        for query in (
            "?sentinel_username=bob&sentinel_password=wrong",
            "?sentinel_password=wrong&socket_timeout=2",
            "",
        ):
            with (
                DaebusCaller("x", redis_url=f"{order_url}{query}") as caller,
                pytest.raises(PermissionDenied) as caught,
            ):
                caller.send_request("echo")
            said = str(caught.value)
            assert said.startswith(f"the sentinel at localhost:{sentinel.port} ")
            assert "in the query of the URL: ?sentinel_username=USER&sentinel_password=PASSWORD" in said
            assert "s3cr3t" not in said
            assert "wrong" not in said.replace("WRONGPASS", "").replace("wrong pass", "")
            for line in ("services", "request x echo"):
                told = carry_out(f"{order_url}{query}", line).words
                assert f"the sentinel at localhost:{sentinel.port} " in told
                assert "redis://USER:PASSWORD@HOST" not in told

        async def refused(console: Driver) -> None:
            await console.sees("Allow it there", "The sentinel at", "sentinel_password=PASSWORD")
            assert "--redis" not in console.text

        with Session(f"{order_url}?sentinel_username=bob&sentinel_password=wrong") as session:
            drive(session, refused, (160, 40))
    finally:
        sentinel.close()


def test_sentinels_that_lag_behind_take_nobody_back(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = free_port(), free_port()
    told = Sentinel(lambda: new, 2, f"config-epoch {MASTER} 5")
    lag = [Sentinel(lambda: old, 2) for _ in range(2)]
    several = [told, *lag]
    with ExitStack() as ends:
        for one in several:
            ends.callback(one.close)
        ends.callback(told.thaw)
        start_all(several)
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in several)
        route = route_of(f"redis+sentinel://{hosts}/{MASTER}")
        assert route is not None
        lookout = SentinelLookout("three", route)
        ends.callback(lookout.links.close)
        lookout.look()
        assert lookout.wrong_with(Place("127.0.0.1", new)) is None
        told.freeze()
        lookout.look()
        assert lookout.wrong_with(Place("127.0.0.1", new)) is None, "two of three have not heard of it yet"
        monkeypatch.setattr("daebus.transport.places.sentinels.SETTLES_WITHIN", 0.0)
        lookout.look()
        assert lookout.wrong_with(Place("127.0.0.1", old)) is None, "they say so still"
