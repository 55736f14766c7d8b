"""Slots move, masters are killed, stopped and replaced under load, with sharded Pub/Sub: the same is promised."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller, DaebusError, RedisUnavailable, request
from daebus.client.aio.sharded import ShardedSession
from daebus.transport.bus import ShardedBus, bus_at
from daebus.transport.commands import Pending
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.shards.aio import AsyncDoors
from daebus.transport.shards.door import is_missed
from daebus.wire.sharded import slot_of
from tests.support.framework_services import serving
from tests.support.hammer import hammering
from tests.support.several import Cluster, ClusterServer, order
from tests.support.slots import masters, move, names, owner, promote, replicates, with_slot
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("several"), pytest.mark.fault]


def test_the_slot_of_a_service_moves(cluster: Cluster, url: str) -> None:
    with hammering(url, services=2, shared=True) as hammer:
        for _ in range(3):
            source = owner(cluster, hammer.name)
            target = next(node for node in masters(cluster) if node is not source)
            move(cluster, slot_of(hammer.name.encode()), source, target)
            assert hammer.goes_on() < 3
            assert owner(cluster, hammer.name) is target


def test_the_slot_of_a_caller_moves(cluster: Cluster, url: str) -> None:
    with hammering(url, callers=1) as hammer:
        for _ in range(3):
            for source in masters(cluster):
                target = next(node for node in masters(cluster) if node is not source)
                for channel in order(source, "PUBSUB", "SHARDCHANNELS", "caller:*"):
                    move(cluster, slot_of(channel.encode()), source, target)
            assert hammer.goes_on() < 3


def test_the_slot_of_an_asyncio_caller_moves_while_it_connects(
    cluster: Cluster, url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    introduce, moved = ClusterLookout.introduce, list[str]()

    def moving(lookout: ClusterLookout, channel: str) -> None:
        # It has subscribed, and nothing of it has begun.
        if not moved:
            moved.append(channel)
            source = owner(cluster, channel)
            target = next(node for node in masters(cluster) if node is not source)
            move(cluster, slot_of(channel.encode()), source, target)
        introduce(lookout, channel)

    async def call() -> object:
        async with AsyncDaebusCaller(name, redis_url=url, timeout=10) as caller:
            return await caller.send_request("echo", {"n": 1})

    app = Daebus(name)
    app.action("echo")(lambda: request.payload)
    with serving(app, url, name):
        monkeypatch.setattr(ClusterLookout, "introduce", moving)
        assert asyncio.run(call()) == {"n": 1}
    assert len(moved) == 1


def test_a_slot_moves_where_nothing_happens(cluster: Cluster, url: str, name: str) -> None:
    app = Daebus(name)
    app.action("echo")(lambda: request.payload)
    with serving(app, url, name), DaebusCaller(name, redis_url=url) as caller:
        assert caller.send_request("echo", {"n": 1}) == {"n": 1}
        source = owner(cluster, name)
        move(cluster, slot_of(name.encode()), source, next(node for node in masters(cluster) if node is not source))
        # Nobody has noticed yet, maybe: it is served, and must be said to be.
        begun = time.monotonic()
        assert caller.send_request("echo", {"n": 2}) == {"n": 2}
        assert time.monotonic() - begun < 3


def test_a_slot_that_comes_to_a_node_with_a_door_is_reached_through_that(
    cluster: Cluster, url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more would take its place, and nobody would close the first."""

    async def reach() -> None:
        found = bus_at(url)
        assert isinstance(found, ShardedBus)
        slots, raw = found.lookout.slots, name.encode()
        doors = AsyncDoors(found.lookout, "test", name, lambda _error: None)
        deadline = asyncio.get_running_loop().time() + 20
        first = await doors.toward(raw, deadline)
        owner_of, told = slots.owner, [None, None]
        # When it is looked at it has no owner, and when it is asked for there is one: with the same node.
        monkeypatch.setattr(slots, "owner", lambda slot: told.pop() if told else owner_of(slot))
        assert await doors.toward(raw, deadline) is first
        doors.close()
        await first.closed

    asyncio.run(reach())


