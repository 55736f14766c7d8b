"""Real clusters, and masters under sentinels: started side by side, on free loopback ports, and gone afterwards."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import redis

from tests.support.ports import free_port
from tests.support.redis_server import RedisServer, ensure_redis_server
from tests.support.waiting import eventually

SLOTS = 16384
NODE_TIMEOUT = 1000
"""Milliseconds after which a node that does not answer is suspected."""
DOWN_AFTER = 1000
"""The same for a master under sentinels."""
MASTER = "mymaster"


@cache
def is_old() -> bool:
    """Whether the server is Redis 6, where the port of the cluster's bus cannot be chosen."""
    told = subprocess.run([ensure_redis_server(), "--version"], capture_output=True, text=True, check=True).stdout
    return " v=6." in told


def start_all(servers: Sequence[RedisServer]) -> None:
    """Start all of them at once; returns when each answers."""
    for server in servers:
        server.start(wait=False)
    for server in servers:
        assert server.answers(), server.log()


def heal(servers: Sequence[RedisServer]) -> None:
    """Start again what was killed, and let go on what was stopped."""
    for server in servers:
        server.thaw()
    start_all([server for server in servers if server.process is None or server.process.poll() is not None])


def order(server: RedisServer, *words: object) -> Any:
    """Have a server execute one command."""
    with server.client(decode_responses=True) as client:
        return client.execute_command(*words)


class ClusterServer(RedisServer):
    """A node. The port for the other nodes is free, too, where the server lets us choose it: else it is 10,000 more."""

    def __init__(self, *options: str) -> None:
        self.bus_port: int | None = free_port()
        if is_old():
            self.bus_port = None
        bus = ("--cluster-port", str(self.bus_port)) if self.bus_port else ()
        super().__init__(
            "--cluster-enabled", "yes", "--cluster-node-timeout", str(NODE_TIMEOUT), *bus,
            "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0", *options,
        )  # fmt: skip

    @property
    def id(self) -> str:
        return str(order(self, "CLUSTER", "MYID"))


