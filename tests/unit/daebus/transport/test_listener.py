"""A subscribed connection: what it takes for a sign of life, and whether more has arrived."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest
import redis

from daebus import DaebusCaller
from daebus.errors import ConnectionLost, ServiceUnavailable
from daebus.transport import listener as listener_module
from daebus.transport.address import RedisAddress
from daebus.transport.listener import Listener
from daebus.transport.subscription import Subscription
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

HEARTBEAT_AFTER = 0.2


@pytest.fixture
def listener(own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr(listener_module, "HEARTBEAT_AFTER", HEARTBEAT_AFTER)
    listener = Listener(RedisAddress(own_redis.url), "test", ["news"])
    assert listener.connect() is None
    yield listener
    listener.close()


def next_of(listener: Listener, seconds: float) -> tuple[str, bytes] | None:
    """The next message, however often it looks for no reason meanwhile."""
    until = time.monotonic() + seconds
    message = None
    while message is None and time.monotonic() < until:
        message = listener.next_message(until)
    return message


def test_a_process_that_was_stopped_keeps_its_connection(listener: Listener, own_redis: RedisServer) -> None:
    # As if stopped by a signal: for longer than a dead connection is given, nobody reads.
    time.sleep(3 * HEARTBEAT_AFTER)
    assert next_of(listener, 3 * HEARTBEAT_AFTER) is None
    with own_redis.client() as client:
        client.publish("news", "still here")
    assert next_of(listener, 5) == ("news", b"still here")


def test_a_connection_that_answers_no_heartbeat_is_given_up(listener: Listener, own_redis: RedisServer) -> None:
    own_redis.freeze()
    with pytest.raises(ConnectionLost, match="no sign of life"):
        next_of(listener, 20)
    own_redis.thaw()


def test_it_tells_whether_more_has_arrived(listener: Listener, own_redis: RedisServer) -> None:
    assert not listener.has_more
    with own_redis.client() as client, client.pipeline() as together:
        together.publish("news", "one").publish("news", "two").execute()
    assert next_of(listener, 5) == ("news", b"one")
    assert listener.has_more
    assert next_of(listener, 5) == ("news", b"two")
    assert not listener.has_more


def test_a_name_that_is_no_text_is_subscribed_as_its_bytes(own_redis: RedisServer) -> None:
    listener = Listener(RedisAddress(own_redis.url), "test", ["odd\udcff"])
    assert listener.connect() is None
    with own_redis.client() as client:
        assert client.publish(b"odd\xff", "x") == 1
    assert next_of(listener, 5) == ("odd\udcff", b"x")
    listener.close()


def test_what_a_program_has_seeded_does_not_depend_on_losses_and_calls(redis_url: str) -> None:
    """Attempts to connect are spread, ids are drawn: by chance, and not by the program's."""
    before = random.getstate()
    nowhere = Listener(RedisAddress("redis://127.0.0.1:1"), "test", ["news"])
    thread = threading.Thread(target=nowhere.lead, args=(lambda *_message: None, lambda: nowhere._attempts > 2))
    thread.start()
    thread.join(30)
    assert nowhere._attempts > 2
    nowhere.close()
    with DaebusCaller("nobody", redis_url=redis_url) as caller, pytest.raises(ServiceUnavailable):
        caller.send_request("get")
    assert random.getstate() == before


@pytest.mark.parametrize("starts", [True, False])
def test_a_subscription_is_read_by_one_thread_wherever_an_interrupt_came(
    redis_url: str, name: str, monkeypatch: pytest.MonkeyPatch, starts: bool
) -> None:
    def interrupted(thread: threading.Thread) -> None:
        if starts:
            thread.start()
        raise KeyboardInterrupt

    heard: list[tuple[str, bytes]] = []
    subscription = Subscription(RedisAddress(redis_url), name, [name], lambda *message: heard.append(message))
    with monkeypatch.context() as patch:
        patch.setattr("daebus.transport.subscription.begin", interrupted)
        with pytest.raises(KeyboardInterrupt):
            subscription.ensure(time.monotonic() + 30)
    subscription.ensure(time.monotonic() + 30)
    assert [thread.name for thread in threading.enumerate()].count(f"daebus-{name}") == 1
    with redis.Redis.from_url(redis_url) as client:
        client.publish(name, b"x")
    eventually(lambda: heard == [(name, b"x")])
    subscription.close()
    subscription.close()
