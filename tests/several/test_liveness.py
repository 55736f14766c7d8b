"""Connected means that what is published arrives: a connection that is open and mute, or at a server that is none any
more, is found out and left, by services, callers and the console.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, DaebusError
from daebus.transport import heart, proof
from tests.support.framework_services import serving
from tests.support.hammer import Hammer, hammering
from tests.support.proxy import Proxy
from tests.support.redis_server import RedisServer
from tests.support.several import order
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("several"), pytest.mark.fault]
Pair = tuple[RedisServer, RedisServer]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats come often."""
    for module in ("proof", "heart", "aio.heart"):
        monkeypatch.setattr(f"daebus.transport.{module}.BEAT_EVERY", 0.4)
    assert heart.BEAT_EVERY == proof.BEAT_EVERY


@pytest.fixture
def proxy(pair: Pair) -> Iterator[Proxy]:
    with Proxy(pair[0].port) as one:
        yield one


def lines(records: list[logging.LogRecord], of: Hammer) -> list[str]:
    return [text for record in records if (text := record.getMessage()).startswith(f"{of.name}: ")]


def test_a_subscription_that_has_become_mute_is_made_again(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "daebus"), hammering(proxy.url, callers=0) as hammer:
        with DaebusCaller(hammer.name, redis_url=proxy.url, timeout=2) as caller:
            assert caller.send_request("echo") == {"a": 1}
            proxy.swallow(b"message")
            eventually(lambda: any("does not arrive" in line for line in lines(caplog.records, hammer)), within=20)
            proxy.swallow(None)
            eventually(lambda: answers(caller), within=20)
        said = lines(caplog.records, hammer)
        assert "is back after" in said[-1]


def answers(caller: DaebusCaller) -> bool:
    try:
        return bool(caller.send_request("echo") == {"a": 1})
    except DaebusError:
        return False


def test_an_asyncio_caller_notices_too(proxy: Proxy) -> None:
    async def ask() -> None:
        async with AsyncDaebusCaller(hammer.name, redis_url=proxy.url, timeout=30) as caller:
            assert await caller.send_request("echo") == {"a": 1}
            session = caller._session()
            first = session._subscription
            proxy.swallow(b"message")
            while session._subscription is first:
                await asyncio.sleep(0.02)
            proxy.swallow(None)
            assert await caller.send_request("echo") == {"a": 1}

    with hammering(f"redis://127.0.0.1:{proxy.target}/0", callers=0) as hammer:
        asyncio.run(asyncio.wait_for(ask(), 30))


def demote(pair: Pair, proxy: Proxy) -> None:
    """The other server is the master from now on, and new connections go there; the old ones stay."""
    old, new = pair
    order(new, "REPLICAOF", "NO", "ONE")
    order(old, "REPLICAOF", "127.0.0.1", new.port)
    proxy.target = new.port


def test_behind_one_address_everybody_moves_to_the_new_master_though_old_connections_stay(
    pair: Pair, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = pair
    with caplog.at_level(logging.WARNING, "daebus"), hammering(proxy.url, callers=4) as hammer:
        demote(pair, proxy)
        eventually(lambda: order(new, "PUBSUB", "NUMSUB", hammer.name)[1] == 1, within=20)
        hammer.goes_on()
        eventually(lambda: order(old, "PUBSUB", "NUMSUB", hammer.name)[1] == 0, within=20)
        assert any("it is a replica now" in line for line in lines(caplog.records, hammer))


def test_whoever_is_idle_moves_too_and_calls_again(pair: Pair, proxy: Proxy) -> None:
    new = pair[1]
    with hammering(proxy.url, callers=0) as hammer, DaebusCaller(hammer.name, redis_url=proxy.url) as idle:
        assert idle.send_request("echo") == {"a": 1}
        demote(pair, proxy)
        channels: Callable[[], list[str]] = lambda: order(new, "PUBSUB", "CHANNELS")  # noqa: E731
        eventually(lambda: idle._requester.reply_channel in channels() and hammer.name in channels(), within=20)
        assert idle.send_request("echo") == {"a": 1}


def test_who_is_at_a_replica_on_purpose_stays_there(pair: Pair) -> None:
    with hammering(pair[1].url, callers=1) as hammer:
        service = hammer.app._service
        assert service is not None
        eventually(lambda: service.info()["redis"]["role"] == "replica")
        before = service._listener.connections
        hammer.goes_on()
        assert service._listener.connections == before
        assert not hammer.errors


def test_at_a_replica_it_is_not_said_that_nobody_serves(pair: Pair, name: str) -> None:
    new = pair[1]

    async def ask() -> None:
        async with AsyncDaebusCaller(name, redis_url=new.url) as caller:
            with pytest.raises(DaebusError, match="is a replica, where nobody subscribes"):
                await caller.send_request("echo")

    with (
        DaebusCaller(name, redis_url=new.url) as caller,
        pytest.raises(DaebusError, match="is a replica, where nobody subscribes"),
    ):
        caller.send_request("echo")
    asyncio.run(ask())


def test_a_closed_asyncio_caller_does_not_look_for_a_master_any_more(pair: Pair, name: str) -> None:
    """What it used afterwards was ended in the place of what it had."""
    replica = pair[1]

    async def ask() -> None:
        caller = AsyncDaebusCaller(name, redis_url=replica.url)
        with pytest.raises(DaebusError, match="is a replica, where nobody subscribes"):
            await caller.send_request("echo")
        # So that it takes long to find out where the address leads.
        replica.freeze()
        await asyncio.sleep(0.05)
        await caller.close()
        await asyncio.sleep(0.05)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    try:
        asyncio.run(ask())
    finally:
        replica.thaw()


def test_a_service_without_the_right_to_a_channel_of_its_own_works_and_proves_nothing(
    own_redis: RedisServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    rules = ("+subscribe", "+unsubscribe", "+publish", "+ping", "&svc_*", "&daebus.control.*")
    order(own_redis, "ACL", "SETUSER", "lean", "resetchannels", "on", ">s3cr3t", *rules)
    app = Daebus(name)
    app.action("tell")(dict)
    with caplog.at_level(logging.WARNING, "daebus"), serving(app, own_redis.url.replace("//", "//lean:s3cr3t@"), name):
        service = app._service
        assert service is not None
        told = service.info()["redis"]
        assert (told["round_trip"], told["proven"], told["role"]) == (None, None, "master")
    assert not caplog.records
