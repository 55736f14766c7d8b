"""Asking several servers, some of which do not answer: nobody waits for those but who finds it out."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from daebus import AsyncDaebusCaller, Daebus, DaebusCaller
from daebus.errors import ConnectionLost, RedisUnavailable, RequestTimeout, TooLate
from daebus.transport.address import CONNECT_TIMEOUT, RedisAddress
from daebus.transport.link import Link
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.dialing import dial, lookout_of
from daebus.transport.places.links import AWAY_FOR, CONNECT_WITHIN, Links
from daebus.transport.places.lookout import PATIENCE
from daebus.transport.places.route import Place, route_of
from daebus.wire.resp import pack
from tests.support.proxy import Proxy
from tests.support.redis_server import RedisServer
from tests.support.several import Cluster, is_old, order
from tests.support.waiting import eventually

PING = pack(b"PING")


def links_to() -> Links:
    return Links(lambda place: RedisAddress(f"redis://{place}"), "test")


@pytest.fixture
def mute() -> Iterator[list[Place]]:
    """Servers that take connections and say nothing."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128)) for _ in range(6)]
        yield [Place("127.0.0.1", one.getsockname()[1]) for one in sockets]


def test_those_that_say_nothing_are_waited_for_side_by_side_and_once(redis_url: str, mute: list[Place]) -> None:
    port = RedisAddress(redis_url).client().connection_pool.connection_kwargs["port"]
    here, links = Place("127.0.0.1", int(port)), links_to()
    ends: list[float] = []

    def ask() -> None:
        begun = time.monotonic()
        for _ in range(10):
            told = links.ask([*mute, here], PING, 1, 1.0)
            assert not isinstance(told[here], RedisUnavailable)
            assert all(isinstance(told[place], RedisUnavailable) for place in mute)
        ends.append(time.monotonic() - begun)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    links.close()
    assert len(ends) == 8
    # One after the other, of each six times half a second for each of 80 questions, it would take minutes.
    assert max(ends) < 10 * (CONNECT_WITHIN + AWAY_FOR)


def test_one_that_stops_is_left_alone_for_a_while_and_asked_again_when_it_goes_on(own_redis: RedisServer) -> None:
    here, links = Place("127.0.0.1", own_redis.port), links_to()
    assert not isinstance(links.ask([here], PING, 1, 1.0)[here], RedisUnavailable)
    own_redis.freeze()
    assert "does not answer" in str(links.ask([here], PING, 1, 0.1)[here])
    # It is not asked: that would take ten seconds.
    begun = time.monotonic()
    assert "does not answer" in str(links.ask([here], PING, 1, 10.0)[here])
    assert time.monotonic() - begun < 5
    own_redis.thaw()
    deadline = time.monotonic() + 10
    while isinstance(links.ask([here], PING, 1, 1.0)[here], RedisUnavailable):
        assert time.monotonic() < deadline
    links.close()


def test_one_that_closes_its_connections_is_connected_to_at_once(own_redis: RedisServer) -> None:
    here, links = Place("127.0.0.1", own_redis.port), links_to()
    links.ask([here], PING, 1, 1.0)
    with own_redis.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert isinstance(links.ask([here], PING, 1, 1.0)[here], RedisUnavailable)
    assert not isinstance(links.ask([here], PING, 1, 1.0)[here], RedisUnavailable)
    links.close()


