"""One cluster and one master under sentinels for all tests of this folder, healed after each that broke them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.redis_server import RedisServer
from tests.support.several import Cluster, Sentinels, is_old, order, start_all
from tests.support.waiting import eventually


@pytest.fixture(scope="session")
def the_cluster() -> Iterator[Cluster]:
    made = Cluster()
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="session")
def the_sentinels() -> Iterator[Sentinels]:
    made = Sentinels()
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture
def cluster(the_cluster: Cluster) -> Iterator[Cluster]:
    """Three masters with a replica each."""
    yield the_cluster
    the_cluster.heal()


@pytest.fixture
def url(cluster: Cluster) -> str:
    """The same for sharded Pub/Sub."""
    if is_old():
        pytest.skip("Redis 6 has no sharded Pub/Sub")
    return f"{cluster.url}?sharded=true"


@pytest.fixture
def sentinels(the_sentinels: Sentinels) -> Iterator[Sentinels]:
    """A master, a replica and three sentinels."""
    yield the_sentinels
    the_sentinels.heal()


@pytest.fixture
def pair() -> Iterator[tuple[RedisServer, RedisServer]]:
    """A master, and its replica."""
    servers = [RedisServer("--repl-diskless-sync-delay", "0") for _ in range(2)]
    try:
        start_all(servers)
        master, replica = servers
        order(replica, "REPLICAOF", "127.0.0.1", master.port)
        eventually(lambda: order(replica, "ROLE")[3] == "connected", within=20)
        yield master, replica
    finally:
        for server in servers:
            server.close()