def test_what_is_published_once_more_is_handled_once(
    cluster: Cluster, url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A master says 0 of what those get who are still at the replica that was master before: told so, callers repeat.

    What is sent twice alike by others is two requests, as everywhere.
    """
    runs, told = Counter[str](), list[str]()

    def missed_at_first(where: str, command: Pending, present: int | None) -> bool:
        first = where not in told
        told.append(where)
        return first or is_missed(command, present)

    threads, tasks = "daebus.transport.shards.publisher", "daebus.client.aio.sharded"
    for where in (threads, tasks):
        monkeypatch.setattr(f"{where}.is_missed", partial(missed_at_first, where))

    async def call() -> object:
        async with AsyncDaebusCaller(name, redis_url=url, timeout=10) as caller:
            return await caller.send_request("echo", {"until": tasks})

    app = Daebus(name)

    @app.action("echo")
    def echo() -> dict[str, int]:
        runs[str(request.request_id)] += 1
        if where := request.payload.get("until"):
            # An answer would end the call before.
            eventually(lambda: told.count(where) >= 2)
        return request.payload

    with serving(app, url, name), DaebusCaller(name, redis_url=url) as caller:
        assert caller.send_request("echo", {"until": threads}) == {"until": threads}
        assert asyncio.run(call()) == {"until": tasks}
        for data in ('{"action":"echo","request_id":"a"}', '{"action":"echo","request_id":"a"}'):
            assert order(owner(cluster, name), "SPUBLISH", name, data) == 1
        # In order: what came before it has come.
        assert caller.send_request("echo", {"n": 3}) == {"n": 3}
        eventually(lambda: runs["a"] == 2)
    assert [count for one, count in runs.items() if one != "a"] == [1, 1, 1]


def test_the_master_of_a_service_is_killed(cluster: Cluster, url: str) -> None:
    with hammering(url, services=2, shared=True) as hammer:
        owner(cluster, hammer.name).kill()
        hammer.goes_on()


def test_the_master_of_a_service_stops_answering(cluster: Cluster, url: str) -> None:
    with hammering(url) as hammer:
        hammer.outlasts(owner(cluster, hammer.name))


def test_half_of_them_stop_and_go_on(cluster: Cluster, url: str) -> None:
    with hammering(url) as hammer:
        stopped = owner(cluster, hammer.name)
        # Slots whose master and replica are both away stay away.
        others = [node for node in cluster.nodes if node not in masters(cluster) and replicates(node) != stopped.port]
        hammer.outlasts(stopped, *others[:2])


@pytest.fixture
def named(cluster: Cluster) -> Iterator[Cluster]:
    """Nodes that go by a name."""

    def name(hostname: str, kind: str) -> None:
        for node in cluster.nodes:
            order(node, "CONFIG", "SET", "cluster-announce-hostname", hostname)
            order(node, "CONFIG", "SET", "cluster-preferred-endpoint-type", kind)

    name("localhost", "hostname")
    yield cluster
    name("", "ip")


def test_nodes_that_go_by_names_are_found(url: str, named: Cluster) -> None:
    with hammering(url.replace("127.0.0.1", "localhost"), services=2, shared=True) as hammer:
        for _ in range(2):
            source = owner(named, hammer.name)
            target = next(node for node in masters(named) if node is not source)
            move(named, slot_of(hammer.name.encode()), source, target)
            hammer.goes_on()


def test_a_replica_is_promoted(cluster: Cluster, url: str) -> None:
    with hammering(url, services=2, shared=True) as hammer:
        master = owner(cluster, hammer.name)
        replica = next(node for node in cluster.nodes if replicates(node) == master.port)
        promote(replica)
        assert hammer.goes_on() < 5
        eventually(lambda: owner(cluster, hammer.name) is replica)


@pytest.fixture
def lone(url: str) -> Iterator[Cluster]:
    """Three masters without a replica, in a cluster of its own: what is lost comes back only when it is started."""
    del url  # only where there is sharded Pub/Sub
    made = Cluster(3, 0, "--cluster-require-full-coverage", "no").start()
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("timeout", [1.5, 60.0])
def test_callers_of_either_kind_say_at_once_that_the_node_of_their_answers_is_gone(
    lone: Cluster, name: str, timeout: float
) -> None:
    there = f"{lone.url}?sharded=true"

    async def ask(service: str, reply_channel: str) -> None:
        async with AsyncDaebusCaller(service, redis_url=there) as caller:
            session = caller._session()
            session.reply_channel = reply_channel
            await caller.send_request("echo", {})
            lost = owner(lone, reply_channel)
            lost.kill()
            await asyncio.to_thread(eventually, lambda: session._subscription is None)
            for _ in range(3):
                with pytest.raises(DaebusError) as failed:
                    await caller.send_request("echo", {}, timeout=timeout)
                assert type(failed.value) is RedisUnavailable, failed.value
            await asyncio.to_thread(lost.start)
            await asyncio.to_thread(lone.await_whole)
            await caller.send_request("echo", {}, timeout=20)

    def ask_in_threads(service: str, reply_channel: str) -> None:
        with DaebusCaller(service, redis_url=there) as caller:
            caller._requester.reply_channel = reply_channel
            caller.send_request("echo", {})
            lost = owner(lone, reply_channel)
            lost.kill()
            eventually(lambda: not caller._requester._replies.listener.connected)  # type: ignore[union-attr]
            for _ in range(3):
                with pytest.raises(DaebusError) as failed:
                    caller.send_request("echo", {}, timeout=timeout)
                assert type(failed.value) is RedisUnavailable, failed.value
            lost.start()
            lone.await_whole()

    service, *_rest = names(name)
    app = Daebus(service)
    app.action("echo")(dict)
    with serving(app, there, service):
        for number, asked in enumerate((ask_in_threads, lambda *given: asyncio.run(ask(*given)))):
            *_rest, reply_channel = names(f"caller:{name}{number}")
            asked(service, reply_channel)


def test_who_waits_for_a_node_that_says_nothing_waits_no_longer_than_his_own_time(lone: Cluster, name: str) -> None:
    """Each in turn waited for a connection of his own, also when his time was over."""
    ended = list[float]()

    async def ask(caller: AsyncDaebusCaller, timeout: float) -> None:
        with pytest.raises(DaebusError):
            await caller.send_request("echo", {}, timeout=timeout)
        ended.append(timeout)

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        ended.append(seconds)

    async def ask_all(service: str, reply_channel: str) -> None:
        async with AsyncDaebusCaller(service, redis_url=f"{lone.url}?sharded=true") as caller:
            session = caller._session()
            session.reply_channel = reply_channel
            await session.publish(reply_channel, b"{}")
            node_of(lone, service).freeze()
            await asyncio.gather(*(ask(caller, 0.2) for _ in range(10)), sleep(4.0))

    service, _other, reply_channel = names(name)
    asyncio.run(ask_all(service, reply_channel))
    assert ended == [0.2] * 10 + [4.0]


def test_a_connection_that_takes_longer_than_a_call_waits_is_made_for_the_next(lone: Cluster, name: str) -> None:
    async def ask(service: str, reply_channel: str) -> None:
        async with AsyncDaebusCaller(service, redis_url=f"{lone.url}?sharded=true") as caller:
            session = caller._session()
            assert isinstance(session, ShardedSession)
            session.reply_channel = reply_channel
            await session.publish(reply_channel, b"{}")
            session._cluster._patience = 20.0
            node = node_of(lone, service)
            node.freeze()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(caller.send_request("echo", {}), 0.2)
            node.thaw()
            await asyncio.to_thread(eventually, lambda: session._doors.open_door(service.encode()) is not None)

    service, _other, reply_channel = names(name)
    asyncio.run(ask(service, reply_channel))


def node_of(cluster: Cluster, channel: str) -> ClusterServer:
    found = with_slot(cluster, slot_of(channel.encode()))
    assert found is not None
    return found