def test_what_one_owes_to_who_was_interrupted_is_taken_for_no_answer_to_others(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each question has the answer to the one before from then on."""

    def interrupted(_link: Link, _deadline: float) -> None:
        raise KeyboardInterrupt

    here, links = Place("127.0.0.1", own_redis.port), links_to()
    assert links.ask([here], PING, 1, 10.0)[here] == [b"PONG"]
    with monkeypatch.context() as patch:
        patch.setattr(Link, "next_reply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            links.ask([here], pack(b"ECHO", b"first"), 1, 10.0)
    for text in (b"second", b"third"):
        assert links.ask([here], pack(b"ECHO", text), 1, 10.0)[here] == [text]
    links.close()


@pytest.mark.parametrize("ends", [ConnectionLost, KeyboardInterrupt])
def test_those_who_wait_while_a_connection_is_lost_to_another_one_are_answered_on_a_new_one(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, ends: type[BaseException]
) -> None:
    here, links = Place("127.0.0.1", own_redis.port), links_to()
    assert links.ask([here], PING, 1, 10.0)[here] == [b"PONG"]
    reply, connect, looked = Link.next_reply, links._connect, threading.Semaphore(0)
    first, told = threading.current_thread(), list[object]()

    def lost(link: Link, deadline: float) -> object:
        if threading.current_thread() is not first:
            return reply(link, deadline)
        for thread in others:
            thread.start()
            assert looked.acquire(timeout=60)
        raise ends("lost")

    def connecting(places: list[Place], within: float) -> None:
        connect(places, within)
        if threading.current_thread() is not first:
            looked.release()

    others = [threading.Thread(target=lambda: told.append(links.ask([here], PING, 1, 10.0)[here])) for _ in range(2)]
    monkeypatch.setattr(Link, "next_reply", lost)
    monkeypatch.setattr(links, "_connect", connecting)
    with suppress(KeyboardInterrupt):
        assert isinstance(links.ask([here], PING, 1, 10.0)[here], ConnectionLost)
    for thread in others:
        thread.join()
    assert told == [[b"PONG"]] * 2
    links.close()


def test_one_that_was_away_is_tried_again_while_nobody_waits(
    mute: list[Place], own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each of those who ask pays for it in turn: callers with a second to spare were not served for three."""
    gone, links = mute[0], links_to()
    assert isinstance(links.ask([gone], PING, 1, 0.1)[gone], RedisUnavailable)
    monkeypatch.setattr("daebus.transport.places.links.AWAY_FOR", 0.0)
    monkeypatch.setattr("daebus.transport.places.links.CONNECT_WITHIN", 30.0)
    begun = time.monotonic()
    for _ in range(5):
        assert isinstance(links.ask([gone], PING, 1, 30.0)[gone], RedisUnavailable)
    assert time.monotonic() - begun < 15
    links.close()
    # One that is back is found beside, too.
    here = Place("127.0.0.1", own_redis.port)
    own_redis.kill()
    assert isinstance(links.ask([here], PING, 1, 1.0)[here], RedisUnavailable)
    own_redis.start()
    eventually(lambda: not isinstance(links.ask([here], PING, 1, 1.0)[here], RedisUnavailable))
    links.close()


def test_an_interrupt_where_one_is_to_be_tried_again_does_not_keep_it_away(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("daebus.transport.places.links.AWAY_FOR", 0.0)
    here, links = Place("127.0.0.1", own_redis.port), links_to()
    own_redis.kill()
    assert isinstance(links.ask([here], PING, 1, 1.0)[here], RedisUnavailable)
    with monkeypatch.context() as patch:
        patch.setattr("daebus.transport.places.links.begin", interrupted)
        with pytest.raises(KeyboardInterrupt):
            links.ask([here], PING, 1, 1.0)
    own_redis.start()
    eventually(lambda: links.ask([here], PING, 1, 1.0)[here] == [b"PONG"])
    links.close()


def test_where_the_way_is_long_one_is_waited_for_as_long_as_connecting_may_take() -> None:
    """Else whoever is far away, and has to log in as well, would never be told who the master is."""
    server = RedisServer(password="geheim").start()
    try:
        with Proxy(server.port, pace=0.25) as proxy:
            here = Place("127.0.0.1", proxy.port)
            links = Links(lambda place: RedisAddress(f"redis://:geheim@{place}"), "test")
            assert isinstance(links.ask([here], PING, 1, 10.0)[here], RedisUnavailable)
            assert links.ask([here], PING, 1, 10.0, patient=True)[here] == [b"PONG"]
            links.close()
            # One that was away is connected to beside, with that much time.
            assert isinstance(links.ask([here], PING, 1, 10.0)[here], RedisUnavailable)
            eventually(lambda: links.ask([here], PING, 1, 10.0)[here] == [b"PONG"], within=30)
            links.close()
    finally:
        server.close()


def test_one_that_stood_still_while_it_was_connected_to_is_not_taken_to_be_far_away(own_redis: RedisServer) -> None:
    """Else it is waited for so much longer each time that it stands still, by whoever asks the others as well."""
    here, links, stood = Place("127.0.0.1", own_redis.port), links_to(), 0.5
    own_redis.freeze()
    assert isinstance(links.ask([here], PING, 1, 0.1)[here], RedisUnavailable)
    asking = threading.Thread(target=lambda: links.ask([here], PING, 1, 10.0, patient=True))
    asking.start()
    eventually(lambda: links._is_under_way(here))
    begun = time.monotonic()
    eventually(lambda: time.monotonic() > begun + stood)
    own_redis.thaw()
    asking.join()
    assert links._links

    def is_near() -> bool:
        assert links.ask([here], PING, 1, 10.0)[here] == [b"PONG"]
        return max(links.way, links.longest_way) < stood

    eventually(is_near)
    links.close()


def test_the_farthest_is_known_as_well_as_the_nearest(own_redis: RedisServer) -> None:
    near, links = Place("127.0.0.1", own_redis.port), links_to()
    with Proxy(own_redis.port, delay=0.1) as proxy:
        far = Place("127.0.0.1", proxy.port)
        for _ in range(3):
            told = links.ask([near, far], PING, 1, 10.0)
            assert told == {near: [b"PONG"], far: [b"PONG"]}
        assert links.way < links.longest_way >= 0.2
        links.close()
        assert links.longest_way == links.way


def test_a_server_may_take_more_time_where_none_was_in_time_yet_or_the_way_is_known_to_be_long() -> None:
    route = route_of("redis+cluster://127.0.0.1:1")
    assert route is not None
    lookout = ClusterLookout("here", route)
    assert lookout.patience == PATIENCE
    assert lookout.was_late(PATIENCE)
    assert lookout.patience == 2 * PATIENCE
    # One that had less time than that tells nothing, nor do those that were waited for beside it.
    assert lookout.was_late(PATIENCE / 10)
    assert lookout.was_late(PATIENCE)
    assert lookout.patience == 2 * PATIENCE
    assert lookout.was_late(2 * PATIENCE)
    assert not lookout.was_late(CONNECT_TIMEOUT)
    assert lookout.patience == CONNECT_TIMEOUT
    lookout.took(0.01)
    assert lookout.patience == PATIENCE
    # It was near, and so the others are waited for no longer: one that stands still is left soon.
    assert not lookout.was_late(PATIENCE)
    lookout.took(0.5)
    assert lookout.patience == 3 * 0.5


@pytest.mark.parametrize("more", ["", "?sharded=true"], ids=["classic", "sharded"])
def test_a_cluster_at_the_end_of_a_long_way_answers_the_first_call_and_is_kept(name: str, more: str) -> None:
    """To be told anything there takes longer than a near one may take for it, and to log in as long again."""
    if more and is_old():
        pytest.skip("Redis 6 has no sharded Pub/Sub")
    cluster = Cluster(1, 0)
    try:
        (node,) = cluster.start().nodes
        with Proxy(node.port, delay=0.3) as proxy:
            order(node, "CONFIG", "SET", "cluster-announce-port", proxy.port)
            order(node, "CONFIG", "SET", "requirepass", "geheim")
            node.password = "geheim"
            app = Daebus(name)
            app.action("echo")(lambda: {"a": 1})
            app.start(service=name, redis_url=f"redis+cluster://:geheim@127.0.0.1:{proxy.port}{more}")
            try:
                # Another URL, of which nothing is known yet.
                far = f"redis+cluster://:geheim@127.0.0.1:{proxy.port},127.0.0.1:{proxy.port}{more}"
                lookout = lookout_of(RedisAddress(far))
                assert isinstance(lookout, ClusterLookout)
                with DaebusCaller(name, redis_url=far, timeout=60) as caller:
                    assert caller.send_request("echo") == {"a": 1}
                    before = dict(lookout.links._links)
                    assert before
                    lookout.look()
                    assert lookout.links._links == before
            finally:
                app.stop(grace=2)
    finally:
        cluster.close()


def test_of_a_cluster_that_says_nothing_it_is_said_that_it_does_not_answer(mute: list[Place]) -> None:
    """Not that the time was over before it was connected to: those who were asked where to be took all of it."""
    for seeds in (mute[:1], mute):
        where = f"redis+cluster://{','.join(map(str, seeds))}"
        with pytest.raises(RedisUnavailable) as failed:
            dial(RedisAddress(where), "test")
        assert str(failed.value) == f"no server of {where} answers in time"
        lookout = lookout_of(RedisAddress(where))
        assert lookout is not None
        assert lookout.patience == PATIENCE, "none of them had its time, so that none was late"


def test_who_has_no_more_time_does_not_wait_until_servers_have_said_nothing_for_long(mute: list[Place]) -> None:
    """It takes 3.5 s to find out that none of them answers; whoever has a little less would wait as long."""
    where = f"redis+cluster://{mute[0]},{mute[1]}"
    with pytest.raises(TooLate, match="the time was over before it was found out where the servers of"):
        dial(RedisAddress(where), "test", time.monotonic() + 2.7)
    lookout = lookout_of(RedisAddress(where))
    assert lookout is not None
    lookout.look_after(now := time.monotonic(), now + 0.01)
    # It goes on beside.
    assert lookout._looking.locked()
    eventually(lambda: not lookout._looking.locked())


def asks(name: str) -> bool:
    """Whether a thread of that name is at it."""
    return any(thread.name == name for thread in threading.enumerate())


def test_who_has_little_time_waits_no_longer_for_sentinels_that_say_nothing(mute: list[Place]) -> None:
    address = RedisAddress(f"redis+sentinel://{','.join(map(str, mute[:2]))}/mymaster")
    with pytest.raises(TooLate, match="before it was found out where the servers of"):
        dial(address, "test", time.monotonic() + 0.05)
    assert asks("daebus-in-time")
    eventually(lambda: not asks("daebus-in-time"))


def test_an_event_loop_ends_though_sentinels_say_nothing(mute: list[Place]) -> None:
    async def ask() -> None:
        url = f"redis+sentinel://{','.join(map(str, mute[:2]))}/mymaster"
        async with AsyncDaebusCaller("svc", redis_url=url) as caller:
            with pytest.raises(RequestTimeout):
                await caller.send_request("echo", timeout=0.05)

    asyncio.run(ask())
    assert asks("daebus-beside")
    eventually(lambda: not asks("daebus-beside"))


def test_of_sentinels_that_say_nothing_it_is_said_that_the_master_is_not_to_be_found(mute: list[Place]) -> None:
    """Also where it is tried more than once, and the last time is cut short."""
    where = f"redis+sentinel://{','.join(map(str, mute[:2]))}/mymaster"
    lookout = lookout_of(RedisAddress(where))
    assert lookout is not None
    # They have been asked before, so that the first round is soon over.
    with pytest.raises(RedisUnavailable):
        lookout.candidates()
    with pytest.raises(RedisUnavailable, match=r"cannot find the master 'mymaster' of .* does not answer") as failed:
        dial(RedisAddress(where), "test", patient=True)
    assert type(failed.value) is RedisUnavailable


def test_callers_share_few_threads_to_find_out_where_servers_are_that_say_nothing(mute: list[Place]) -> None:
    url = f"redis+sentinel://{','.join(map(str, mute[:2]))}/mymaster"

    async def ask() -> None:
        async with AsyncDaebusCaller("svc", redis_url=url) as caller:
            with pytest.raises(RequestTimeout):
                await caller.send_request("echo", timeout=0.5)

    async def ask_all() -> int:
        asked = asyncio.gather(*(ask() for _ in range(60)))
        most = 0
        while not asked.done():
            most = max(most, sum(thread.name == "daebus-beside" for thread in threading.enumerate()))
            await asyncio.sleep(0.01)
        await asked
        return most

    assert 1 < asyncio.run(ask_all()) <= 20
    eventually(lambda: not asks("daebus-beside"))
