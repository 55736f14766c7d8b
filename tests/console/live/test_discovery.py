"""Who is on the bus, learnt from the broker and from the traffic, on a real Redis."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from daebus import Daebus
from daebus.transport.address import RedisAddress
from daebus_console.engine.live.discovery import Discovery
from daebus_console.engine.session import Session
from tests.console.live.conftest import Publish
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer

OpenSession = Callable[..., Session]


@pytest.fixture
def impostor(own_redis: RedisServer) -> Iterator[Callable[[str, str, list[str]], list[bytes]]]:
    """Subscribes like an instance of a service on this framework and answers `info`; returns what it was sent."""
    stops: list[Callable[[], None]] = []

    def start(service: str, instance: str, actions: list[str]) -> list[bytes]:
        client = own_redis.client()
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        pubsub.subscribe(f"daebus.control.{service}", service)
        received: list[bytes] = []
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                message = pubsub.get_message(timeout=0.05)
                if message is None:
                    continue
                received.append(message["data"])
                asked = json.loads(message["data"])
                info = {
                    "service": service,
                    "instance": instance,
                    "actions": [{"name": name, "doc": f"does {name}"} for name in actions],
                    "listens": ["news"],
                }
                reply = {"status": "success", "payload": info, "request_id": asked["request_id"], "final": True}
                client.publish(asked["reply_to"], json.dumps(reply))

        thread = threading.Thread(target=serve)
        thread.start()

        def end() -> None:
            stop.set()
            thread.join()
            pubsub.close()
            client.close()

        stops.append(end)
        return received

    yield start
    for stop in stops:
        stop()


def test_services_on_the_framework_are_found_and_tell_of_themselves(
    open_session: OpenSession, impostor: Callable[[str, str, list[str]], list[bytes]]
) -> None:
    impostor("users", "u1", ["get_user", "create_user"])
    session = open_session()
    assert session.wait_for(lambda: bool(session.directory.services.get("users")), 5)
    users = session.directory.services["users"]
    assert session.wait_for(lambda: bool(users.instances), 5)
    assert users.framework
    assert users.subscribers == 1
    assert [(action.name, action.doc) for action in users.actions.values()] == [
        ("get_user", "does get_user"),
        ("create_user", "does create_user"),
    ]
    assert session.directory.channels["news"].listeners == {"users"}


def test_two_instances_of_one_service_are_two(
    open_session: OpenSession, impostor: Callable[[str, str, list[str]], list[bytes]]
) -> None:
    impostor("users", "u1", ["get_user"])
    impostor("users", "u2", ["get_user"])
    session = open_session()
    assert session.wait_for(lambda: "users" in session.directory.services, 5)
    assert session.wait_for(lambda: set(session.directory.services["users"].instances) == {"u1", "u2"}, 5)


def test_other_programs_are_seen_and_never_sent_anything(
    open_session: OpenSession, own_redis: RedisServer, publish: Publish
) -> None:
    with own_redis.client() as client:
        pubsub = client.pubsub()
        pubsub.subscribe("legacy", "news", "caller:1")
        session = open_session()
        assert session.wait_for(lambda: len(session.directory.channels) == 2, 5)
        assert session.directory.reply_channels >= 1
        publish("legacy", {"action": "go", "payload": {}, "reply_to": "caller:1", "request_id": "1"})
        assert session.wait_for(lambda: "legacy" in session.directory.services, 5)
        assert not session.directory.services["legacy"].framework
        polled = session.directory.polled
        assert session.wait_for(lambda: session.directory.polled != polled, 5)
        # Three confirmations and one message wait in the socket; anything else would be ours.
        received = []
        while (message := pubsub.get_message(timeout=0.2)) is not None:
            received.append((message["type"], message["channel"]))
        assert received[3:] == [("message", b"legacy")]
        pubsub.close()


def test_what_has_gone_away_is_remembered(open_session: OpenSession, own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        pubsub = client.pubsub()
        pubsub.subscribe("news")
        session = open_session()
        assert session.wait_for(lambda: "news" in session.directory.channels, 5)
        assert session.directory.channels["news"].gone is None
        pubsub.close()
    assert session.wait_for(lambda: session.directory.channels["news"].gone is not None, 5)


def test_many_services_are_asked_one_after_the_other_a_few_at_a_time(
    open_session: OpenSession, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instances of one process that answer all at once get in one another's way; none is left out."""
    several, given = 30, Discovery._given
    at_once: list[int] = []

    def counted(discovery: Discovery, some: Sequence[tuple[bytes, bytes]]) -> list[object]:
        at_once.append(len(some))
        return given(discovery, some)

    monkeypatch.setattr(Discovery, "_given", counted)
    apps = [Daebus(f"many{number}", max_workers=1) for number in range(several)]
    try:
        for app in apps:
            app.action("echo")(dict)
            app.start(redis_url=own_redis.url)
        session = open_session()
        assert session.wait_for(
            lambda: sum(len(one.instances) for one in session.directory.services.values()) == several, 20
        )
        assert sum(at_once) >= several
        assert max(at_once) <= 8
    finally:
        for app in apps:
            app.stop()


