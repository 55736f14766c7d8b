"""Nothing is left behind by losses: no thread, no socket, no pending entry, no second subscription."""

from __future__ import annotations

import threading
import time

import pytest

from daebus import ConnectionLost, DaebusError, RedisUnavailable
from daebus.transport.address import RedisAddress
from daebus.transport.publisher import Publisher
from tests.support.faulty import Patient, patient, resources
from tests.support.redis_server import RedisServer
from tests.support.transport import all_written, connection_of, is_freed
from tests.support.waiting import eventually

pytestmark = pytest.mark.fault

CYCLES = 100


def _break(one: Patient, cycle: int) -> None:
    """Every kind of loss in turn; a call is under way at each."""
    one.begin("block", timeout=30)
    eventually(lambda: one.echo.calls == cycle + 1)
    if cycle % 2:
        one.server.kill()
        one.server.start()
    else:
        with one.server.client() as client:
            for kind in ("pubsub", "normal"):
                client.execute_command("CLIENT", "KILL", "TYPE", kind)


@pytest.mark.parametrize("deadline", [1.0, 60.0], ids=["given-up", "broken"])
def test_the_socket_of_a_lost_connection_is_closed_at_once(own_redis: RedisServer, deadline: float) -> None:
    publisher = Publisher(RedisAddress(own_redis.url), "test")
    publisher.connect()
    connection = connection_of(publisher)
    own_redis.freeze()
    problems: list[Exception] = []

    def publish() -> None:
        with pytest.raises(ConnectionLost) as caught:
            publisher.publish("somewhere", b"", time.monotonic() + deadline)
        problems.append(caught.value)

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    eventually(lambda: connection.in_flight == 8 and all_written(connection))
    if deadline > 30:
        own_redis.kill()
    for thread in threads:
        thread.join(20)
    assert len(problems) == 8
    if deadline < 30:
        # It may yet be of use: Redis was slow, and nothing is known to be wrong with it.
        assert publisher._connection is connection
        publisher.close()
    assert is_freed(connection)
    publisher.close()


def test_a_hundred_losses_leave_nothing_behind() -> None:
    with patient() as one:
        one.echo.gate.clear()
        before = resources()
        for cycle in range(CYCLES):
            _break(one, cycle)
            one.end(within=10)
            assert isinstance(one.outcome, tuple)
            assert isinstance(one.outcome[0], DaebusError)
            one.echo.gate.set()
            one.recovered()
            one.echo.gate.clear()
        eventually(lambda: all(now <= then for now, then in zip(resources(), before, strict=True)), what=str(before))
        assert one.caller._requester.pending == 0
        service = one.echo.app._service
        assert service is not None
        eventually(lambda: service.rest(0))
        assert one.echo.calls == CYCLES


def test_what_is_closed_while_it_connects_is_not_connected_afterwards(own_redis: RedisServer) -> None:
    publisher = Publisher(RedisAddress(own_redis.url), "test")
    problems: list[str] = []

    def publish() -> None:
        with pytest.raises(RedisUnavailable) as caught:
            publisher.publish("somewhere", b"", time.monotonic() + 30)
        problems.append(str(caught.value))

    own_redis.freeze()
    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    connecting = publisher._connecting
    eventually(lambda: connecting.leader is not None and len(connecting.followers) == 3)
    publisher.close()
    own_redis.thaw()
    for thread in threads:
        thread.join(20)
    assert len(problems) == 4
    assert all("closed while connecting" in one and "nothing was sent" in one for one in problems)
    with own_redis.client() as client:
        eventually(lambda: len(client.client_list()) == 1, what="only the test itself is connected")
        publisher.connect()
        assert len(client.client_list()) == 2
    publisher.close()
