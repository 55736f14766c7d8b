"""The console on a bus of sharded Pub/Sub whose slots move and whose nodes fail: a gap where it can have missed any.

And then it goes on, and sees everything again.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from daebus import Daebus
from daebus.wire.sharded import slot_of
from daebus_console.commands.context import Exit
from daebus_console.engine.message.exchange import Exchange, Kind
from daebus_console.engine.message.frame import Gap
from daebus_console.engine.session import Session
from tests.console.sick.conftest import Said, carry_out
from tests.several.test_console import answered, exchanges, looking, services
from tests.support.framework_services import serving
from tests.support.hammer import Hammer, hammering
from tests.support.redis_server import RedisServer
from tests.support.several import Cluster, ClusterServer, order
from tests.support.slots import masters, move, owner, with_slot
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("several"), pytest.mark.fault]


def gaps(session: Session) -> list[Gap]:
    found = (one.aside.gap for one in exchanges(session) if one.opened.kind is Kind.GAP)
    return [gap for gap in found if gap is not None]


def goes_on(session: Session, hammer: Hammer) -> None:
    """Requests and their answers are seen, and there is no gap any more."""
    eventually(lambda: session.status.up and session.correlator.open_gap is None, within=20)
    before = answered(session, hammer.name)
    eventually(lambda: answered(session, hammer.name) > before + 5, within=20)


def is_there(session: Session, hammer: Hammer) -> bool:
    return hammer.name in services(session) and answered(session, hammer.name) > 3


def other(cluster: Cluster, source: ClusterServer) -> ClusterServer:
    return next(node for node in masters(cluster) if node is not source)


def reply_channels(node: ClusterServer) -> Iterator[str]:
    for channel in order(node, "PUBSUB", "SHARDCHANNELS", "caller:*"):
        yield channel if isinstance(channel, str) else channel.decode()


def test_it_follows_a_slot_that_moves(cluster: Cluster, url: str) -> None:
    with hammering(url, callers=1) as hammer, looking(url) as session:
        eventually(lambda: is_there(session, hammer))
        for times in (1, 2):
            source = owner(cluster, hammer.name)
            move(cluster, slot_of(hammer.name.encode()), source, other(cluster, source))
            eventually(lambda: len(gaps(session)) >= times)  # noqa: B023 - asked at once
            goes_on(session, hammer)
        assert all(gap.partly for gap in gaps(session))
        assert any("the slot of" in gap.reason and "moves to another node" in gap.reason for gap in gaps(session))


def test_it_follows_the_slot_of_a_reply_channel(cluster: Cluster, url: str) -> None:
    with hammering(url, callers=1) as hammer, looking(url) as session:
        eventually(lambda: is_there(session, hammer))
        for source in masters(cluster):
            for channel in list(reply_channels(source)):
                move(cluster, slot_of(channel.encode()), source, other(cluster, source))
        hammer.goes_on()
        goes_on(session, hammer)
        assert not [one for one in exchanges(session) if is_open_for_long(session, one)]


def is_open_for_long(session: Session, exchange: Exchange) -> bool:
    return exchange.state.name == "PENDING" and session.clock() > exchange.opened.at + 6


def test_where_a_node_is_killed_there_is_a_gap_until_its_replica_takes_over(cluster: Cluster, url: str) -> None:
    with hammering(url, callers=2) as hammer, looking(url) as session:
        eventually(lambda: is_there(session, hammer))
        owner(cluster, hammer.name).kill()
        eventually(lambda: session.correlator.open_gap is not None)
        assert session.status.up, "the others are read still"
        hammer.goes_on()
        goes_on(session, hammer)
        assert gaps(session)[0].partly
        eventually(lambda: session.directory.services[hammer.name].subscribers == 1)


def test_where_all_nodes_are_killed_it_sees_nothing_until_they_are_back(cluster: Cluster, url: str) -> None:
    with hammering(url, callers=1) as hammer, looking(url) as session:
        eventually(lambda: is_there(session, hammer))
        for node in cluster.nodes:
            node.kill()
        eventually(lambda: not session.status.up)
        assert session.status.problem
        for node in cluster.nodes:
            node.start(wait=False)
        cluster.await_whole()
        hammer.goes_on()
        goes_on(session, hammer)


def test_a_node_that_is_added_is_read_too(url: str) -> None:
    """In a cluster of its own, which it is not taken out of again."""
    small = Cluster(masters=2, replicas=0).start()
    try:
        there = f"{small.url}?sharded=true"
        with hammering(there, callers=1) as hammer, looking(there) as session:
            eventually(lambda: is_there(session, hammer))
            added = small.add()
            source = owner(small, hammer.name)
            move(small, slot_of(hammer.name.encode()), source, added)
            hammer.goes_on()
            goes_on(session, hammer)
            assert owner(small, hammer.name) is added
            assert session.tap.shards == 3
    finally:
        small.close()


@pytest.fixture
def shut(cluster: Cluster, url: str) -> Iterator[tuple[str, RedisServer]]:
    """The URL of a user whom one master does not know, and that master."""
    for node in cluster.nodes:
        order(node, "ACL", "SETUSER", "looker", "reset", "on", ">pw", "+@all", "~*", "&*")
    without = masters(cluster)[0]
    order(without, "ACL", "DELUSER", "looker")
    # What another connection of this process has learned is not to help.
    yield f"{url.replace('://', '://looker:pw@', 1)}&socket_timeout=31", without
    for node in cluster.nodes:
        order(node, "ACL", "DELUSER", "looker")


def all_at(cluster: Cluster, node: RedisServer, name: str) -> str:
    """The name of a service that has all its channels at that master."""

    def is_there(service: str) -> bool:
        channels = (service, f"daebus.control.{service}")
        return all(with_slot(cluster, slot_of(channel.encode())) is node for channel in channels)

    # Of names of one length the slots of both lie equally far from each other.
    return next(filter(is_there, (f"{name}{'x' * (number % 16)}{number}" for number in range(10_000))))


LOOKING = (
    "services",
    "services --all --json",
    "stats --for 0.1",
    "findings --for 0.1",
    "shape --for 0.1",
    "tail --for 1",
)


def test_verbs_that_look_say_that_a_node_is_not_read(
    cluster: Cluster, shut: tuple[str, RedisServer], name: str
) -> None:
    url, without = shut
    unseen = all_at(cluster, without, name)
    with serving(Daebus(unseen), f"{cluster.url}?sharded=true", unseen):
        for line in LOOKING:
            said = carry_out(url, line)
            (note,) = [one for one in said.heard.notes if one.startswith("not everything is seen: ")]
            assert f":{without.port}/0?" in note
            assert "refused us" in note
            assert "nothing was found" not in said.words
            assert "no service is there" not in said.words
            assert said.status == (Exit.NO_REDIS if line.startswith("findings") else said.status)
        said = carry_out(url, f"services {unseen}")
        assert said.heard.errors == [f"it is not known whether a service {unseen!r} is there"]
        assert said.status == Exit.NO_REDIS


def test_instances_that_could_not_be_asked_are_not_said_to_be_none(
    cluster: Cluster, shut: tuple[str, RedisServer], name: str
) -> None:
    url, without = shut
    reply_to: list[str] = []
    seen = all_at(cluster, next(node for node in masters(cluster) if node is not without), name)
    with serving(Daebus(seen), f"{cluster.url}?sharded=true", seen):

        def listed(line: str) -> Said:
            """Listed by a console whose answers would come in at the node that does not let it in."""

            def listing(session: Session) -> None:
                reply_to.append(session.reply_to)
                eventually(lambda: seen in session.directory.services)

            while True:
                said = carry_out(url, line, meanwhile=listing)
                if with_slot(cluster, slot_of(reply_to[-1].encode())) is without:
                    return said

        (record,) = listed(f"services {seen} --json").heard.records
        assert (record["subscribers"], record["instances"]) == (1, None)
        row = next(line for line in listed("services").heard.lines if line.startswith(seen))
        assert row.split()[:3] == [seen, "?", "1"]