def test_polling_faster_than_once_a_second_is_refused(open_session: OpenSession) -> None:
    session = open_session()
    with pytest.raises(ValueError, match="burden"):
        Discovery(
            session.address,
            on_poll=lambda _poll: (),
            on_ask=lambda _request_id: None,
            on_trouble=lambda _trouble: None,
            reply_to="caller:x",
            every=0.5,
        )


def test_it_ends_at_once_while_nothing_is_heard_yet() -> None:
    asked = threading.Semaphore(0)
    times = 0

    def hears() -> bool:
        nonlocal times
        times += 1
        asked.release()
        return False

    discovery = Discovery(
        RedisAddress(f"redis://127.0.0.1:{free_port()}/0"),
        on_poll=lambda _poll: (),
        on_ask=lambda _request_id: None,
        on_trouble=lambda _trouble: None,
        reply_to="caller:x",
        hears=hears,
    )
    discovery.start()
    assert asked.acquire(timeout=5)
    before = times
    discovery.stop()
    assert times - before <= 2, "it does not ask over and over"


def test_who_answers_for_a_service_tells_of_no_other(
    open_session: OpenSession, own_redis: RedisServer, impostor: Callable[[str, str, list[str]], list[bytes]]
) -> None:
    impostor("users", "u1", ["get_user"])
    with own_redis.client() as client:
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        pubsub.subscribe("daebus.control.evil", "evil")
        session = open_session()
        asked = None
        while asked is None:
            asked = pubsub.get_message(timeout=10)
        question = json.loads(asked["data"])
        for name in ("ghost", "users", "evil"):
            info = {"service": name, "instance": f"{name}-9", "actions": [], "listens": []}
            answer = {"status": "success", "payload": info, "request_id": question["request_id"], "final": True}
            client.publish(question["reply_to"], json.dumps(answer))
        assert session.wait_for(lambda: bool(session.directory.services["evil"].instances), 5)
        assert session.wait_for(lambda: bool(session.directory.services["users"].instances), 5)
        assert set(session.directory.services["evil"].instances) == {"evil-9"}
        assert set(session.directory.services["users"].instances) == {"u1"}
        assert "ghost" not in session.directory.services
        pubsub.close()


def test_what_answers_no_question_of_ours_tells_nothing(open_session: OpenSession, publish: Publish) -> None:
    session = open_session()
    info = {"service": "ghost", "instance": "g1", "actions": [{"name": "haunt"}], "listens": ["news"]}
    publish(session.reply_to, {"status": "success", "payload": info, "request_id": "made-up", "final": True})
    assert session.wait_for(lambda: session.status.messages >= 1, 5)
    assert "ghost" not in session.directory.services
    assert "news" not in session.correlator.listened
