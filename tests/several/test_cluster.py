"""A cluster as the bus: whoever is at whichever node finds and hears each other, and nobody is told what is not so."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, Requester, ServiceUnavailable, request, response
from daebus.transport.address import RedisAddress
from daebus.transport.places import dialing
from daebus_console.engine.session import Session
from tests.integration.processes.test_forks import IN_CHILDREN, output_of
from tests.integration.serving.test_circles import TIMES, TRIES, circles, is_little
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.several import Cluster, ClusterServer, is_old, order
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("several")


def echoing(name: str) -> Daebus:
    app = Daebus(name)
    app.action("echo")(lambda: request.payload)
    return app


def test_who_is_at_one_node_is_found_from_every_other(cluster: Cluster, name: str) -> None:
    with serving(echoing(name), cluster.nodes[1].url, name):
        for node in cluster.nodes:
            with DaebusCaller(name, redis_url=node.url) as caller:
                assert caller.send_request("echo", {"n": 1}) == {"n": 1}
                assert caller.send_request("echo", {"n": 2}) == {"n": 2}


@pytest.mark.parametrize("sharded", [False, True])
def test_who_is_there_is_found_out_on_no_thread_that_an_event_loop_waits_for(cluster: Cluster, sharded: bool) -> None:
    """`asyncio.run` waits for those of `asyncio.to_thread`, however long nodes say nothing."""
    if sharded and is_old():
        pytest.skip("Redis 6 has no sharded Pub/Sub")

    async def ask() -> None:
        async with AsyncDaebusCaller("nobody", redis_url=cluster.url, sharded=sharded) as caller:
            with pytest.raises(ServiceUnavailable):
                await caller.send_request("echo")
        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("asyncio")]

    asyncio.run(ask())


def test_an_asyncio_caller_finds_it_too(cluster: Cluster, name: str) -> None:
    async def ask() -> None:
        async with AsyncDaebusCaller(name, redis_url=cluster.url) as caller:
            answers = await asyncio.gather(*(caller.send_request("echo", {"n": n}) for n in range(50)))
            assert answers == [{"n": n} for n in range(50)]
        async with AsyncDaebusCaller(f"{name}.none", redis_url=cluster.url) as caller:
            with pytest.raises(ServiceUnavailable, match="nobody serves"):
                await caller.send_request("echo")

    with serving(echoing(name), cluster.url, name):
        asyncio.run(ask())


def test_who_is_told_that_nobody_serves_leaves_no_circles(cluster: Cluster, name: str) -> None:
    async def ask() -> None:
        async with AsyncDaebusCaller(name, redis_url=cluster.url) as caller:

            async def fail() -> None:
                with pytest.raises(ServiceUnavailable):
                    await caller.send_request("echo")

            await fail()
            for _ in range(TRIES):
                with circles() as found:
                    for _ in range(TIMES):
                        await fail()
                if is_little(found):
                    break
            assert is_little(found), found

    asyncio.run(ask())


def streaming(name: str) -> tuple[Daebus, list[int], threading.Event]:
    """An app that streams in three ways, what `response.send` said there, and what is set when a stream was closed."""
    app, told, closed = Daebus(name), list[int](), threading.Event()

    @app.action("yields")
    def yields() -> Iterator[dict[str, int]]:
        try:
            for number in range(request.payload["parts"]):
                yield {"n": number}
        finally:
            closed.set()

    @app.action("yields_async")
    async def yields_async() -> AsyncIterator[dict[str, int]]:
        try:
            for number in range(request.payload["parts"]):
                yield {"n": number}
        finally:
            closed.set()

    @app.action("sends")
    def sends() -> dict[str, int]:
        for number in range(request.payload["parts"] - 1):
            told.append(response.send({"n": number}, final=False))
        return {"n": request.payload["parts"] - 1}

    return app, told, closed


def test_who_asked_at_another_node_gets_all_of_a_stream(cluster: Cluster, name: str) -> None:
    """A node tells of its own subscribers only, and so streams ended where there was none."""
    app, told, _closed = streaming(name)
    with serving(app, cluster.nodes[1].url, name):
        for node in cluster.nodes[:3]:
            with DaebusCaller(name, redis_url=node.url) as caller:
                for action in ("yields", "yields_async", "sends"):
                    assert list(caller.stream_request(action, {"parts": 5})) == [{"n": number} for number in range(5)]
    assert told == [1] * 12


@pytest.mark.parametrize("action", ["yields", "yields_async"])
@pytest.mark.parametrize("sharded", [False, True], ids=["classic", "sharded"])
def test_a_stream_ends_where_who_asked_at_another_node_has_gone(
    cluster: Cluster, name: str, action: str, sharded: bool
) -> None:
    if sharded and is_old():
        pytest.skip("Redis 6 has no sharded Pub/Sub")
    app, _told, closed = streaming(name)
    with serving(app, cluster.nodes[1].url, name, sharded=sharded):
        with DaebusCaller(name, redis_url=cluster.nodes[0].url, timeout=600, sharded=sharded) as caller:
            assert next(iter(caller.stream_request(action, {"parts": 10**9}))) == {"n": 0}
            assert not closed.is_set()
        assert closed.wait(20)


def test_what_nobody_serves_is_never_published(cluster: Cluster, name: str) -> None:
    with cluster.nodes[2].client() as client, client.pubsub() as tap:
        tap.psubscribe(f"{name}*")
        assert tap.get_message(timeout=5)
        with DaebusCaller(name, redis_url=cluster.nodes[0].url) as caller:
            with pytest.raises(ServiceUnavailable, match="nobody serves"):
                caller.send_request("echo")
            with pytest.raises(ServiceUnavailable):
                caller._requester.start(name, "echo")
            with serving(echoing(name), cluster.nodes[4].url, name):
                assert caller.send_request("echo", {"n": 7}) == {"n": 7}
        seen = tap.get_message(timeout=5)
        assert seen is not None
        assert b'"n":7' in seen["data"], "the first that came is the one that was served"


def test_one_that_begins_on_a_node_that_has_just_been_added_is_found(name: str) -> None:
    small = Cluster(masters=1, replicas=0)
    try:
        small.start()
        with DaebusCaller(name, redis_url=small.url) as caller:
            with pytest.raises(ServiceUnavailable):
                caller.send_request("echo")
            node = small.add()
            with serving(echoing(name), node.url, name):
                assert caller.send_request("echo", {"n": 1}) == {"n": 1}
    finally:
        small.close()


_COUNTING = (
    IN_CHILDREN
    + """
