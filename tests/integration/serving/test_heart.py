"""What a heartbeat does beside the thread that reads."""

from __future__ import annotations

from daebus.transport.address import RedisAddress
from daebus.transport.heart import Heart
from daebus.transport.listener import Listener
from daebus.transport.publisher import Publisher


def test_who_has_been_closed_meanwhile_is_not_left_connected(redis_url: str) -> None:
    address = RedisAddress(redis_url)
    publisher, listener = Publisher(address, "one"), Listener(address, "one", ["caller:one"])
    heart = Heart(publisher, listener, "caller:one")
    heart._connect()
    assert publisher.ready
    publisher.close()
    listener.close()
    heart._connect()
    assert not publisher.ready
