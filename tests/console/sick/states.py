"""A real Redis brought into each state in which it refuses something, and out of it again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.support.ports import free_port
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


def _refusal(server: RedisServer, *command: str) -> str:
    """What Redis says to a command; empty where it does not refuse it."""
    with server.client() as client:
        try:
            client.execute_command(*command)
        except redis.RedisError as error:
            return f"{type(error).__name__} {error}"
        return ""


@contextmanager
def out_of_memory(server: RedisServer) -> Iterator[None]:
    """OOM: `maxmemory` is reached, and nothing may be evicted."""
    with server.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        try:
            yield
        finally:
            client.config_set("maxmemory", "0")


@contextmanager
def no_replicas(server: RedisServer) -> Iterator[None]:
    """NOREPLICAS: writes need a replica, and there is none."""
    with server.client() as client:
        client.config_set("min-replicas-to-write", "1")
        try:
            yield
        finally:
            client.config_set("min-replicas-to-write", "0")


@contextmanager
def failed_save(server: RedisServer) -> Iterator[None]:
    """MISCONF: a save has failed; PING is refused as well."""
    with server.client() as client:
        client.config_set("save", "3600 1")
        # A directory that bears the name of the dump cannot be replaced by it.
        path = Path(client.config_get("dir")["dir"]) / "dump.rdb"
        path.mkdir()
        (path / "in the way").touch()
        client.bgsave()
        eventually(lambda: "MISCONF" in _refusal(server, "PING"), what="PING is refused")
        try:
            yield
        finally:
            client.config_set("save", "")
            (path / "in the way").unlink()
            path.rmdir()


@contextmanager
def read_only_replica(server: RedisServer) -> Iterator[None]:
    """READONLY: it is a replica; of one that is not there, which does not matter."""
    with server.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", free_port())
        try:
            yield
        finally:
            client.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def master_down(server: RedisServer) -> Iterator[None]:
    """MASTERDOWN: it is a replica whose master is not there, and does not serve what may be stale."""
    with server.client() as client, read_only_replica(server):
        client.config_set("replica-serve-stale-data", "no")
        try:
            yield
        finally:
            client.config_set("replica-serve-stale-data", "yes")


@contextmanager
def loading(server: RedisServer) -> Iterator[None]:
    """LOADING: it reads its dump, as slowly as it is told to."""
    with server.client() as client:
        client.config_set("loading-process-events-interval-bytes", "1024")
        client.config_set("key-load-delay", "5000")
        pipeline = client.pipeline(transaction=False)
        for number in range(2_000):
            pipeline.set(f"key:{number}", os.urandom(1_100))
        pipeline.execute()
        client.config_set("save", "")
        loader = threading.Thread(target=_refusal, args=(server, "DEBUG", "RELOAD"))
        loader.start()
        eventually(lambda: "load" in _refusal(server, "PING").lower(), what="it is loading", within=30)
        try:
            yield
        finally:
            client.config_set("key-load-delay", "0")
            loader.join()
            eventually(lambda: not _refusal(server, "PING"), what="it has loaded all", within=30)


@contextmanager
def busy_script(server: RedisServer) -> Iterator[None]:
    """BUSY: a script takes longer than it may."""
    with server.client() as client:
        client.config_set("busy-reply-threshold", "1")
        endless = threading.Thread(target=_refusal, args=(server, "EVAL", "while true do end", "0"))
        endless.start()
        eventually(lambda: "BUSY" in _refusal(server, "PING"), what="it is busy")
        try:
            yield
        finally:
            eventually(lambda: not _refusal(server, "SCRIPT", "KILL") or not _refusal(server, "PING"))
            endless.join()


@contextmanager
def cluster_down(server: RedisServer) -> Iterator[None]:
    """CLUSTERDOWN: a node of a cluster that does not serve all slots. For a server with --cluster-enabled."""
    assert "ClusterDown" in _refusal(server, "GET", "x")
    yield


OPTIONS = ("--enable-debug-command", "yes")
STATES = {
    "OOM": out_of_memory,
    "NOREPLICAS": no_replicas,
    "MISCONF": failed_save,
    "READONLY": read_only_replica,
    "MASTERDOWN": master_down,
    "LOADING": loading,
    "BUSY": busy_script,
    "CLUSTERDOWN": cluster_down,
}
"""By the code of the refusal."""