class Cluster:
    """Masters with so many replicas each: `nodes` has the masters first."""

    def __init__(self, masters: int = 3, replicas: int = 1, *options: str) -> None:
        self.nodes: list[ClusterServer] = [ClusterServer(*options) for _ in range(masters * (1 + replicas))]
        self.masters = self.nodes[:masters]
        self._options = options
        self._has_slots = False

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def url_of(self, *nodes: RedisServer) -> str:
        """The URL that names just these."""
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)

    def start(self) -> Cluster:
        """Returns when all nodes know and reach each other."""
        start_all(self.nodes)
        first = self.nodes[0]
        share = -(-SLOTS // len(self.masters))
        for number, master in enumerate(self.masters):
            order(master, "CLUSTER", "ADDSLOTS", *range(number * share, min(SLOTS, (number + 1) * share)))
            order(master, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        self._has_slots = True
        for node in self.nodes[1:]:
            self.meet(node, first)
        self.await_whole()
        for replica, master in zip(self.nodes[len(self.masters) :], itertools.cycle(self.masters), strict=False):
            order(replica, "CLUSTER", "REPLICATE", master.id)
        self.await_whole()
        for replica in self.nodes[len(self.masters) :]:
            eventually(lambda: order(replica, "ROLE")[3] == "connected", within=20)  # noqa: B023 - asked at once
        return self

    def meet(self, node: ClusterServer, other: ClusterServer) -> None:
        bus = () if other.bus_port is None else (other.bus_port,)
        order(node, "CLUSTER", "MEET", "127.0.0.1", other.port, *bus)

    def add(self) -> ClusterServer:
        """A node more, without slots."""
        node = ClusterServer(*self._options)
        node.start()
        self.meet(node, next(one for one in self.nodes if one.process is not None and one.process.poll() is None))
        self.nodes.append(node)
        self.await_whole()
        return node

    def await_whole(self) -> None:
        """Wait until every node that lives sees every other one, and that it lives."""
        alive = [node for node in self.nodes if node.process is not None and node.process.poll() is None]

        def whole() -> bool:
            for node in alive:
                good = [
                    line
                    for line in lines_of(node)
                    if " connected" in line and "fail" not in line and "handshake" not in line
                ]
                with node.client() as client:
                    state = client.execute_command("CLUSTER INFO")["cluster_state"]
                if len(good) < len(alive) or (self._has_slots and state != "ok"):
                    return False
            return True

        eventually(whole, within=30, every=0.05, what="the nodes know each other")

    @property
    def everything(self) -> list[ClusterServer]:
        return self.nodes

    def heal(self) -> None:
        """Be as at the start again, whatever was done to the nodes."""
        heal(self.everything)
        self.await_whole()
        self.spread()
        if self._has_slots:
            eventually(
                lambda: len({_shares(node) for node in self.nodes}) == 1, within=30, what="all agree on the slots"
            )

    def spread(self) -> None:
        """Give each master with slots a replica again: failovers may leave one with two, and another without."""
        masters = {node.port: node for node in self.nodes if order(node, "ROLE")[0] == "master" and _has_slots(node)}
        replicas: dict[int, list[ClusterServer]] = {port: [] for port in masters}
        for node in self.nodes:
            role = order(node, "ROLE")
            if role[0] == "slave" and int(role[2]) in replicas:
                replicas[int(role[2])].append(node)
        spare = [each.pop() for each in replicas.values() if len(each) > 1]
        for port, each in replicas.items():
            if not each and spare:
                replica = spare.pop()
                order(replica, "CLUSTER", "REPLICATE", masters[port].id)
                eventually(lambda: order(replica, "ROLE")[3] == "connected", within=20)  # noqa: B023 - asked at once

    def close(self) -> None:
        for node in self.nodes:
            node.close()


def _has_slots(node: RedisServer) -> bool:
    return any("myself" in line and len(line.split()) > 8 for line in lines_of(node))


def _shares(node: RedisServer) -> frozenset[tuple[str, ...]]:
    """Who has which slots, as one of them sees it: an id and ranges each."""
    # What stands in brackets is a slot on its way, of which only the two know.
    words = [[word for word in line.split() if not word.startswith("[")] for line in lines_of(node)]
    return frozenset((each[0], *each[8:]) for each in words if len(each) > 8)


def lines_of(node: RedisServer) -> list[str]:
    """The nodes of a cluster, as one of them sees them: a line each."""
    with node.client(decode_responses=True) as client:
        # redis-py would make a dict of it.
        client.set_response_callback("CLUSTER NODES", lambda reply, **_options: reply)
        reply = client.execute_command("CLUSTER NODES")
    return (reply if isinstance(reply, str) else reply.decode()).splitlines()


class Sentinel(RedisServer):
    """A sentinel of one master."""

    def __init__(self, master_port: Callable[[], int], quorum: int, *lines: str, host: str = "127.0.0.1") -> None:
        super().__init__("--sentinel")
        self._host = host
        self._master_port = master_port
        self._lines = (f"down-after-milliseconds {MASTER} {DOWN_AFTER}", f"failover-timeout {MASTER} 3000", *lines)
        self._quorum = quorum

    def start(self, *, wait: bool = True) -> Sentinel:
        file = Path(self._directory.name) / "sentinel.conf"
        if not file.exists():
            monitor = f"monitor {MASTER} {self._host} {self._master_port()} {self._quorum}"
            names = ("resolve-hostnames yes", "announce-hostnames yes") if self._host == "localhost" else ()
            file.write_text("".join(f"sentinel {line}\n" for line in (*names, monitor, *self._lines)))
        self.configuration = str(file)
        super().start(wait=wait)
        return self

    def hurry(self) -> None:
        """Have it look at the servers often, where it is one that can."""
        try:
            order(self, "SENTINEL", "DEBUG", "INFO-PERIOD", 200, "PUBLISH-PERIOD", 200)
        except redis.ResponseError:
            pass


class Sentinels:
    """A master with replicas, and the sentinels that look after it. With `localhost` as the host all go by names."""

    def __init__(self, replicas: int = 1, sentinels: int = 3, host: str = "127.0.0.1") -> None:
        self.host = host
        named = ("--replica-announce-ip", host) if host == "localhost" else ()
        self.servers = [RedisServer("--repl-diskless-sync-delay", "0", *named) for _ in range(1 + replicas)]
        quorum = sentinels // 2 + 1
        self.sentinels = [Sentinel(lambda: self.servers[0].port, quorum, host=host) for _ in range(sentinels)]

    @property
    def url(self) -> str:
        hosts = ",".join(f"{self.host}:{one.port}" for one in self.sentinels)
        return f"redis+sentinel://{hosts}/{MASTER}"

    def start(self) -> Sentinels:
        """Returns when each sentinel knows the others and the replicas."""
        start_all(self.servers)
        for replica in self.servers[1:]:
            order(replica, "REPLICAOF", self.host, self.servers[0].port)
        start_all(self.sentinels)
        self.await_whole()
        return self

    def await_whole(self) -> None:
        """Wait until each sentinel knows the others and that all servers but one are replicas that can take over."""
        for sentinel in self.sentinels:
            sentinel.hurry()

        def whole() -> bool:
            master = self.master()
            if any((order(server, "ROLE")[0] == "master") != (server is master) for server in self.servers):
                return False
            for sentinel in self.sentinels:
                with sentinel.client(decode_responses=True) as client:
                    told = client.sentinel_master(MASTER)
                    if told["num-other-sentinels"] < len(self.sentinels) - 1 or told["port"] != master.port:
                        return False
                    slaves = client.sentinel_slaves(MASTER)
                    ready = [one for one in slaves if one["master-link-status"] == "ok" and not one["is_sdown"]]
                    if len(ready) < len(self.servers) - 1:
                        return False
            return True

        def is_whole() -> bool:
            try:
                return whole()
            except redis.RedisError:
                # One that has just become a replica closes what was connected to it.
                return False

        eventually(is_whole, within=30, every=0.1, what="the sentinels know each other and the replicas")

    def master(self) -> RedisServer:
        """The server that the sentinels name."""
        with self.sentinels[0].client() as client:
            port = client.sentinel_get_master_addr_by_name(MASTER)[1]
        return next(server for server in self.servers if server.port == int(port))

    @property
    def everything(self) -> list[RedisServer]:
        return [*self.sentinels, *self.servers]

    def heal(self) -> None:
        """Be as at the start again, whatever was done to the servers; the master may be another one."""
        heal(self.everything)
        self.await_whole()

    def await_another(self, before: RedisServer) -> None:
        """Wait until another master than that one is announced."""
        eventually(lambda: self.master() is not before, within=60, every=0.02, what="another master is announced")

    def fail_over(self) -> None:
        """Have another server made the master, though the one there is lives; returns when that is announced."""
        before = self.master()

        def is_done() -> bool:
            if self.master() is not before:
                return True
            try:
                order(self.sentinels[0], "SENTINEL", "FAILOVER", MASTER)
            except redis.ResponseError:
                # One is under way. On a busy machine it may come to nothing.
                pass
            return False

        eventually(is_done, within=40, every=0.5, what="another master is announced")

    def close(self) -> None:
        for server in self.everything:
            server.close()
