"""Bringing a real Redis into each state in which it refuses commands, and out of it again.

    server = redis_that_may("MISCONF")        # started; healthy
    with refusing(server, "MISCONF"):         # from here on it refuses
        ...
    server.close()                            # in between and afterwards it is healthy again

What is refused in each state differs by command and version; `refuses` asks the server itself.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

CODES = ("OOM", "NOREPLICAS", "MISCONF", "NOPERM", "READONLY", "LOADING", "MASTERDOWN", "BUSY", "CLUSTERDOWN")
"""The first words of what Redis says in each of the states."""
_KEYS = 2000
"""So many, 10 ms each, is what LOADING takes at most."""
_SLOTS = range(16384)


def redis_that_may(code: str) -> RedisServer:
    """A Redis that can be brought into that state; for every code but CLUSTERDOWN it is the same kind."""
    if code != "CLUSTERDOWN":
        # Where there is no such option, DEBUG is allowed anyway.
        for options in (("--enable-debug-command", "local"), ()):
            server = RedisServer(*options)
            try:
                return server.start()
            except RuntimeError:
                server.close()
        raise RuntimeError("redis-server does not start")
    server = RedisServer("--cluster-enabled", "yes", "--cluster-node-timeout", "500")
    server.start()
    with server.client() as client:
        _slots(client, "ADDSLOTS")
    eventually(lambda: refuses(server, "GET", "x") is None)
    return server


@contextmanager
def refusing(server: RedisServer, code: str, commands: Sequence[str] = ()) -> Iterator[None]:
    """While the block runs, the Redis refuses what it refuses in that state.

    For NOPERM the `commands` are those that the default user loses ("set", "pubsub|numsub").
    """
    with ExitStack() as stack:
        # Connected before: while Redis is in some of the states a new connection is refused as well.
        client = stack.enter_context(server.client())
        client.ping()
        if code == "NOPERM":
            stack.enter_context(_without_rights(client, commands))
        else:
            stack.enter_context(_STATES[code](server, client))
        yield


def refuses(server: RedisServer, *command: str) -> str | None:
    """The code with which the server refuses a command right now; None where it takes it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        parts = [part.encode() for part in command]
        raw.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))
        answer = b""
        while b"\r\n" not in answer:
            answer += raw.recv(4096) or b"\r\n"
    return answer[1:].split()[0].decode() if answer.startswith(b"-") else None


@contextmanager
def _out_of_memory(_server: RedisServer, client: redis.Redis) -> Iterator[None]:
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)


@contextmanager
def _without_replicas(_server: RedisServer, client: redis.Redis) -> Iterator[None]:
    client.config_set("min-replicas-to-write", 1)
    try:
        yield
    finally:
        client.config_set("min-replicas-to-write", 0)


@contextmanager
def _after_a_failed_save(_server: RedisServer, client: redis.Redis) -> Iterator[None]:
    # Not even root can put a file in the place of a folder.
    in_the_way = Path(client.config_get("dir")["dir"]) / client.config_get("dbfilename")["dbfilename"]
    in_the_way.unlink(missing_ok=True)
    in_the_way.mkdir()
    client.config_set("save", "3600 100000")
    client.bgsave()
    eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
    try:
        yield
    finally:
        in_the_way.rmdir()
        client.bgsave()
        eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok")
        client.config_set("save", "")


@contextmanager
def _without_rights(client: redis.Redis, commands: Sequence[str]) -> Iterator[None]:
    try:
        client.execute_command("ACL", "SETUSER", "default", *(f"-{command}" for command in commands))
    except redis.ResponseError:
        # Redis 6.2 can take away whole commands only.
        client.execute_command("ACL", "SETUSER", "default", *(f"-{command.partition('|')[0]}" for command in commands))
    try:
        yield
    finally:
        client.execute_command("ACL", "SETUSER", "default", "+@all")


@contextmanager
def _replica(_server: RedisServer, client: redis.Redis) -> Iterator[None]:
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        yield
    finally:
        client.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def _stale_replica(server: RedisServer, client: redis.Redis) -> Iterator[None]:
    client.config_set("replica-serve-stale-data", "no")
    try:
        with _replica(server, client):
            yield
    finally:
        client.config_set("replica-serve-stale-data", "yes")


@contextmanager
def _loading(server: RedisServer, client: redis.Redis) -> Iterator[None]:
    try:
        # Small steps: in between, Redis looks at its clients.
        client.config_set("loading-process-events-interval-bytes", 1024)
    except redis.ResponseError:
        pytest.skip(
            "Redis 6.2 cannot be kept loading: it looks at its clients after 2 MiB only, and takes no CONFIG SET"
        )
    client.config_set("rdbcompression", "no")
    with client.pipeline() as pipeline:
        for number in range(_KEYS):
            pipeline.set(f"ballast:{number}", f"{number:02000}", ex=3600)
        pipeline.execute()
    client.config_set("key-load-delay", 10_000)
    with _meanwhile(server, "DEBUG", "RELOAD"):
        eventually(lambda: refuses(server, "GET", "x") == "LOADING")
        try:
            yield
        finally:
            client.config_set("key-load-delay", 0)
    client.delete(*(f"ballast:{number}" for number in range(_KEYS)))


@contextmanager
def _busy(server: RedisServer, client: redis.Redis) -> Iterator[None]:
    # The name of old; later versions know it as well.
    client.config_set("lua-time-limit", 1)
    with _meanwhile(server, "EVAL", "while true do end", "0"):
        eventually(lambda: refuses(server, "GET", "x") == "BUSY")
        try:
            yield
        finally:
            client.script_kill()
    eventually(lambda: refuses(server, "GET", "x") is None)


@contextmanager
def _cluster_down(server: RedisServer, client: redis.Redis) -> Iterator[None]:
    _slots(client, "DELSLOTS")
    eventually(lambda: refuses(server, "GET", "x") == "CLUSTERDOWN")
    try:
        yield
    finally:
        _slots(client, "ADDSLOTS")
        eventually(lambda: refuses(server, "GET", "x") is None)


_STATES: dict[str, Callable[[RedisServer, redis.Redis], AbstractContextManager[None]]] = {
    "OOM": _out_of_memory,
    "NOREPLICAS": _without_replicas,
    "MISCONF": _after_a_failed_save,
    "READONLY": _replica,
    "LOADING": _loading,
    "MASTERDOWN": _stale_replica,
    "BUSY": _busy,
    "CLUSTERDOWN": _cluster_down,
}


@contextmanager
def _meanwhile(server: RedisServer, *command: str) -> Iterator[None]:
    """A command that takes as long as the block; how it ends is of no interest."""

    def run() -> None:
        with redis.Redis.from_url(server.url, socket_timeout=120) as client:
            try:
                client.execute_command(*command)
            except redis.RedisError:
                pass

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _slots(client: redis.Redis, command: str) -> None:
    client.execute_command("CLUSTER", command, *_SLOTS)
