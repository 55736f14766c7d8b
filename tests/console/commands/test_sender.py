"""The sender beside a session that looks on."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from daebus import Daebus, request, response
from daebus.errors import PayloadError, RedisUnavailable, RequestFailed, RequestTimeout, ServiceUnavailable
from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.sender import Cancelled, ReadOnly, Sender
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually


@pytest.fixture
def session(redis_url: str) -> Iterator[Session]:
    with Session(redis_url) as session:
        assert session.wait_up(5)
        yield session


@pytest.fixture
def sender(session: Session) -> Iterator[Sender]:
    with Sender(session) as sender:
        yield sender


@pytest.fixture
def service(redis_url: str, name: str) -> Iterator[str]:
    app = Daebus(name)

    @app.action("echo")
    def echo() -> Any:
        response.send({"half": True}, final=False)
        return request.payload

    @app.action("fail")
    def fail() -> None:
        raise KeyError("no such thing")

    app.start(service=name, redis_url=redis_url)
    yield name
    app.stop(grace=5)


def exchange_on(session: Session, channel: str) -> Exchange:
    def find() -> Exchange | None:
        with session.lock:
            return next((one for one in reversed(session.journal.exchanges) if one.opened.channel == channel), None)

    found = eventually(find, what=f"something on {channel}")
    assert found is not None
    return found


def test_a_request_is_answered_and_is_an_exchange_of_ours(session: Session, sender: Sender, service: str) -> None:
    progress: list[Any] = []
    inquiry = sender.request(service, "echo", {"a": 1})
    assert inquiry.result(progress.append) == {"a": 1}
    assert progress == [{"half": True}]
    assert inquiry.latency is not None
    assert inquiry.latency > 0
    exchange = eventually(
        lambda: (one := session.correlator.find(inquiry.request_id)) and one.state is State.OK and one
    )
    assert isinstance(exchange, Exchange)
    assert exchange.has(Flag.OURS)
    assert exchange.has(Flag.STREAM)
    assert exchange.source == "daebus-console"


def test_an_error_is_raised_with_its_code(sender: Sender, service: str) -> None:
    with pytest.raises(RequestFailed) as caught:
        sender.request(service, "fail", {}).result()
    assert (caught.value.code, caught.value.type) == ("handler_error", "KeyError")


def test_the_traffic_of_others_is_not_ours(session: Session, sender: Sender, service: str, own_name: str) -> None:
    sender.broadcast(own_name, {"a": 1})
    assert exchange_on(session, own_name).has(Flag.OURS)
    with session.address.client() as client:
        client.publish(own_name, '{"a": 2}')
    eventually(lambda: b'{"a": 2}' in exchange_on(session, own_name).opened.data)
    assert not exchange_on(session, own_name).has(Flag.OURS)


@pytest.fixture
def own_name(name: str) -> str:
    return f"{name}_channel"


def test_one_way_messages_and_broadcasts(session: Session, sender: Sender, own_name: str) -> None:
    delivery = sender.send(own_name, "note", {"x": 1})
    # The tap counts among the receivers, and not among the subscribers.
    assert (delivery.channel, delivery.subscribers) == (own_name, 0)
    assert delivery.receivers >= 1
    exchange = exchange_on(session, own_name)
    assert (exchange.kind, exchange.action, exchange.has(Flag.OURS)) == (Kind.ONE_WAY, "note", True)
    told = json.loads(exchange.opened.data)
    assert (told["action"], told["payload"], told["service"]) == ("note", {"x": 1}, "daebus-console")
    assert told["message_id"] == exchange.request_id
    assert time.time() - 60 < told["sent_at"] <= time.time()
    with session.address.client() as client, client.pubsub() as pubsub:
        pubsub.subscribe(own_name)
        eventually(lambda: client.pubsub_numsub(own_name)[0][1])
        assert sender.broadcast(own_name, {"free": ["form"]}).subscribers == 1
    eventually(lambda: json.loads(exchange_on(session, own_name).opened.data) == {"free": ["form"]})


def test_nobody_there_is_told_at_once_though_the_tap_listens(sender: Sender, name: str) -> None:
    with pytest.raises(ServiceUnavailable):
        sender.request(f"{name}_nobody", "x", {}, timeout=30)


def test_cancelling_wakes_whoever_waits(session: Session, sender: Sender, own_name: str) -> None:
    with session.address.client() as client, client.pubsub() as pubsub:
        pubsub.subscribe(own_name)
        eventually(lambda: client.pubsub_numsub(own_name)[0][1])
        inquiry = sender.request(own_name, "never", {}, timeout=60)
        timer = threading.Timer(0.1, inquiry.cancel)
        timer.start()
        with pytest.raises(Cancelled, match="may still be handled"):
            inquiry.result()
        timer.join()
        with pytest.raises(RequestTimeout):
            sender.request(own_name, "never", {}, timeout=0.1).result()


def test_read_only_sends_nothing(session: Session, own_name: str) -> None:
    with Sender(session, read_only=True) as sender:
        for attempt in (
            lambda: sender.request(own_name, "x", {}),
            lambda: sender.send(own_name, "x", {}),
            lambda: sender.broadcast(own_name, {}),
        ):
            with pytest.raises(ReadOnly):
                attempt()
    with session.lock:
        assert not [one for one in session.journal.exchanges if one.opened.channel == own_name]


def test_what_json_cannot_carry_is_refused(sender: Sender, name: str) -> None:
    with pytest.raises(PayloadError):
        sender.broadcast(name, {"x": float("nan")})
    with pytest.raises(PayloadError):
        sender.send(name, "", {})


def test_a_publish_that_stalls_is_never_made_again(own_redis: RedisServer, name: str) -> None:
    with Session(own_redis.url) as session, Sender(session) as sender:
        assert session.wait_up(5)
        sender.broadcast(name, {"n": 1})
        own_redis.freeze()
        with pytest.raises(RedisUnavailable):
            sender.broadcast(name, {"n": 2})
        own_redis.thaw()
        sender.broadcast(name, {"n": 3})

        def seen() -> list[int]:
            with session.lock:
                return [json.loads(one.opened.data)["n"] for one in session.journal.exchanges if one.target == name]

        eventually(lambda: 3 in seen())
        assert seen().count(2) <= 1


def test_answers_are_seen_where_only_some_channels_are_looked_at(redis_url: str, service: str) -> None:
    with Session(redis_url, Settings(patterns=(f"{service}*",))) as session, Sender(session) as sender:
        assert session.wait_up(5)

        def answered_in_view() -> bool:
            inquiry = sender.request(service, "echo", {})
            inquiry.result()
            exchange = eventually(lambda: session.correlator.find(inquiry.request_id), what="the request in view")
            assert exchange is not None
            return exchange.state is State.OK

        # The tap follows the reply channel from its next turn on, so the first answers may pass unseen.
        eventually(answered_in_view, every=0.1)