from daebus.transport.address import RedisAddress
from daebus.transport.places.dialing import lookout_of
lookout = lookout_of(RedisAddress(url))

def work(who):
    channels = [name.encode()] * (1 + ["parent", "child 0", "child 1", "child 2"].index(who))
    for _ in range(200):
        assert lookout.count(channels, 30.0) == [1] * len(channels)

work("parent")
children = in_children(work)
work("parent")
end(children)
"""
)


def test_a_forked_child_asks_the_nodes_over_connections_of_its_own(cluster: Cluster, name: str) -> None:
    app = Daebus(name)
    app.action("echo")(lambda: request.payload)
    with serving(app, cluster.url, name):
        assert "ended [0, 0, 0]" in output_of(_COUNTING, cluster.url, name)


def test_broadcasts_reach_every_node(cluster: Cluster, name: str) -> None:
    heard: list[object] = []
    app = Daebus(name)
    app.listen(f"{name}.news")(heard.append)
    with serving(app, cluster.nodes[5].url, name), Requester(cluster.nodes[0].url) as requester:
        requester.publish(f"{name}.news", b'{"a": 1}')
        eventually(lambda: heard == [{"a": 1}])


def test_shared_work_is_done_once_though_keys_live_at_one_node(cluster: Cluster, name: str) -> None:
    runs: list[str] = []
    apps = []
    for node in cluster.nodes[:3]:
        app = Daebus(name)

        @app.action("count")
        def count() -> dict[str, int]:
            runs.append(str(request.request_id))
            return {}

        app.start(service=name, redis_url=node.url, shared=True)
        apps.append(app)
    try:
        with DaebusCaller(name, redis_url=cluster.url) as caller:
            for _ in range(30):
                caller.send_request("count")
            with pytest.raises(Exception, match="unknown action"):
                caller.send_request("nonsense")
        assert len(runs) == len(set(runs)) == 30
    finally:
        for app in apps:
            app.stop(grace=2)
    for master in cluster.masters:
        keys = order(master, "KEYS", f"daebus:claim:{{{name}}}:*")
        assert not keys or len(keys) > 30, "all are at one node"


def test_the_cache_is_the_whole_cluster(cluster: Cluster, name: str) -> None:
    app = Daebus(name)

    @app.action("remember")
    def remember() -> dict[str, object]:
        for number in range(20):
            app.cache.set(f"{name}:{number}", number)
        return {"got": [app.cache.get(f"{name}:{number}") for number in range(20)]}

    for url in (cluster.url, cluster.nodes[3].url):
        with serving(app, url, name), DaebusCaller(name, redis_url=cluster.url) as caller:
            assert caller.send_request("remember") == {"got": [str(number) for number in range(20)]}


def test_info_says_where_it_is_and_how_long_a_probe_takes(cluster: Cluster, name: str) -> None:
    with serving(echoing(name), cluster.nodes[0].url, name) as app:
        service = app._service
        assert service is not None
        told: Callable[[], dict[str, object]] = lambda: service.info()["redis"]  # noqa: E731
        eventually(lambda: told()["round_trip"] is not None)
        assert told()["mode"] == "cluster"
        assert told()["at"] == f"redis://127.0.0.1:{cluster.nodes[0].port}/0"


def test_many_threads_ask_who_is_there_once(cluster: Cluster, name: str) -> None:
    with serving(echoing(name), cluster.nodes[1].url, name), DaebusCaller(name, redis_url=cluster.nodes[0].url) as one:
        assert one.send_request("echo", {}) == {}
        before = asked(cluster)
        threads = [threading.Thread(target=one.send_request, args=("echo", {})) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert asked(cluster) - before < 20


def asked(cluster: Cluster) -> int:
    with cluster.nodes[5].client() as client:
        stats = client.info("commandstats")
    return sum(value["calls"] for key, value in stats.items() if key.startswith("cmdstat_pubsub"))


@pytest.mark.parametrize("sharded", [False, True])
def test_when_all_have_stopped_nobody_looks_after_it(cluster: Cluster, name: str, sharded: bool) -> None:
    if sharded and is_old():
        pytest.skip("Redis 6 has no sharded Pub/Sub")
    # A URL of its own, so that nobody else is at it.
    url = f"{cluster.url_of(*cluster.nodes[:2])}/0" + ("?sharded=true" if sharded else "")
    lookout = dialing.lookout_of(RedisAddress(url))
    assert lookout is not None
    session = Session(url)
    gc.disable()
    try:
        with serving(echoing(name), url, name), DaebusCaller(name, redis_url=url) as caller:
            session.start()
            assert session.wait_up(10)
            assert caller.send_request("echo", {}) == {}
            asyncio.run(_ask(url, name))
            assert lookout._thread is not None
        session.stop()
        eventually(lambda: lookout._thread is None, within=20)
    finally:
        gc.enable()
        session.stop()


def test_a_server_that_is_no_node_of_a_cluster_any_more_is_one_server_to_asyncio_callers_too(name: str) -> None:
    node, single = ClusterServer(), RedisServer()
    with ExitStack() as stack:
        stack.callback(single.close)
        stack.callback(node.close)
        node.start()

        async def ask() -> None:
            async with AsyncDaebusCaller(name, redis_url=node.url, timeout=30) as caller:
                with pytest.raises(ServiceUnavailable):
                    await caller.send_request("echo")
                node.kill()
                single.port = node.port
                single.start()
                with serving(echoing(name), single.url, name):
                    assert await caller.send_request("echo", {"n": 1}) == {"n": 1}

        asyncio.run(ask())


async def _ask(url: str, name: str) -> None:
    async with AsyncDaebusCaller(name, redis_url=url) as caller:
        assert await caller.send_request("echo", {}) == {}
