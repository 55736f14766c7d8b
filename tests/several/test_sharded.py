"""Sharded Pub/Sub on a cluster: each channel at the node that has its slot, and the same promises as elsewhere."""

from __future__ import annotations

import asyncio
import threading

import pytest
import redis

from daebus import (
    AsyncDaebusCaller,
    ConfigurationError,
    Daebus,
    DaebusCaller,
    RedisUnavailable,
    Requester,
    ServiceUnavailable,
    broadcast,
    request,
)
from daebus.transport.bus import ShardedBus
from daebus.wire.sharded import watched
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.several import Cluster, is_old, order
from tests.support.slots import names
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("several")


def echoing(name: str) -> Daebus:
    app = Daebus(name)
    app.action("echo")(lambda: request.payload)
    return app


def test_services_at_every_master_are_found(cluster: Cluster, url: str, name: str) -> None:
    for each in names(name):
        with serving(echoing(each), url, each), DaebusCaller(each, redis_url=url) as caller:
            for number in range(5):
                assert caller.send_request("echo", {"n": number}) == {"n": number}


def test_what_reached_nobody_is_not_waited_for(
    cluster: Cluster, url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was known a moment ago that somebody is there, and he has gone, or is on the way to another node."""
    monkeypatch.setattr("daebus.transport.places.presence.FRESH", 2.0)

    async def ask() -> None:
        async with AsyncDaebusCaller(name, redis_url=url, timeout=20) as caller:
            with serving(echoing(name), url, name):
                assert await caller.send_request("echo", {"n": 1}) == {"n": 1}
            with pytest.raises(ServiceUnavailable):
                await caller.send_request("echo", {"n": 2})

    with DaebusCaller(name, redis_url=url, timeout=20) as caller:
        with serving(echoing(name), url, name):
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        with pytest.raises(ServiceUnavailable):
            caller.send_request("echo", {"n": 2})
    asyncio.run(ask())


def test_no_message_goes_to_every_node(cluster: Cluster, url: str, name: str) -> None:
    with cluster.nodes[1].client() as client, client.pubsub() as tap:
        tap.psubscribe("*")
        assert tap.get_message(timeout=5)
        with serving(echoing(name), url, name), DaebusCaller(name, redis_url=url) as caller:
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        assert tap.get_message(timeout=0.2) is None


def test_an_older_redis_is_said_to_be_too_old(cluster: Cluster, name: str) -> None:
    if not is_old():
        pytest.skip("it knows it")
    with (
        DaebusCaller(name, redis_url=cluster.url, sharded=True) as caller,
        pytest.raises(RedisUnavailable, match="needs a cluster of Redis 7 or later, or of Valkey"),
    ):
        caller.send_request("echo")


@pytest.mark.usefixtures("url")
def test_the_argument_says_the_same_as_the_url(cluster: Cluster, name: str) -> None:
    app = echoing(name)
    app.start(service=name, redis_url=cluster.nodes[1].url, sharded=True)
    try:
        with DaebusCaller(name, redis_url=cluster.url, sharded=True) as caller:
            assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        with DaebusCaller(name, redis_url=cluster.url) as other, pytest.raises(ServiceUnavailable):
            other.send_request("echo")
    finally:
        app.stop(grace=1)


def test_what_nobody_serves_is_never_published(cluster: Cluster, url: str, name: str) -> None:
    with DaebusCaller(name, redis_url=url) as caller:
        before = published(cluster)
        with pytest.raises(ServiceUnavailable, match="nobody serves"):
            caller.send_request("echo")
        with pytest.raises(ServiceUnavailable):
            caller._requester.start(name, "echo")
        assert published(cluster) - before <= 3, "no more than probes, and what it says of its reply channel"
        with serving(echoing(name), url, name):
            assert caller.send_request("echo", {"n": 7}) == {"n": 7}


def published(cluster: Cluster) -> int:
    total = 0
    for node in cluster.nodes:
        with node.client() as client:
            stats = client.info("commandstats")
        total += stats.get("cmdstat_spublish", {"calls": 0})["calls"]
    return total


def test_listeners_at_other_masters_hear_too(cluster: Cluster, url: str, name: str) -> None:
    heard: list[object] = []
    app = echoing(name)
    channels = list(names(f"{name}.news"))
    for channel in channels:
        app.listen(channel)(heard.append)
    with serving(app, url, name), Requester(url) as requester, DaebusCaller(name, redis_url=url) as caller:
        for number, channel in enumerate(channels):
            assert requester.publish(channel, b'{"a": %d}' % number) == 1
        eventually(lambda: len(heard) == 3)
        assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        with DaebusCaller(f"daebus.control.{name}", redis_url=url) as control:
            assert control.send_request("info")["service"] == name


def test_many_threads_ask(cluster: Cluster, url: str, name: str) -> None:
    done: list[object] = []
    with serving(echoing(name), url, name), DaebusCaller(name, redis_url=url) as caller:

        def ask() -> None:
            for number in range(50):
                assert caller.send_request("echo", {"n": number}) == {"n": number}
            done.append(None)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(done) == 8


def test_shared_work_is_done_once(cluster: Cluster, url: str, name: str) -> None:
    runs: list[str] = []
    apps = []
    for _ in range(3):
        app = Daebus(name)

        @app.action("count")
        def count() -> dict[str, int]:
            runs.append(str(request.request_id))
            return {}

        app.start(service=name, redis_url=url, shared=True)
        apps.append(app)
    try:
        with DaebusCaller(name, redis_url=url) as caller:
            for _ in range(30):
                caller.send_request("count")
            with pytest.raises(Exception, match="unknown action"):
                caller.send_request("nonsense")
        assert len(runs) == len(set(runs)) == 30
    finally:
        for app in apps:
            app.stop(grace=2)


def test_the_liveness_of_both_sides_is_proven(cluster: Cluster, url: str, name: str) -> None:
    with serving(echoing(name), url, name) as app, DaebusCaller(name, redis_url=url) as caller:
        caller.send_request("echo")
        service = app._service
        assert service is not None
        eventually(lambda: service.info()["redis"]["round_trip"] is not None)
        assert service.info()["redis"]["mode"] == "cluster"
        owner = next(
            node
            for node in cluster.nodes
            if name.encode() in order(node, "PUBSUB", "SHARDCHANNELS", name + "*")
            or name in order(node, "PUBSUB", "SHARDCHANNELS", name + "*")
        )
        assert str(owner.port) in str(service.info()["redis"]["at"])


def test_an_asyncio_caller_finds_them_too(url: str, name: str) -> None:
    async def ask(each: str) -> None:
        async with AsyncDaebusCaller(each, redis_url=url) as caller:
            answers = await asyncio.gather(*(caller.send_request("echo", {"n": n}) for n in range(50)))
            assert answers == [{"n": n} for n in range(50)]
            assert await caller.send_message("echo", {"n": 1}) == 1
        async with AsyncDaebusCaller(f"{each}.none", redis_url=url.partition("?")[0], sharded=True) as caller:
            with pytest.raises(ServiceUnavailable, match="nobody serves"):
                await caller.send_request("echo")

    for each in names(name):
        with serving(echoing(each), url, each):
            asyncio.run(ask(each))


def test_a_redis_that_is_no_cluster_is_said_to_be_none(name: str) -> None:
    server = RedisServer().start()
    try:
        with (
            DaebusCaller(name, redis_url=server.url, sharded=True) as caller,
            pytest.raises(RedisUnavailable, match="needs a cluster of Redis 7 or later, or of Valkey"),
        ):
            caller.send_request("echo")
        with pytest.raises(RedisUnavailable, match="needs a cluster"):
            echoing(name).start(service=name, redis_url=server.url, sharded=True)
    finally:
        server.close()


@pytest.mark.parametrize("other", ["redis+sentinel://h:1/mymaster", "unix:///tmp/redis.sock"])
def test_what_cannot_be_sharded_is_refused_at_once(other: str) -> None:
    with pytest.raises(ConfigurationError, match="needs a cluster"):
        DaebusCaller("orders", redis_url=other, sharded=True)
    with pytest.raises(ConfigurationError, match="needs a cluster"):
        AsyncDaebusCaller("orders", redis_url=other, sharded=True)
    with pytest.raises(ConfigurationError, match="needs a cluster"):
        Daebus("orders").start(service="orders", redis_url=other, sharded=True)
    with pytest.raises(ConfigurationError, match="sharded is true or false"):
        Daebus("orders").start(service="orders", redis_url="redis+cluster://h:1?sharded=maybe")


def test_who_only_watches_a_channel_is_not_taken_for_a_service(cluster: Cluster, url: str, name: str) -> None:
    raw = name.encode()
    masters = [node for node in cluster.nodes if order(node, "ROLE")[0] == "master"]
    master = next(node for node in masters if _has(node, raw))
    with master.client() as client, client.pubsub() as watcher, DaebusCaller(name, redis_url=url) as caller:
        watcher.execute_command("SSUBSCRIBE", raw, watched(raw))
        eventually(lambda: order(master, "PUBSUB", "SHARDNUMSUB", name)[1] == 1)
        with pytest.raises(ServiceUnavailable):
            caller.send_request("echo")


def _has(node: RedisServer, channel: bytes) -> bool:
    """Whether the channel is that node's."""
    try:
        order(node, "SPUBLISH", channel, "")
        return True
    except redis.ResponseError:
        return False


def test_broadcasts_and_the_cache_go_there_too(
    cluster: Cluster, url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[object] = []
    app = echoing(name)
    app.listen(f"{name}.news")(heard.append)

    @app.action("tell")
    def tell() -> dict[str, object]:
        app.cache.set(f"{name}:told", 1)
        return {"heard": broadcast.send(f"{name}.news", {"n": 1}), "cached": app.cache.get(f"{name}:told")}

    with serving(app, url, name), DaebusCaller(name, redis_url=url) as caller:
        assert caller.send_request("tell") == {"heard": 1, "cached": "1"}
        eventually(lambda: heard == [{"n": 1}])
    monkeypatch.setenv("DAEBUS_REDIS_URL", url)
    with Requester() as requester:
        assert isinstance(requester._here()._choose_bus(), ShardedBus)
