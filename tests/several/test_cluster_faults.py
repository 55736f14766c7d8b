"""Nodes are lost, promoted, added and emptied under load: nothing is handled twice, and nobody is told a lie."""

from __future__ import annotations

import pytest

from tests.support.hammer import hammering
from tests.support.several import Cluster, order
from tests.support.slots import promote
from tests.support.waiting import eventually

pytestmark = [pytest.mark.xdist_group("several"), pytest.mark.fault]


@pytest.mark.parametrize("place", [0, 4])
def test_a_node_is_killed(cluster: Cluster, place: int) -> None:
    with hammering(cluster.url, services=2, shared=True) as hammer:
        cluster.nodes[place].kill()
        hammer.goes_on()


def test_a_node_stops_answering(cluster: Cluster) -> None:
    with hammering(cluster.nodes[1].url) as hammer:
        hammer.outlasts(cluster.nodes[1])


def test_half_of_them_are_killed(cluster: Cluster) -> None:
    with hammering(cluster.url) as hammer:
        for node in (cluster.nodes[0], cluster.nodes[3], cluster.nodes[4]):
            node.kill()
        hammer.goes_on()


def test_half_of_them_stop_and_go_on(cluster: Cluster) -> None:
    with hammering(cluster.url) as hammer:
        hammer.outlasts(cluster.nodes[0], cluster.nodes[3], cluster.nodes[4])


def test_a_replica_is_promoted_under_two_thousand_calls_a_second(cluster: Cluster) -> None:
    with hammering(cluster.url, callers=1, rate=2000) as hammer:
        replica = next(node for node in cluster.nodes if order(node, "ROLE")[0] == "slave")
        promote(replica)
        hammer.goes_on()


def test_a_replica_is_promoted(cluster: Cluster) -> None:
    with hammering(cluster.url, services=2, shared=True) as hammer:
        replica = next(node for node in cluster.nodes if order(node, "ROLE")[0] == "slave")
        promote(replica)
        hammer.goes_on()


def test_a_slot_moves_while_claims_are_made_in_it(cluster: Cluster) -> None:
    with hammering(cluster.url, services=2, shared=True) as hammer:
        slot = order(cluster.nodes[0], "CLUSTER", "KEYSLOT", f"daebus:claim:{{{hammer.name}}}:x")
        masters = [node for node in cluster.nodes if order(node, "ROLE")[0] == "master"]
        owner = next(node for node in masters if order(node, "CLUSTER", "COUNTKEYSINSLOT", slot))
        target = next(node for node in masters if node is not owner)
        order(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", owner.id)
        order(owner, "CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        hammer.goes_on()
        while keys := order(owner, "CLUSTER", "GETKEYSINSLOT", slot, 100):
            order(owner, "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        # Whoever is to have it hears of that first: else nobody has it until then.
        for node in (target, owner, *masters):
            order(node, "CLUSTER", "SETSLOT", slot, "NODE", target.id)
        hammer.goes_on()
        assert order(target, "CLUSTER", "COUNTKEYSINSLOT", slot)
        assert not hammer.errors, hammer.texts


def test_a_node_that_is_thrown_out_is_left(cluster: Cluster) -> None:
    gone = next(node for node in cluster.nodes if order(node, "ROLE")[0] == "slave")
    others = [node for node in cluster.nodes if node is not gone]
    with hammering(gone.url, callers=1) as hammer:
        number = gone.id
        for node in others:
            order(node, "CLUSTER", "FORGET", number)
        service = hammer.app._service
        assert service is not None
        eventually(lambda: str(gone.port) not in str(service._listener.node), within=20)
        hammer.goes_on()
    # Its name is barred for a minute; with another it comes back.
    order(gone, "CLUSTER", "RESET", "HARD")
    cluster.meet(gone, others[0])
    cluster.await_whole()
    master = next(node for node in others if order(node, "ROLE")[0] == "master")
    order(gone, "CLUSTER", "REPLICATE", master.id)
