"""A node that stands still answers nobody: who does not need it does not wait for it."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from daebus import Daebus, DaebusError, RedisUnavailable
from daebus.client.requester import Requester
from daebus.errors import TooLate
from daebus.transport.address import RedisAddress
from daebus.transport.commands import Pending
from daebus.transport.keyed import Keys
from daebus.transport.places.cluster import ClusterLookout
from daebus.transport.places.dialing import PATIENCE, dial_place
from daebus.transport.places.route import Place, route_of
from daebus.transport.publisher import Publisher
from daebus.wire.protocol import MOVED_AWAY
from daebus.wire.resp import pack
from daebus.wire.sharded import slot_of
from tests.support.framework_services import serving
from tests.support.redis_server import RedisServer
from tests.support.several import Cluster, order
from tests.support.slots import masters, move, promote, replicates, seen_lost, with_slot
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("several"), pytest.mark.fault]


@pytest.fixture
def lookout(cluster: Cluster) -> Iterator[ClusterLookout]:
    route = route_of(cluster.url)
    assert route is not None
    made = ClusterLookout("here", route)
    made.look()
    yield made
    made.links.close()


def place_of(node: RedisServer) -> Place:
    return Place("127.0.0.1", node.port)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that the test itself connects to."""
    found: list[str] = []
    connect = RedisAddress.open

    def noted(address: RedisAddress, name: str, *given: Any) -> object:
        if name == "test":
            found.append(str(address))
        return connect(address, name, *given)

    monkeypatch.setattr(RedisAddress, "open", noted)
    return found


