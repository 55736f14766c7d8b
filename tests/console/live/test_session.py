"""The session on a real Redis: what it sees, what it owns up to not having seen, and what it never does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

from daebus_console.engine.message.exchange import Exchange, Flag, Kind, State
from daebus_console.engine.session import Session
from daebus_console.engine.settings import Settings
from tests.console.live.conftest import Publish
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer, publish_at_once
from tests.support.waiting import eventually

OpenSession = Callable[..., Session]


def exchanges(session: Session) -> list[Exchange]:
    with session.lock:
        return [one for one in session.journal.exchanges if not one.flags & Flag.CONTROL]


def request(request_id: str, **fields: object) -> dict[str, object]:
    return {
        "action": "get",
        "payload": {},
        "reply_to": "caller:a",
        "request_id": request_id,
        "service": "shop",
        **fields,
    }


def answer(request_id: str, **fields: object) -> dict[str, object]:
    return {"status": "success", "payload": {"ok": 1}, "request_id": request_id, "final": True, **fields}


def test_a_request_is_paired_with_its_answer(open_session: OpenSession, publish: Publish) -> None:
    session = open_session()
    publish("users", request("1"))
    publish("caller:a", answer("1", elapsed=0.0, instance="users-1"))
    assert session.wait_for(lambda: session.status.messages >= 2, 5)
    (exchange,) = exchanges(session)
    assert (exchange.kind, exchange.state, exchange.source, exchange.target) == (
        Kind.REQUEST,
        State.OK,
        "shop",
        "users",
    )
    assert exchange.latency is not None
    assert 0 <= exchange.latency < 5
    assert exchange.instance == "users-1"


def test_nothing_is_lost_or_reordered_in_a_burst(open_session: OpenSession, own_redis: RedisServer) -> None:
    session = open_session()
    count = 20_000
    with own_redis.client() as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(count):
            pipeline.publish("events", json.dumps({"n": number}))
        pipeline.execute()
    assert session.wait_for(lambda: session.status.messages >= count, 20)
    with session.lock:
        numbers = [json.loads(message.data)["n"] for message in session.journal.messages]
    assert numbers == list(range(count))
    assert session.status.gaps == 0


def test_a_killed_redis_leaves_a_gap_and_what_was_pending_is_unknown(
    open_session: OpenSession, own_redis: RedisServer, publish: Publish
) -> None:
    session = open_session()
    publish("users", request("1"))
    assert session.wait_for(lambda: session.status.messages >= 1, 5)
    own_redis.kill()
    assert session.wait_for(lambda: not session.status.up, 5)
    assert exchanges(session)[0].state is State.UNKNOWN
    own_redis.start()
    assert session.wait_for(lambda: session.status.up, 10)
    gap = exchanges(session)[1].aside.gap
    assert gap is not None
    assert gap.end is not None
    assert gap.end >= gap.start
    assert "closed" in gap.reason
    publish("users", request("2"))
    publish("caller:a", answer("2"))
    assert session.wait_for(lambda: len(exchanges(session)) == 3, 5)
    eventually(lambda: exchanges(session)[2].state is State.OK)
    assert session.status.gaps == 1


def test_a_connection_cut_by_the_server_is_a_gap(open_session: OpenSession, own_redis: RedisServer) -> None:
    session = open_session()
    with own_redis.client() as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    assert session.wait_for(lambda: session.status.gaps == 1 and session.status.up, 10)
    kinds = [one.kind for one in exchanges(session)]
    assert kinds == [Kind.GAP]


def test_a_tap_that_falls_behind_is_cut_off_and_says_so(open_session: OpenSession, own_redis: RedisServer) -> None:
    with own_redis.client() as client:
        client.config_set("client-output-buffer-limit", "pubsub 1mb 0 0")
        session = open_session()
        # Hold the engine's lock: the tap cannot hand on what it has read, and the server's buffer fills up.
        with session.lock:
            for _ in range(40):
                publish_at_once(client, "events", b'{"x": "' + b"x" * 10_000 + b'"}', 50)
    assert session.wait_for(lambda: session.status.gaps >= 1, 10)
    assert session.wait_for(lambda: session.status.up, 10)
    assert any(one.kind is Kind.GAP for one in exchanges(session))


def test_requests_time_out_by_their_own_timeout_or_the_setting(open_session: OpenSession, publish: Publish) -> None:
    session = open_session(timeout=0.2)
    publish("users", request("1"))
    publish("users", request("2", timeout=3600))
    assert session.wait_for(lambda: session.status.messages >= 2, 5)
    assert session.wait_for(lambda: exchanges(session)[0].state is State.TIMEOUT, 5)
    assert exchanges(session)[1].state is State.PENDING


def test_overlapping_patterns_show_a_message_once(open_session: OpenSession, publish: Publish) -> None:
    session = open_session(patterns=("shop.*", "*.orders", "other"))
    assert publish("shop.orders", {"n": 1}) == 2
    publish("shop.users", {"n": 2})
    publish("unseen", {"n": 3})
    publish("other", {"n": 4})
    assert session.wait_for(lambda: session.status.messages >= 3, 5)
    with session.lock:
        seen = [message.channel for message in session.journal.messages if not message.channel.startswith("caller:")]
    assert seen == ["shop.orders", "shop.users", "other"]


def test_what_was_read_by_name_is_seen_by_its_pattern_once_that_is_granted(
    open_session: OpenSession, publish: Publish
) -> None:
    session = open_session(patterns=("shop.*", "other"))
    session.tap.follow(["shop.orders"])
    eventually(lambda: "shop.orders" in session.tap.followed())
    assert publish("shop.orders", {"n": 1}) == 2
    session.tap.unfollow_shown()
    eventually(lambda: "shop.orders" not in session.tap.followed())
    assert publish("shop.orders", {"n": 2}) == 1
    publish("other", {"n": 3})
    assert session.wait_for(lambda: "other" in session.directory.channels, 5)
    assert [one.target for one in exchanges(session)] == ["shop.orders", "shop.orders", "other"]


def test_a_user_without_the_rule_is_told_and_sees_the_channels_found(own_redis: RedisServer, publish: Publish) -> None:
    with own_redis.client() as admin:
        admin.execute_command(
            "ACL", "SETUSER", "looker", "on", ">pw", "+@all", "~*", "resetchannels", "&shop*", "&caller:*"
        )
        with own_redis.client() as subscriber:
            pubsub = subscriber.pubsub()
            pubsub.subscribe("shop_events", "hidden")
            url = own_redis.url.replace("redis://", "redis://looker:pw@")
            session = Session(url, Settings())
            with session:
                assert session.wait_for(lambda: session.status.blind is not None, 5)
                assert "&*" in (session.status.blind or "")
                assert "pw" not in (session.status.blind or "")

                def seen() -> bool:
                    publish("shop_events", {"n": 1})
                    return any(one.target == "shop_events" for one in exchanges(session))

                eventually(seen, within=10, every=0.1)
            pubsub.close()


def test_no_redis_is_told_at_once_without_the_password() -> None:
    session = Session(f"redis://:secret@127.0.0.1:{free_port()}/0")
    with session:
        assert not session.wait_up(5)
        assert session.status.problem
        assert "secret" not in session.status.problem
        assert "secret" not in str(session.address)


def test_stopping_ends_every_thread_and_connection(open_session: OpenSession, own_redis: RedisServer) -> None:
    before = {thread.name for thread in threading.enumerate()}
    session = Session(own_redis.url)
    session.start()
    assert session.wait_up(5)
    session.stop()
    assert {thread.name for thread in threading.enumerate()} <= before
    with own_redis.client() as client:
        eventually(lambda: client.client_list(_type="pubsub") == [])


def test_garbage_on_the_bus_is_shown_and_breaks_nothing(open_session: OpenSession, publish: Publish) -> None:
    session = open_session()
    garbage = [b"", b"\x00\xff\xfe", b"[1, 2]", b"null", b'{"action": 5}', b"{" * 5000, b'"text"', b"x" * 1_000_000]
    for data in garbage:
        publish("users", data)
    publish("users", request("1"))
    assert session.wait_for(lambda: session.status.messages >= len(garbage) + 1, 5)
    kinds = [one.kind for one in exchanges(session)]
    assert kinds.count(Kind.BROADCAST) == len(garbage)
    assert kinds[-1] is Kind.REQUEST