def test_it_is_not_asked_who_is_there_where_somebody_is_at_another(
    cluster: Cluster, lookout: ClusterLookout, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Daebus(name)
    app.action("echo")(dict)
    frozen = cluster.nodes[0]
    with serving(app, cluster.nodes[1].url, name):
        frozen.freeze()
        # On a busy machine the nodes may hold that of the service to have failed for a moment, which it leaves then.
        eventually(lambda: lookout.count([name.encode()]) == [1], within=20)
        asked: list[Place] = []
        ask = lookout.links.ask

        def noted(places: Iterable[Place], *given: Any) -> object:
            asked.extend(several := list(places))
            return ask(several, *given)

        monkeypatch.setattr(lookout.links, "ask", noted)
        assert lookout.count([name.encode()], all_of=False) == [1]
        assert place_of(cluster.nodes[1]) in asked
        assert place_of(frozen) not in asked
        # Where nobody is, that one may have the last word.
        assert lookout.count([b"nobody"], all_of=False) in ([None], [0])
        assert place_of(frozen) in asked


def test_it_is_not_connected_to_while_the_others_hold_it_to_have_failed(
    cluster: Cluster, lookout: ClusterLookout, opened: list[str]
) -> None:
    frozen = cluster.nodes[4]
    place = place_of(frozen)
    frozen.freeze()
    seen_lost(cluster, frozen)
    eventually(lambda: lookout.look() or lookout.wrong_with(place), within=20)  # type: ignore[func-returns-value]
    with pytest.raises(RedisUnavailable, match=r"cannot connect to Redis at .*: the "):
        dial_place(lookout, place, "test", 0.0)
    assert opened == []
    frozen.thaw()
    cluster.await_whole()
    # That it is back is found out by whoever connects to it.
    dial_place(lookout, place, "test", float("inf")).sock.close()


@pytest.mark.parametrize("seconds", [60.0, 0.05], ids=["time is left", "time is over"])
def test_it_is_waited_for_a_moment_only_while_nobody_knows(
    cluster: Cluster, lookout: ClusterLookout, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """By then another may have taken its place, and the time of whoever asks is not over."""
    deadlines: list[float] = []

    def stands_still(_address: RedisAddress, _name: str, deadline: float) -> object:
        deadlines.append(deadline)
        raise TooLate("it does not answer")

    monkeypatch.setattr(RedisAddress, "open", stands_still)
    before = time.monotonic()
    with pytest.raises(RedisUnavailable, match="it does not answer") as caught:
        dial_place(lookout, place_of(cluster.nodes[4]), "test", before + seconds)
    if seconds < PATIENCE:
        assert deadlines == [before + seconds]
        assert isinstance(caught.value, TooLate)
    else:
        assert before + PATIENCE <= deadlines[0] <= time.monotonic() + PATIENCE
        assert not isinstance(caught.value, TooLate)


def is_asked(keys: Keys, key: bytes) -> bool:
    try:
        return bool(keys.ask([pack(b"EXISTS", key)], "claiming", (int,)))
    except RedisUnavailable:
        return False


@pytest.fixture
def without_replicas() -> Iterator[Cluster]:
    """Three masters that nobody takes over from, and none of which is soon held to have failed."""
    made = Cluster(3, 0, "--cluster-node-timeout", "60000")
    try:
        yield made.start()
    finally:
        made.close()


def test_a_service_goes_on_while_the_node_of_its_claims_stands_still(
    without_replicas: Cluster, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def said(words: str) -> int:
        return sum(words in record.getMessage() for record in caplog.records)

    cluster, app = without_replicas, Daebus("app", max_workers=1, max_queue=1)
    app.action("echo")(lambda: {"a": 1})
    frozen = with_slot(cluster, slot_of(b"daebus:claim:{%b}:" % name.encode()))
    assert frozen is not None
    # The plain URL of a node, which is then the one to be at.
    url = next(node.url for node in cluster.nodes if node is not frozen)
    with serving(app, url, name, shared=True), Requester(url) as asker:
        assert asker.call(name, "echo") == {"a": 1}
        frozen.freeze()
        asked = [asker.start(name, "echo", timeout=60) for _ in range(60)]
        # Each of them needs a claim, and nobody waits for them but a few at the start.
        assert asker.call(f"daebus.control.{name}", "info", timeout=45)["service"] == name
        assert said("requests that no other instance claims are left alone") == 1
        frozen.thaw()
        for call in asked:
            call.cancel()
        eventually(lambda: is_answered(asker, name), within=20)
    assert said("claiming requests goes on after") == 1


def test_the_connection_for_claims_is_kept_while_nothing_is_claimed(without_replicas: Cluster, name: str) -> None:
    cluster, app = without_replicas, Daebus("app")
    app.action("echo")(lambda: {"a": 1})
    there = with_slot(cluster, slot_of(b"daebus:claim:{%b}:" % name.encode()))
    assert there is not None
    url = next(node.url for node in cluster.nodes if node is not there)
    order(there, "CONFIG", "SET", "timeout", 6)
    with serving(app, url, name, shared=True), Requester(url) as asker:
        assert asker.call(name, "echo") == {"a": 1}
        assert app._service is not None
        assert app._service._claims is not None
        owner = app._service._claims._keys._owner
        assert owner is not None
        before = owner._connection
        assert before is not None
        with socket.create_connection(("127.0.0.1", there.port), timeout=60) as idle:
            # The server ends what is idle.
            assert idle.recv(1) == b""
        assert owner._connection is before
        assert not before.may_have_ended()


def is_answered(asker: Requester, name: str) -> bool:
    try:
        return bool(asker.call(name, "echo", timeout=2) == {"a": 1})
    except DaebusError:
        return False


KEY = b"daebus:claim:{a}:1"


@pytest.fixture
def keys(cluster: Cluster) -> Iterator[Keys]:
    """Connected to the node that has the slot of KEY, where that is 1."""
    publisher = Publisher(RedisAddress(cluster.url), "test")
    made = Keys(publisher, KEY)
    publisher.connect()
    assert made.ask([pack(b"SET", KEY, b"1")], "claiming", (bytes,)) == [b"OK"]
    yield made
    made.close()
    publisher.close()


def test_claims_are_made_at_the_node_that_has_their_slot_now(cluster: Cluster, opened: list[str], keys: Keys) -> None:
    frozen = with_slot(cluster, slot_of(KEY))
    assert frozen is not None
    owner = keys._owner
    assert owner is not None
    frozen.freeze()
    eventually(lambda: not owner._has_usable(), within=20, what="the connection to it is given up")
    opened.clear()
    eventually(lambda: is_asked(keys, KEY), within=20, what="another node has the slot")
    assert not any(str(frozen.port) in address for address in opened)


@pytest.mark.parametrize("closed", [False, True], ids=["answered", "closed"])
def test_a_connection_that_a_slot_leaves_is_closed_when_what_is_in_flight_is_answered(
    cluster: Cluster, keys: Keys, closed: bool
) -> None:
    source = with_slot(cluster, slot_of(KEY))
    assert source is not None
    owner = keys._owner
    assert owner is not None
    before = owner._connection
    assert before is not None
    other = next(
        name
        for name in (b"queue%d" % number for number in range(1000))
        if with_slot(cluster, slot_of(name)) is source and slot_of(name) != slot_of(KEY)
    )
    target = next(node for node in masters(cluster) if node is not source)
    move(cluster, slot_of(KEY), source, target)
    assert before.submit(Pending(pack(b"BLPOP", other, b"0.3"), 1, math.inf))
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(keys.ask, [pack(b"GET", KEY)], "claiming", (bytes,))
        eventually(lambda: before.in_flight == 2, within=20)
        assert before.submit(Pending(pack(b"BLPOP", other, b"0"), 1, math.inf))
        assert asked.result(20) == [b"1"]
    assert owner._connection is not before
    assert before.error is None
    if closed:
        keys.close()
    else:
        order(source, "RPUSH", other, "1")
        eventually(lambda: keys.beat() or before.error, within=20)  # type: ignore[func-returns-value]
    assert before.error is not None


def test_a_master_that_has_become_a_replica_is_left_at_once(
    cluster: Cluster, lookout: ClusterLookout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may keep those who are subscribed there, and let them hear what its master is told, or nothing."""
    # It is not waited for that the node says so itself.
    monkeypatch.setattr("daebus.transport.places.slots._LEAVES_WITHIN", 1000.0)
    slot = 0
    before = with_slot(cluster, slot)
    assert before is not None
    replica = next(node for node in cluster.nodes if replicates(node) == before.port)
    assert lookout.misses(place_of(before), slot) is None
    assert lookout.misses(place_of(replica), slot) == MOVED_AWAY
    promote(replica)

    def left() -> bool:
        lookout.look()
        return lookout.misses(place_of(before), slot) == MOVED_AWAY

    eventually(left, within=30)
    assert lookout.slots.owner(slot) == place_of(replica)
    assert lookout.misses(place_of(replica), slot) is None


def test_who_has_little_time_waits_no_longer_for_nodes_that_stand_still(cluster: Cluster) -> None:
    publisher = Publisher(RedisAddress(cluster.url), "test")
    publisher.connect()
    for node in cluster.nodes:
        node.freeze()
    with pytest.raises(TooLate, match="before it was found out who subscribes; nothing was sent"):
        publisher.submit("orders", b"{}", lambda _outcome: None, time.monotonic() + 0.05)
    assert any(thread.name == "daebus-in-time" for thread in threading.enumerate())
    for node in cluster.nodes:
        node.thaw()
    publisher.close()
    eventually(lambda: all(thread.name != "daebus-in-time" for thread in threading.enumerate()))
